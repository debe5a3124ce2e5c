"""Saved searches of devices: keeping them, and finding what they mean to somebody now.

A search is checked when it is saved and again when it is used: a filter that is gone is named and never ignored, since
a list that silently grew could be sent a command. It finds within the limit of who uses it, and forgives no typing
errors.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db import IntegrityError, transaction
from django.utils import timezone

from devices.access import is_limited
from devices.list_filters import FILTERS
from devices.models import DefaultSearch, Device, SavedSearch
from devices.querysets import DeviceQuerySet
from devices.search import MAX_TEXT, plain
from devices.timeline import Actor, record_event
from mdm_project.errors import BadRequest, Conflict, Refused

SHARE = "devices.share_savedsearch"
MAX_NAME = 100


class BrokenSearch(Conflict):
    """A saved search that cannot be used any more; ``fields`` names what is wrong with it."""

    code = "broken_search"


def save_search(
    name: str, *, search: str = "", filters: Mapping[str, str] | None = None, is_shared: bool = False, actor: Actor
) -> SavedSearch:
    """Keep a search for somebody, or for everybody; raises BadRequest, Refused and, for a name used twice, Conflict."""
    saved = SavedSearch(owner=actor.user)
    return _write(saved, {"name": name, "search": search, "filters": filters or {}, "is_shared": is_shared}, actor)


def change_search(saved: SavedSearch, *, actor: Actor, **changes) -> SavedSearch:
    """Change name, search, filters or is_shared; raises what save_search raises."""
    return _write(saved, changes, actor)


def delete_search(saved: SavedSearch, *, actor: Actor) -> None:
    """Delete a search; commands that were sent to it keep its name."""
    _require_own(saved, actor.user)
    with transaction.atomic():
        if saved.is_shared:
            record_event("saved_search_deleted", f"the shared search {saved} deleted", actor=actor.name)
        saved.delete()


def may_change(saved: SavedSearch, user) -> bool:
    """Say whether somebody may change or delete a search: their own; shared ones, with the permission to share.

    Not for who is limited to some groups: others send commands to what a shared search finds, everywhere.
    """
    is_own = saved.owner_id is not None and saved.owner_id == user.pk
    return is_own or (saved.is_shared and user.has_perm(SHARE) and not is_limited(user))


def devices_of(saved: SavedSearch, user) -> DeviceQuerySet:
    """Return the devices that a search finds for somebody now; raises BrokenSearch."""
    return narrowed(Device.objects.visible_to(user), saved, user)


def narrowed(devices: DeviceQuerySet, saved: SavedSearch, user) -> DeviceQuerySet:
    """Keep those of some devices that a search finds; raises BrokenSearch."""
    problems = problems_of(saved.search, saved.filters, user)
    if problems:
        first = "; ".join(f"{path}: {why}" for path, why in problems.items())
        raise BrokenSearch(f"the saved search {saved} cannot be used: {first}", fields=problems)
    for name, value in saved.filters.items():
        devices = FILTERS[name].narrow(devices, value, user)
    return devices.matching(saved.search, forgiving=False) if saved.search else devices


def problems_of(search: str, filters: Mapping[str, str], user) -> dict[str, str]:
    """Return what is wrong with a search by key path; what has neither text nor filter would find everything."""
    problems = {}
    if search and not plain(search):
        problems["search"] = "holds nothing that can be looked for"
    if len(search) > MAX_TEXT:
        problems["search"] = f"is longer than {MAX_TEXT} letters"
    if not search and not filters:
        problems["filters"] = "a search needs a text or a filter"
    if len(filters) > len(FILTERS):
        return problems | {"filters": f"there are no more than {len(FILTERS)} filters"}
    for name, value in filters.items():
        known = FILTERS.get(name)
        why = known.problem(str(value), user) if known else f"there is no such filter; known are {', '.join(FILTERS)}"
        if why:
            problems[f"filters.{name}"] = why
    return problems


def words_of(saved: SavedSearch, user) -> list[str]:
    """Return what a search looks for, in words, as far as somebody may know the names of groups and tags."""
    return words_of_each([saved], user)[0]


def words_of_each(searches: Sequence[SavedSearch], user) -> list[list[str]]:
    """Return the words of several searches, in their order; the number of statements does not depend on theirs."""
    values: dict[str, set[str]] = defaultdict(set)
    for saved in searches:
        for name, value in saved.filters.items():
            values[name].add(value)
    words = {name: FILTERS[name].words(found, user) for name, found in values.items() if name in FILTERS}
    return [_words(saved, words) for saved in searches]


def _words(saved: SavedSearch, words: dict[str, dict[str, str]]) -> list[str]:
    said = [f"\u201c{saved.search}\u201d"] if saved.search else []
    for name, value in saved.filters.items():
        said.append(f"{FILTERS[name].label}: {words[name][value]}" if name in words else f"{name}: {value}")
    return said


def default_of(user) -> SavedSearch | None:
    """Return the search with which somebody's list opens, if they may still use it."""
    return (
        SavedSearch.objects.visible_to(user)
        .filter(pk__in=DefaultSearch.objects.filter(user=user).values("search"))
        .first()
    )


def set_default(user, saved: SavedSearch | None) -> None:
    """Let somebody's list of devices open with a search, or with everything."""
    if saved is None:
        DefaultSearch.objects.filter(user=user).delete()
    else:
        DefaultSearch.objects.update_or_create(user=user, defaults={"search": saved})


def _write(saved: SavedSearch, changes: dict, actor: Actor) -> SavedSearch:
    was_shared = saved.is_shared and saved.pk is not None
    if saved.pk is not None:
        _require_own(saved, actor.user)
    for name, value in changes.items():
        setattr(saved, name, value)
    _check(saved, actor.user)
    # Who may no longer share can still take back what they shared.
    if saved.is_shared and not actor.user.has_perm(SHARE):
        raise Refused("you may not share searches with everybody")
    saved.changed_at = timezone.now()
    try:
        with transaction.atomic():
            saved.save()
            if was_shared or saved.is_shared:
                record_event("saved_search_changed", f"the shared search {saved} saved", actor=actor.name)
    except IntegrityError as error:
        raise Conflict("you have a search of this name", fields={"name": "is used by another search"}) from error
    return saved


def _check(saved: SavedSearch, user) -> None:
    saved.name, saved.search = " ".join(saved.name.split()), saved.search.replace("\x00", "").strip()
    problems = problems_of(saved.search, saved.filters, user)
    if not saved.name or len(saved.name) > MAX_NAME:
        problems["name"] = f"is needed, with at most {MAX_NAME} letters"
    if problems:
        raise BadRequest("; ".join(f"{path}: {why}" for path, why in problems.items()), fields=problems)


def _require_own(saved: SavedSearch, user) -> None:
    if user is None or not may_change(saved, user):
        raise Refused("this search belongs to somebody else")

"""Filters of the list of devices, and a fact of smart groups, by how far a profile is on them.

``profile`` takes the id of a profile: devices that should have it or had it from us. ``profile_state`` takes a word, of
any profile, or a profile and a word, such as 5-failed.
"""

from collections.abc import Collection

from django.db.models import Exists, OuterRef

from commands.standing import ItemStanding, Word
from devices.list_filters import pk_of, register
from devices.rules.facts import BUILT_IN, Fact
from profiles.models import Profile

STATES = dict(Word.choices)
PROFILE_STATE = "profile_state"


def _by_profile(devices, value, _user):
    return devices.filter(Exists(_of_device(profile=pk_of(value))))


def _profile_problem(value, user) -> str:
    is_there = pk_of(value) is not None and Profile.objects.visible_to(user).filter(pk=pk_of(value)).exists()
    return "" if is_there else f"there is no profile {value}"


def _profile_words(values: Collection[str], user) -> dict[str, str]:
    names = dict(Profile.objects.visible_to(user).filter(pk__in=_ids(values)).values_list("pk", "name"))
    return {value: names.get(pk_of(value), value) for value in values}


def _by_state(devices, value, _user):
    profile, _, word = value.rpartition("-")
    narrower = {"profile": pk_of(profile)} if profile else {}
    return devices.filter(Exists(_of_device(word=word, **narrower)))


def _state_problem(value, user) -> str:
    profile, _, word = value.rpartition("-")
    if word not in STATES:
        return f"no such value: {value}; known are {', '.join(STATES)}, each of one profile as in 5-failed"
    return _profile_problem(profile, user) if profile else ""


def _state_words(values: Collection[str], user) -> dict[str, str]:
    parts = {value: value.rpartition("-") for value in values}
    names = _profile_words([profile for profile, _, _word in parts.values() if profile], user)
    return {
        value: f"{names[profile]}: {STATES.get(word, word)}" if profile else STATES.get(word, word)
        for value, (profile, _, word) in parts.items()
    }


def _ids(values: Collection[str]) -> set[int]:
    return {pk for pk in map(pk_of, values) if pk is not None}


def _of_device(**conditions):
    return ItemStanding.objects.filter(device=OuterRef("pk"), **conditions).order_by()


register("profile", "Profile", _by_profile, problem=_profile_problem, words=_profile_words)
register("profile_state", "Profile state", _by_state, problem=_state_problem, words=_state_words)
BUILT_IN[PROFILE_STATE] = Fact(
    PROFILE_STATE, "state of the profile {of}", "choice", "word", lambda of: _of_device(identifier=of),
    of="the profile's identifier", choices=tuple(Word.choices),
)  # fmt: skip

"""The Devices tab of a profile: how far it is on each device, why, and trying again what failed.

Also of one assignment, with ``?assignment=``. Everything is counted and filtered in the database; a page is explained.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import F
from django.http import Http404
from django.utils import timezone
from django.views.decorators.http import require_POST

from commands.drift import drift_of
from commands.standing import STATUS_OF, ItemStanding, Word
from commands.standing_rows import MOVING, Row, causes_of, page_of, retry, rows_of, shares_of, with_cause
from devices.models import Device
from devices.staff import record_export
from devices.timeline import Actor
from mdm_project.console import is_row_id, stream_rows
from mdm_project.status import Status
from profiles.console.access import find_profile
from profiles.models import Assignment, Profile

PAGE_SIZE, CSV_BATCH = 50, 1000
VIEW_DEVICE, RETRY = "devices.view_device", "commands.add_command"
BY_NAME = ("device__name", "device_id", "id")
ORDERS = {"device": BY_NAME, "state": ("word", *BY_NAME), "since": (F("since").desc(nulls_last=True), "id")}
HEADINGS = (
    "device", "serial number", "channel", "state", "wanted version", "sent version", "since", "reason", "assignment",
    "groups",
)  # fmt: skip


@dataclass(frozen=True)
class Chip:
    """A word with its number, as a link that narrows the list to it, or widens it again."""

    status: Status
    number: int
    query: str
    is_chosen: bool


class DeviceTab:
    """What the address asks of the tab. ``standings`` are those that are counted, ``found`` those that are listed."""

    def __init__(self, profile: Profile, user, asked):
        self.profile, self.text = profile, asked.get("q", "").replace("\x00", "").strip()
        self.word = asked.get("state", "") if asked.get("state", "") in Word.values else ""
        self.cause, self.order = asked.get("cause", ""), asked.get("o", "") if asked.get("o") in ORDERS else "device"
        self.assignment = _assignment(profile, user, asked.get("assignment", ""))
        self.standings = ItemStanding.objects.visible_to(user).filter(profile=profile)
        if self.assignment is not None:
            self.standings = self.standings.filter(assignment=self.assignment)
        if self.text:
            matching = Device.objects.visible_to(user).matching(self.text, forgiving=False).order_by()
            self.standings = self.standings.filter(device__in=matching.values("pk"))
        found = with_cause(self.standings, self.cause) if self.cause else self.standings
        self.found = (found.filter(word=self.word) if self.word else found).order_by(*ORDERS[self.order])

    def query(self, **changes) -> str:
        """Return the address's query with some of it changed; a page number is not kept."""
        kept = {"state": self.word, "cause": self.cause, "q": self.text, "o": self.order}
        kept |= {"assignment": self.assignment.pk if self.assignment else "", **changes}
        return urlencode({name: value for name, value in kept.items() if value and (name, value) != ("o", "device")})

    @property
    def is_narrowed(self) -> bool:
        return bool(self.word or self.cause or self.text)

    @property
    def own_query(self) -> str:
        return self.query()

    @property
    def wide_query(self) -> str:
        return self.query(state="", cause="")

    @property
    def headings(self) -> list[tuple[str, str, bool]]:
        """Return label, query and whether the list is ordered by it, of the columns that order it."""
        return [(name.capitalize(), self.query(o=name), name == self.order) for name in ORDERS]


def _assignment(profile: Profile, user, text: str) -> Assignment | None:
    if not text:
        return None
    found = profile.assignments.visible_to(user).filter(pk=text).first() if is_row_id(text) else None
    if found is None:
        raise Http404("the profile has no such assignment")
    return found


def chips(counts: dict[str, int], tab: DeviceTab) -> list[Chip]:
    """Return the words that some device stands at, in the order of a profile's life."""
    return [
        Chip(
            STATUS_OF[word], counts[word], tab.query(state="" if tab.word == word else word, cause=""), tab.word == word
        )
        for word in Word.values
        if counts.get(word) or tab.word == word
    ]


def _csv_rows(found, user) -> Iterator[tuple]:
    for start in itertools.count(0, CSV_BATCH):
        standings = page_of(found[start : start + CSV_BATCH])
        yield from map(_csv_row, rows_of(standings, user))
        if len(standings) < CSV_BATCH:
            return


def _csv_row(row: Row) -> tuple:
    it = row.standing
    return (
        str(it.device), it.device.serial_number, row.channel, it.word,
        it.version.number if it.wanted_id and it.version else "", it.sent_version.number if it.sent_version else "",
        it.since, row.reason, it.assignment_id, ", ".join(name for _pk, name in row.groups),
    )  # fmt: skip


DRIFT_SHOWN = 10


class DevicePages:
    """Mixin of the profile admin: the devices of a profile."""

    def device_urls(self) -> list:
        return [
            self.view_path("<int:pk>/devices/", self.devices_view, "devices"),
            self.view_path("<int:pk>/devices/csv/", self.devices_csv_view, "devices_csv"),
            self.view_path("<int:pk>/devices/retry/", require_POST(self.devices_retry_view), "devices_retry"),
        ]

    def devices_view(self, request, pk):
        """List the devices of a profile, narrowed as the address says; read again while something moves."""
        tab = self._tab(request, pk)
        page = Paginator(tab.found, PAGE_SIZE).get_page(request.GET.get("p"))
        counts = tab.standings.by_word()
        context = {
            "title": f"Devices of {tab.profile.name}",
            "profile": tab.profile,
            "tab": tab,
            "chips": chips(counts, tab),
            "shares": shares_of(counts),
            "all_query": tab.query(assignment=""),
            "total": sum(counts.values()),
            "causes": causes_of(tab.standings) if counts else [],
            "rows": rows_of(page_of(page.object_list), request.user),
            "page": page,
            "is_moving": any(counts.get(word) for word in MOVING),
            "may_retry": request.user.has_perm(RETRY),
            "drift": drift_of(tab.profile, request.user)[:DRIFT_SHOWN],
        }
        return self.page(request, "console/profile/devices.html", context)

    def devices_csv_view(self, request, pk):
        """Stream what the page lists, all of it, in its order."""
        tab = self._tab(request, pk)
        record_export(f"devices of {tab.profile.name} as CSV", by=request.user, query=request.GET.urlencode())
        return stream_rows(
            f"profile-{tab.profile.pk}-devices-{timezone.now():%Y-%m-%d}.csv",
            HEADINGS,
            _csv_rows(tab.found, request.user),
        )

    def devices_retry_view(self, request, pk):
        """Try again what failed among what the page lists."""
        if not request.user.has_perm(RETRY):
            raise PermissionDenied
        tab = self._tab(request, pk)
        address = f"{self.route('devices', pk)}?{tab.query()}"
        number = retry(tab.found, actor=Actor.staff(request.user))
        if not number:
            return self.failed(request, "Nothing of this failed, or it is being tried again already.", address)
        return self.done(request, f"To be tried again: {number:,}.", address, reload=True)

    def _tab(self, request, pk) -> "DeviceTab":
        for permission in ("profiles.view_profile", VIEW_DEVICE):
            if not request.user.has_perm(permission):
                raise PermissionDenied
        return DeviceTab(find_profile(request.user, pk), request.user, request.GET)

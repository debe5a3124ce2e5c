"""The Configuration tab of the device page: how far each profile is, why it is meant, what else is installed.

Retrying what failed is done by commands.reconcile.
"""

import zlib
from collections import defaultdict
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from commands.configuration import Item, items_of
from commands.reconcile import retry_items
from commands.standing import SETTLED, STATUS_OF
from devices.console.page import find_device
from devices.models import Device
from devices.timeline import Actor
from mdm_project.row_ids import is_row_id, row_id_of
from mdm_project.status import Status
from profiles.effective import effective_configuration
from profiles.models import Assignment, ItemStatus
from profiles.removal import Explanation, Removable, removability

MAY_SEE = "profiles.view_profile"
MAY_RETRY = "commands.add_command"


@dataclass(frozen=True)
class Row:
    """An item as it is shown; ``groups`` are those of its assignment that the device is in."""

    item: Item
    status: Status
    groups: list[tuple[int, str]]
    explanation: Explanation | None


@dataclass(frozen=True)
class Foreign:
    """A profile on the device that is not ours."""

    removable: Removable
    explanation: Explanation


def configuration_context(device: Device, text: str = "") -> dict:
    """Return what the tab shows; a fixed number of statements."""
    items = items_of(device)
    explained = removability(device)
    by_key = {(each.installed.channel_id, each.installed.identifier): why for each, why in explained}
    ours = {(item.channel.pk, item.identifier) for item in items}
    groups = _groups(device, {item.wanted.assignment_id for item in items if item.wanted})
    rows = [
        Row(
            item,
            STATUS_OF[item.words.word].because(item.words.reason),
            groups[item.wanted.assignment_id] if item.wanted else [],
            by_key.get((item.channel.pk, item.identifier)),
        )
        for item in items
    ]
    others = [
        Foreign(each, why)
        for each, why in explained
        if (each.installed.channel_id, each.installed.identifier) not in ours
    ]
    words = [(*_key(item), item.words.word, item.words.reason) for item in items]
    return {
        "configuration": rows,
        "others": others,
        "is_settled": all(item.words.word in SETTLED or item.words.word == "failed" for item in items),
        "has_failed": any(item.words.word == "failed" or _waits(item) for item in items),
        "configuration_version": zlib.crc32(repr(words).encode()),
    }


def _key(item: Item) -> tuple:
    return item.channel.pk, item.identifier, item.wanted and item.wanted.version_id


def _waits(item: Item) -> bool:
    is_for_it = item.words.word != "not_applicable"
    return bool(is_for_it and item.status and item.status.attempts and item.status.next_attempt_at)


def _groups(device: Device, assignment_ids: set[int]) -> dict[int, list[tuple[int, str]]]:
    """Return the groups that bring each assignment to the device, by assignment; one statement."""
    found = defaultdict(list)
    meant = Assignment.objects.filter(pk__in=assignment_ids, include__memberships__device=device)
    columns = meant.values_list("pk", "include__pk", "include__name").order_by("include__name", "include__pk", "pk")
    for pk, group_id, name in columns:
        found[pk].append((group_id, name))
    return found


class ConfigurationPages:
    """Mixin of the device admin: the moving part of the tab, what holds, and trying again."""

    def configuration_urls(self) -> list:
        return [
            self.view_path("<int:pk>/configuration/", self.configuration_view, "configuration"),
            self.view_path("<int:pk>/effective/", self.effective_view, "effective"),
            self.view_path("<int:pk>/configuration/retry/", require_POST(self.retry_view), "retry_configuration"),
        ]

    def configuration_view(self, request, pk):
        """Answer the poll of the tab: 204 while nothing has changed."""
        device = self._configured_device(request, pk)
        context = configuration_context(device)
        if request.GET.get("version") == str(context["configuration_version"]):
            return HttpResponse(status=204)
        return render(request, "console/device/configuration_items.html", {"device": device, **context})

    def effective_view(self, request, pk):
        """Show each key that holds on the device, whose it is, and what was overruled; secrets stay hidden."""
        device = self._configured_device(request, pk)
        context = {"device": device, "channels": effective_configuration(device)}
        if request.headers.get("HX-Request"):
            return render(request, "console/device/effective.html", context)
        return self.page(request, "console/device/effective_page.html", {"title": f"What holds on {device}", **context})

    def retry_view(self, request, pk):
        """Try again what failed on the device: one item where the form names it, else all."""
        if not request.user.has_perm(MAY_RETRY):
            raise PermissionDenied
        device = self._configured_device(request, pk)
        address = f"{self.route('change', device.pk)}?tab=configuration#tabs"
        items = ItemStatus.objects.filter(channel__device=device)
        item = request.POST.get("item", "")
        if item:
            items = items.filter(pk=row_id_of(item)) if is_row_id(item) else items.none()
        number = retry_items(items, actor=Actor.staff(request.user))
        if not number:
            return self.failed(request, "Nothing failed or waits for another try.", address)
        return self.done(request, f"{number} profile{'' if number == 1 else 's'} to be tried again.", address)

    def _configured_device(self, request, pk) -> Device:
        if not self.has_view_permission(request) or not request.user.has_perm(MAY_SEE):
            raise PermissionDenied
        return find_device(request.user, pk)

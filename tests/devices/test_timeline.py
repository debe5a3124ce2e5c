"""The timeline: only added to, kept for its retention, and shown with what became of commands."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from commands.history import Wanted, past, planned
from commands.models import QueuedCommand
from devices.events import delete_old_events
from devices.groups import add_members, create_group, remove_members
from devices.models import Event
from devices.timeline import SYSTEM
from tests import factories


def make_event(device=None, days=0, **fields) -> Event:
    at = timezone.now() - timedelta(days=days)
    return Event.objects.create(device=device, at=at, **{"kind": "enrolled", "summary": "enrolled"} | fields)


@pytest.mark.parametrize(
    "act",
    [
        lambda rows: rows.update(summary="other"),
        lambda rows: rows._raw_delete("default"),
        lambda rows: rows.update(actor="x"),
    ],
)
def test_the_database_refuses_to_change_or_delete_an_event(db, act):
    event = make_event()
    with pytest.raises(IntegrityError), transaction.atomic():
        act(Event.objects.filter(pk=event.pk))
    assert Event.objects.get(pk=event.pk).summary == "enrolled"


def test_an_event_is_not_saved_again_or_deleted_by_its_row(db):
    event = make_event()
    for act in (event.save, event.delete):
        with pytest.raises(TypeError):
            act()


def test_a_deleted_device_leaves_its_events_behind(db):
    event = make_event(factories.make_device())
    event.device.delete()
    assert (Event.objects.get(pk=event.pk).device_id, Event.objects.get(pk=event.pk).summary) == (None, "enrolled")


def test_the_retention_deletes_what_is_older_and_nothing_else(db, settings, monkeypatch):
    settings.EVENT_RETENTION_DAYS = 10
    monkeypatch.setattr("devices.events.DELETE_BATCH", 2)
    kept = make_event(days=9)
    for _ in range(5):
        make_event(days=11)
    assert delete_old_events() == 5
    assert list(Event.objects.all()) == [kept]
    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.filter(pk=kept.pk)._raw_delete("default")


def test_joining_and_leaving_a_group_is_on_the_devices_timeline(db):
    device = factories.make_device()
    group = create_group("Kiosks", actor=SYSTEM)
    add_members(group, [device.pk], actor=SYSTEM)
    remove_members(group, [device.pk], actor=SYSTEM)
    assert list(device.events.order_by("id").values_list("kind", flat=True)) == ["group_joined", "group_left"]


def test_a_devices_timeline_has_its_events_and_what_became_of_commands(db):
    user = factories.make_staff("devices.view_device", "commands.view_command")
    queued = factories.make_queued(state=QueuedCommand.State.FAILED, note="no space")
    make_event(queued.channel.device, days=1)
    make_event(factories.make_device())
    waiting = factories.make_queued(queued.channel, "DeviceLock")
    lines = past(queued.channel.device, Wanted(), user, 50)
    assert [line.kind for line in lines] == ["command_failed", "enrolled"]
    assert "no space" in lines[0].summary
    assert waiting.pk in {line.queued_id for line in planned(queued.channel.device, user)}
    assert [line.kind for line in past(queued.channel.device, Wanted(text="space"), user, 50)] == ["command_failed"]
    blind = factories.make_staff("devices.view_device")
    assert [line.kind for line in past(queued.channel.device, Wanted(), blind, 50)] == ["enrolled"]


def test_the_pages_and_exports(client, db):
    device = factories.make_channel().device
    event = make_event(device, actor="anna")
    client.force_login(factories.make_staff(is_superuser=True))
    for path in (
        f"/console/devices/device/{device.pk}/change/?tab=timeline&q=enrolled&from=2020-01-01",
        f"/console/devices/event/{event.pk}/change/",
        "/console/devices/event/?actor=anna&at_from=2020-01-01",
        "/console/devices/event/?actor=anna&at_from=2020-01-01&at_to=9999-12-31",
        "/console/devices/event/?q=enrolled",
    ):
        response = client.get(path)
        assert response.status_code == 200, path
        assert "nrolled" in response.content.decode(), path
    for path in ("/console/devices/event/?kind=%00", "/console/devices/device/?platform__exact=%00"):
        assert client.get(path).status_code == 302, path
    for path in ("/console/devices/event/csv/?evil=1", "/console/devices/event/jsonl/?kind=%00"):
        assert client.get(path).status_code == 400, path
    for path in (
        f"/console/devices/event/csv/?device={device.pk}",
        f"/console/devices/event/jsonl/?device={device.pk}&at_from=2020-01-01",
    ):
        response = client.get(path)
        print(path, response.status_code, getattr(response, "url", ""))
        assert b"anna" in b"".join(response.streaming_content), path


def test_the_request_of_an_enrollment_is_on_the_line_of_the_enrollment_and_alone_where_none_followed(client, db):
    device = factories.make_channel().device
    again = make_event(device, kind="authenticated", summary="asks to enroll, certificate 77ff")
    make_event(device, days=2)
    request = make_event(device, days=2.001, kind="authenticated", summary="asks to enroll, certificate 20ab")
    client.force_login(factories.make_staff(is_superuser=True))
    address = f"/console/devices/device/{device.pk}/change/?tab=timeline"
    lines = client.get(address).context["lines"]
    assert [line.entry.event_id for line in lines if line.entry.kind == "authenticated"] == [again.pk]
    assert [line.request.entry.event_id for line in lines if line.request] == [request.pk]
    assert "certificate 20ab" in client.get(address).content.decode()
    shown = client.get(f"{address}&kind=authenticated").context["lines"]
    assert [line.entry.event_id for line in shown] == [again.pk, request.pk]

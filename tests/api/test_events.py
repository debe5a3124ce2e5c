"""The API's timeline of the fleet: filters, pages by key, one event, exports, and who sees what."""

import json
from base64 import b64encode
from datetime import timedelta

import pytest
from django.utils import timezone

from devices.groups import add_members, create_group
from devices.models import AccessLimit, Event
from devices.timeline import SYSTEM
from tests import factories
from tests.api.client import Caller

pytestmark = pytest.mark.django_db
MAY = ("devices.view_event", "devices.view_device")


def make_event(days: int = 0, **fields) -> Event:
    at = timezone.now() - timedelta(days=days)
    return Event.objects.create(at=at, **{"kind": "enrolled", "summary": "enrolled"} | fields)


def ids(caller: Caller, **query) -> list[int]:
    return [row["id"] for row in caller.results("events/", **query)]


def test_each_filter_leaves_what_it_says():
    device = factories.make_device(serial_number="F2LXQ1", name="Till 4")
    old = make_event(days=9, device=device, actor="anna")
    other = make_event(days=2, kind="tagged", summary="tagged red", actor="script (token asset database)")
    new = make_event(device=device, kind="checked_out", summary="left management", actor="device")
    caller = Caller(*MAY)
    edge = (timezone.now() - timedelta(days=5)).isoformat()
    for query, expected in (
        ({}, [new, other, old]), ({"device": device.pk}, [new, old]), ({"kind": "tagged"}, [other]),
        ({"actor": "ASSET"}, [other]), ({"since": edge}, [new, other]), ({"until": edge}, [old]),
        ({"search": "f2lx"}, [new, old]), ({"search": "checked out"}, [new]), ({"search": "till"}, [new, old]),
    ):  # fmt: skip
        assert ids(caller, **query) == [event.pk for event in expected], query
    for wrong in ({"device": "x"}, {"since": "yesterday"}, {"search": "a\x00b"}, {"device": 2**70}):
        assert caller.get("events/", **wrong).status_code == 400, wrong


def test_pages_go_by_key_so_that_what_comes_meanwhile_moves_none():
    events = [make_event() for _ in range(5)]
    caller = Caller(*MAY)
    first = caller.get("events/", page_size=2).json()
    make_event()
    second = caller.client.get(first["next"]).json()
    assert [row["id"] for row in first["results"] + second["results"]] == [it.pk for it in reversed(events[1:])]
    third = caller.client.get(second["next"]).json()
    assert ([row["id"] for row in third["results"]], third["next"]) == ([events[0].pk], None)
    assert caller.get("events/", cursor="nonsense").status_code == 404


@pytest.mark.parametrize("position", ["abc", "9" * 40, "9" * 5000, "1\0", "-1", "1.5"])
def test_a_cursor_that_was_made_up_is_refused(position):
    cursor = b64encode(f"p={position}".encode()).decode()
    assert Caller(*MAY).get("events/", cursor=cursor).status_code == 404


def test_an_event_has_an_address_that_stays_and_hides_what_looks_secret(settings):
    event = make_event(device=factories.make_device(serial_number="F2LXQ1"), data={"Password": "hunter2", "n": 1})
    row = Caller(*MAY).get(f"events/{event.pk}/").json()
    assert (row["serial_number"], row["data"]["n"]) == ("F2LXQ1", 1)
    assert "hunter2" not in json.dumps(row)
    assert row["link"] == f"{settings.PUBLIC_URL}/console/devices/event/{event.pk}/change/"


def test_limited_people_see_events_of_their_devices_only_in_every_form():
    device = factories.make_channel().device
    mine, other = make_event(device=device), make_event(device=factories.make_device(), summary="elsewhere")
    fleetwide = make_event(summary="limit of everybody")
    caller = Caller(*MAY)
    group = create_group("Lyon", actor=SYSTEM)
    add_members(group, [device.pk], actor=SYSTEM)
    AccessLimit.objects.create(user=caller.user).groups.add(group)
    seen = set(ids(caller))
    assert mine.pk in seen and not {other.pk, fleetwide.pk} & seen
    assert caller.get(f"events/{other.pk}/").status_code == 404
    text = b"".join(caller.get("events/export/", **{"as": "jsonl"}).streaming_content).decode()
    assert {json.loads(line)["id"] for line in text.splitlines()} == seen


def test_who_may_see_no_devices_sees_none_of_their_events():
    make_event(device=factories.make_device())
    about_none = make_event(summary="limit changed")
    assert ids(Caller("devices.view_event")) == [about_none.pk]


def test_sign_ins_are_for_those_who_may_see_them():
    event = make_event(kind="signed_in", summary="signed in", actor="anna")
    assert ids(Caller(*MAY)) == []
    assert ids(Caller(*MAY, "mdm_project.view_signin")) == [event.pk]


def test_the_exports_hold_what_the_filters_leave_and_are_told_of():
    make_event(kind="tagged", summary="=1+1", actor="anna")
    make_event()
    caller = Caller(*MAY)
    table = b"".join(caller.get("events/export/", kind="tagged").streaming_content).decode()
    assert "'=1+1" in table and len(table.splitlines()) == 2
    lines = b"".join(caller.get("events/export/", **{"as": "jsonl", "kind": "tagged"}).streaming_content).decode()
    assert [json.loads(line)["summary"] for line in lines.splitlines()] == ["=1+1"]
    assert caller.get("events/export/", **{"as": "xml"}).status_code == 400
    told = Event.objects.filter(kind="exported").order_by("id")
    assert [event.summary for event in told] == ["exported events as csv by API", "exported events as jsonl by API"]
    assert told[0].data == {"query": "kind=tagged"}


def test_a_page_takes_as_many_statements_whatever_its_length(django_assert_num_queries):
    caller = Caller(*MAY)
    for _ in range(20):
        make_event(device=factories.make_device())
    caller.get("events/", page_size=1)
    with django_assert_num_queries(5) as few:
        caller.get("events/", page_size=1)
    with django_assert_num_queries(len(few)):
        caller.get("events/", page_size=20)

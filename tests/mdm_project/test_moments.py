"""Issue 9, part 1c: PostgreSQL takes time zone offsets below 16 hours, Python and ISO 8601 take 24."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection

from devices import rules
from devices.attributes import normalised
from devices.models import Event
from mdm_project.moments import within_offsets
from tests.api.client import Caller
from tests.factories import make_staff

FAR = "2026-01-01T00:00:00+23:59"
FILTERS = [
    "devices/?last_seen_after={}", "devices/?last_seen_before={}", "commands/?created_after={}", "events/?since={}",
    "events/?until={}",
]  # fmt: skip


def test_a_moment_stays_the_same_moment():
    near = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=15, minutes=59)))
    far = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-23)))
    assert within_offsets(near) is near
    assert within_offsets(far) == far
    assert within_offsets(far).tzinfo is UTC
    assert within_offsets(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23)))).year == 1
    assert within_offsets(datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-23)))).year == 9999


@pytest.mark.django_db
def test_the_database_is_sent_what_it_takes():
    moment = datetime.fromisoformat(FAR)
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [moment])
        assert cursor.fetchone() == (moment,)
    assert not Event.objects.filter(at=moment).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("sign", ["%2B", "-"])
def test_filters_of_the_api_take_every_offset(sign):
    caller = Caller()
    far = FAR.replace("+", sign)
    assert {
        address: caller.client.get("/api/v1/" + address.format(far)).status_code for address in FILTERS
    } == dict.fromkeys(FILTERS, 200)


@pytest.mark.django_db
def test_the_console_s_timeline_takes_every_offset(client):
    client.force_login(make_staff(is_superuser=True))
    assert client.get("/console/devices/event/", {"at__gte": FAR}).status_code in (200, 302)


@pytest.mark.django_db
def test_rules_take_every_offset():
    assert list(rules.matching({"fact": "enrolled_at", "is": "<", "value": FAR})) == []


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("2026-01-31", "2026-01-31"), ("2026-W01-1", "2025-12-29"), (FAR, "2025-12-31T00:01:00+00:00")],
)
def test_a_date_attribute_is_kept_as_the_database_reads_it(typed, kept):
    assert normalised("date", typed) == kept

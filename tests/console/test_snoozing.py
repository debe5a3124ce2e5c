"""A5: what needs somebody is put aside for a while, with a reason, for everybody; and taken back."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.models import Event, Snooze
from tests import factories
from tests.console.pages import text_of
from tests.profiles.assigned import make_group
from tests.test_limits import make_limited

NEEDS, SNOOZE, WAKE = (reverse(f"admin:{name}") for name in ("needs", "needs_snooze", "needs_wake"))


@pytest.fixture
def need(console):
    factories.make_channel(push_gone_at=timezone.now())
    return next(each for each in console.get("/console/").context["needs"] if each.key == "push-gone")


def keys(client) -> list[str]:
    return [each.key for each in client.get("/console/").context["needs"]]


def test_an_entry_is_put_aside_with_a_reason_and_told_again(console, need):
    asked = console.get(SNOOZE, {"key": need.key})
    assert need.title in text_of(asked)
    refused = console.post(f"{SNOOZE}?key={need.key}", {"days": "7", "reason": " "})
    assert refused.status_code == 200 and not Snooze.objects.exists()
    done = console.post(f"{SNOOZE}?key={need.key}", {"days": "7", "reason": "in repair"})
    assert done.status_code == 302
    assert need.key not in keys(console)
    assert "1 put aside" in text_of(console.get("/console/"))
    page = text_of(console.get(NEEDS))
    assert need.title in page and "in repair" in page
    assert "in repair" in Event.objects.get(kind="need_snoozed").summary
    assert console.post(f"{SNOOZE}?key={need.key}", {"days": "7", "reason": "again"}).status_code == 404
    console.post(WAKE, {"key": need.key})
    assert need.key in keys(console)
    assert Event.objects.filter(kind="need_unsnoozed").count() == 1


def test_what_is_put_aside_is_told_when_the_time_is_over(console, need):
    console.post(f"{SNOOZE}?key={need.key}", {"days": "1", "reason": "tomorrow"})
    assert need.key not in keys(console)
    Snooze.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert need.key in keys(console)


def test_who_may_not_or_is_limited_puts_nothing_aside(console, need, client, sign_in):
    sign_in("viewer")
    assert console.get(SNOOZE, {"key": need.key}).status_code == 403
    assert console.post(WAKE, {"key": need.key}).status_code == 403
    assert "Put aside:" not in text_of(console.get("/console/"))
    client.force_login(make_limited("administrator", make_group()))
    assert client.get(SNOOZE, {"key": need.key}).status_code == 403
    assert client.get(WAKE).status_code == 405

import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from kombu import pools

from devices import outbox
from devices.models import Device, Outbox
from devices.tasks import drain_outbox
from mdm_project.celery import app
from tests.factories import make_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def told(monkeypatch) -> list[list[dict]]:
    """What the handler of kind "try" was given; it fails where a payload says so, after it wrote something."""
    batches = []

    def handler(payloads):
        for payload in payloads:
            Device.objects.filter(pk=payload.get("device")).update(asset_tag="told")
        if any("fails" in payload for payload in payloads):
            raise ValueError("no good")
        batches.append(payloads)

    monkeypatch.setitem(outbox._handlers, "try", [handler])
    return batches


def test_rows_are_told_in_one_batch_oldest_first_and_once(told):
    for number in range(3):
        outbox.post("try", {"number": number})
    assert outbox.drain() == 3
    assert told == [[{"number": 0}, {"number": 1}, {"number": 2}]]
    assert outbox.drain() == 0
    assert not Outbox.objects.filter(done_at=None).exists()


def test_what_was_rolled_back_is_not_told(told):
    with transaction.atomic():
        outbox.post("try", {})
        transaction.set_rollback(True)
    drain_outbox()
    assert told == []


def test_a_row_that_fails_stays_with_its_error_and_does_not_hold_up_the_others(told):
    device = make_device()
    outbox.post("try", {"number": 1})
    bad = outbox.post("try", {"fails": True, "device": device.pk})
    outbox.post("try", {"number": 2})
    outbox.drain()
    assert sorted(payload["number"] for batch in told for payload in batch) == [1, 2]
    bad.refresh_from_db()
    assert (bad.done_at, bad.attempts, bad.error) == (None, 1, "ValueError: no good")
    device.refresh_from_db()
    assert device.asset_tag == ""
    assert Outbox.objects.filter(done_at=None).get() == bad


def test_a_row_that_failed_waits_longer_each_time_and_is_given_up(told):
    bad = outbox.post("try", {"fails": True})
    taken = []
    for age in (0, 20, 60, 100, 200):
        Outbox.objects.update(created_at=timezone.now() - timedelta(seconds=age))
        taken.append(outbox.drain())
    assert taken == [1, 0, 1, 0, 1]
    Outbox.objects.update(attempts=outbox.MAX_ATTEMPTS, created_at=timezone.now() - timedelta(days=30))
    assert outbox.drain() == 0
    bad.refresh_from_db()
    assert bad.error == "ValueError: no good"


def test_a_row_that_nobody_handles_is_kept_and_says_so():
    row = outbox.post("unheard of", {})
    outbox.drain()
    row.refresh_from_db()
    assert row.done_at is None
    assert row.error == "NobodyHandles: no app handles 'unheard of'"


def test_a_broker_that_is_down_does_not_hurt_the_request(django_capture_on_commit_callbacks, monkeypatch, caplog):
    broken = pools.producers[app.connection_for_write("redis://127.0.0.1:1/0")]
    monkeypatch.setattr(app.amqp, "_producer_pool", broken)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        row = outbox.post("try", {})
    assert len(callbacks) == 1
    for _ in range(100):
        if "beat will run it" in caplog.text:
            break
        time.sleep(0.05)
    assert "devices.drain_outbox could not be asked for" in caplog.text
    assert Outbox.objects.get() == row


def test_rows_that_were_handled_are_deleted_and_failed_ones_stay(told):
    outbox.post("try", {"number": 1})
    bad = outbox.post("try", {"fails": True})
    outbox.drain()
    assert outbox.delete_done() == 0
    Outbox.objects.exclude(done_at=None).update(done_at=timezone.now() - timedelta(days=4))
    assert outbox.delete_done() == 1
    assert Outbox.objects.get() == bad

"""A workflow on many devices at once: whom it leaves out, what the governor says, cancelling, how long it is kept."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from commands.governor import ConfirmationRequired, holding
from commands.governor.models import GovernorLimit, HeldAction, PermitRow
from commands.models import Command, QueuedCommand
from commands.retention import delete_old_decisions
from commands.workflows.batches import _write, cancel_batch, plan_batch, start_batch
from commands.workflows.engine import advance_due
from commands.workflows.models import Workflow, WorkflowBatch, WorkflowStep
from commands.workflows.services import WorkflowRefused, start_workflow
from devices.escrow import keep_secret
from devices.models import Device, EscrowedSecret, Event
from devices.timeline import Actor
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def lee():
    return Actor.staff(factories.make_staff(username="h.lee", is_superuser=True))


def advance_all() -> None:
    while advance_due():
        pass


def test_who_cannot_take_it_and_who_runs_one_is_left_out_with_the_reason(lee):
    phones, mac = factories.make_fleet(3), factories.make_channel(factories.make_device("macos")).device
    busy = phones.first()
    start_workflow("lost_device", busy, {"message": "x"}, actor=lee, reason="lost")
    every = Device.objects.filter(pk__in=[*phones.values_list("pk", flat=True), mac.pk])
    plan = plan_batch("lost_device", every)
    assert plan.words.startswith("2 of 4 cannot: ")
    assert "It runs on this device already (1)" in plan.words
    assert "Only iPhones and iPads have a Lost Mode. Lock the Mac instead (1)" in plan.words

    batch = start_batch("lost_device", every, {"message": "Call"}, actor=lee, reason="stolen van", confirmed=2)
    assert batch.device_count == 2
    assert sorted(pk for group in batch.left_out for pk in group["device_ids"]) == sorted([busy.pk, mac.pk])
    assert set(batch.workflows.values_list("device_id", flat=True)) == set(phones.values_list("pk", flat=True)) - {
        busy.pk
    }
    assert Event.objects.filter(kind="workflow_started", device__in=phones).count() == 3
    with pytest.raises(WorkflowRefused):
        start_batch("lost_device", every, {"message": "Call"}, actor=lee, reason="again", confirmed=0)


def test_a_recovery_key_that_is_missing_refuses_each_mac_by_one_statement(lee):
    macs = [factories.make_channel(factories.make_device("macos")).device for _ in range(3)]
    keep_secret(macs[0].pk, EscrowedSecret.Kind.FILEVAULT_RECOVERY_KEY, b"AAAA-BBBB-CCCC-DDDD-EEEE-FFFF", source="test")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        plan = plan_batch("rotate_recovery_key", Device.objects.filter(pk__in=[it.pk for it in macs]))
    assert [it.pk for it in plan.devices] == [macs[0].pk]
    assert len(queries) == 8, "however many they are: keys, and exchanges under way"


def test_a_dangerous_batch_wants_its_number(lee):
    phones = factories.make_fleet(2)
    for confirmed in (None, 1, 3):
        with pytest.raises(ConfirmationRequired):
            start_batch(
                "offboard",
                phones,
                {"how": "erase", "even_if_locked": True},
                actor=lee,
                reason="sold",
                confirmed=confirmed,
            )
    assert not Workflow.objects.exists()


def test_five_thousand_devices_take_as_many_statements_as_their_thousands(lee):
    phones = factories.make_fleet(5000)
    with CaptureQueriesContext(connection) as queries:
        batch = start_batch("refresh_everything", phones, {}, actor=lee)
    assert batch.workflows.count() == 5000
    assert WorkflowStep.objects.filter(workflow__batch=batch).count() >= 5000
    assert len(queries) < 80


def test_a_thousand_devices_offboarded_by_one_session_stop_at_the_limit_and_say_why(lee):
    GovernorLimit.objects.filter(danger="erase").update(per_person=10, in_all=25, second_person_above=5)
    phones = factories.make_fleet(1000)
    batch = start_batch(
        "offboard", phones, {"how": "erase", "even_if_locked": True}, actor=lee, reason="sold", confirmed=1000
    )
    advance_all()
    holding.release_due()
    assert not QueuedCommand.objects.filter(command__request_type="EraseDevice").exists(), (
        "many small ones are a great one"
    )
    assert HeldAction.objects.filter(state=HeldAction.State.NEEDS_APPROVAL).count() == 10
    assert sum(PermitRow.objects.values_list("devices", flat=True)) == 10
    assert HeldAction.objects.first().reason == "Offboard on 1000 devices: sold", "the second person knows of how many"
    stopped = batch.workflows.running().filter(note__contains="is limited")
    assert stopped.count() == 990
    assert Event.objects.filter(kind="governor_refused", device__isnull=False).count() == 990

    assert cancel_batch(batch, lee.user, actor=lee, reason="not mine") == 1000
    assert batch.workflows.counts() == {"running": 0, "done": 0, "failed": 0, "cancelled": 1000}
    assert not HeldAction.objects.filter(state__in=HeldAction.WAITING).exists()


def test_single_offboardings_stop_at_the_limit_too(lee):
    GovernorLimit.objects.filter(danger="erase").update(per_person=4, in_all=25, second_person_above=None)
    for phone in factories.make_fleet(12):
        start_workflow("offboard", phone, {"how": "erase", "even_if_locked": True}, actor=lee, reason="sold")
    advance_all()
    assert QueuedCommand.objects.filter(command__request_type="EraseDevice").count() == 4
    assert Workflow.objects.running().filter(note__contains="is limited").count() == 8


def test_a_refusal_of_the_governor_stays_on_the_timeline_and_is_told_once(lee):
    GovernorLimit.objects.filter(danger="erase").update(per_person=0)
    phone = factories.make_fleet(1).get()
    workflow = start_workflow("offboard", phone, {"how": "erase", "even_if_locked": True}, actor=lee, reason="sold")
    for _ in range(3):
        advance_all()
        Workflow.objects.update(due_at=timezone.now())
        WorkflowStep.objects.filter(workflow=workflow).update(begins_at=None)
    told = Event.objects.get(kind="governor_refused")
    assert (told.device_id, told.actor) == (phone.pk, "h.lee")
    assert told.summary.startswith("Offboard: Erase or unenroll refused: ")
    assert "is limited" in told.summary


def test_what_is_over_goes_after_its_retention_and_what_runs_stays(lee, settings):
    settings.COMMAND_RETENTION_DAYS = 90
    phones = factories.make_fleet(2)
    batch = start_batch("refresh_everything", phones, {}, actor=lee)
    cancel_batch(batch, lee.user, actor=lee)
    again = start_batch("refresh_everything", phones, {}, actor=lee)
    old = timezone.now() - timedelta(days=91)
    WorkflowBatch.objects.update(created_at=old)
    batch.workflows.update(finished_at=old)
    again.workflows.update(started_at=old)
    PermitRow.objects.create(danger="erase", devices=1, person="x", actor="x", request_type="EraseDevice", at=old)
    PermitRow.objects.create(danger="erase", devices=1, person="x", actor="x", request_type="EraseDevice")
    held = {
        "danger": "erase", "request_type": "EraseDevice", "payload_encrypted": b"", "channel_ids": [], "actor": "x",
        "device_count": 1, "origin": "staff", "reason": "r", "expires_at": old, "created_at": old,
    }  # fmt: skip
    HeldAction.objects.create(**held, state=HeldAction.State.RELEASED, finished_at=old)
    waiting = HeldAction.objects.create(**held, state=HeldAction.State.NEEDS_APPROVAL)
    told = Event.objects.count()

    delete_old_decisions()
    assert list(WorkflowBatch.objects.all()) == [again]
    assert set(Workflow.objects.values_list("batch_id", flat=True)) == {again.pk}
    assert set(WorkflowStep.objects.values_list("workflow__batch_id", flat=True)) == {again.pk}
    assert PermitRow.objects.count() == 1
    assert list(HeldAction.objects.all()) == [waiting]
    assert Event.objects.count() == told
    assert not Command.objects.exists()


def test_the_longer_a_device_is_away_the_seldomer_its_workflow_is_looked_at(lee):
    workflow = start_workflow("lost_device", factories.make_fleet(1).get(), {"message": "x"}, actor=lee, reason="lost")
    advance_due()
    pauses = []
    for away in (timedelta(), timedelta(minutes=20), timedelta(days=1)):
        QueuedCommand.objects.update(queued_at=timezone.now() - away)
        Workflow.objects.update(due_at=timezone.now())
        advance_due()
        workflow.refresh_from_db()
        pauses.append(round((workflow.due_at - timezone.now()) / timedelta(minutes=1)))
    assert pauses == [1, 5, 15]


def test_one_that_somebody_else_started_at_the_same_moment_leaves_no_batch_without_devices(lee):
    plan = plan_batch("refresh_everything", factories.make_fleet(2))
    first = _write(plan, b"{}", lee, "")
    with pytest.raises(WorkflowRefused), transaction.atomic():
        _write(plan, b"{}", lee, "")
    assert WorkflowBatch.objects.get() == first
    assert Event.objects.filter(kind="workflow_batch_started").count() == 1

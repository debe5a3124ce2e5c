"""The API of workflows on many devices."""

import pytest

from commands.workflows.batches import start_batch
from commands.workflows.models import Workflow, WorkflowBatch
from devices.groups import add_members, create_group
from devices.models import AccessLimit, Device
from devices.timeline import SYSTEM
from tests.api.client import Caller
from tests.factories import make_channel, make_device

pytestmark = pytest.mark.django_db
MAY = ("commands.view_workflow", "devices.view_device", "commands.add_command", "commands.add_workflow")
LOST = {"kind": "lost_device", "parameters": {"message": "Call"}, "reason": "stolen van"}


@pytest.fixture
def devices():
    return [make_channel(make_device(platform)).device for platform in ("ios", "ios", "macos")]


def test_who_would_be_left_out_is_said_before_anything_is_started(devices):
    answer = Caller().post("workflows/bulk/", LOST | {"targets": {"all": True}, "check_only": True})
    assert answer.status_code == 200
    body = answer.json()
    assert body["devices"] == 2
    assert [it["device_id"] for it in body["refused"]] == [devices[2].pk]
    assert not Workflow.objects.exists()


def test_a_dangerous_one_wants_the_number_of_devices(devices):
    caller, wish = Caller(), LOST | {"targets": {"all": True}}
    answer = caller.post("workflows/bulk/", wish)
    assert (answer.status_code, answer.json()["code"]) == (400, "confirmation_required")
    answer = caller.post("workflows/bulk/", wish | {"confirm": 2})
    assert answer.status_code == 201, answer.content
    overview = answer.json()["overview"]
    assert overview["counts"] == {"running": 2, "done": 0, "failed": 0, "cancelled": 0}
    assert overview["left_out"][0]["device_ids"] == [devices[2].pk]
    found = caller.results("workflows/", batch=answer.json()["id"])
    assert {it["device_id"] for it in found} == {devices[0].pk, devices[1].pk}


def test_wrong_parameters_are_named_and_a_device_that_left_is_named(devices):
    gone = make_device()
    caller = Caller()
    targets = {"device_ids": [devices[0].pk, gone.pk]}
    answer = caller.post("workflows/bulk/", LOST | {"targets": targets, "parameters": {"colour": "red"}})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameters")
    answer = caller.post("workflows/bulk/", LOST | {"targets": targets, "confirm": 1})
    assert answer.json()["skipped"] == [gone.pk]


def test_a_limited_person_sees_and_cancels_their_own_part_only(devices):
    group = create_group("Lyon", actor=SYSTEM)
    add_members(group, [devices[0].pk], actor=SYSTEM)
    phones = Device.objects.filter(platform="ios")
    batch = start_batch("lost_device", phones, {"message": "x"}, actor=SYSTEM, reason="r", confirmed=2)
    other = start_batch("refresh_everything", Device.objects.filter(pk=devices[1].pk), {}, actor=SYSTEM)
    caller = Caller(*MAY, "commands.change_workflow")
    AccessLimit.objects.create(user=caller.user).groups.add(group)
    caller.user = type(caller.user).objects.get(pk=caller.user.pk)

    assert [it["id"] for it in caller.results("workflows/batches/")] == [batch.pk]
    assert caller.get(f"workflows/batches/{other.pk}/").status_code == 404
    assert caller.get(f"workflows/batches/{batch.pk}/").json()["overview"]["total"] == 1
    assert caller.post(f"workflows/batches/{batch.pk}/cancel/", {}).json() == {"cancelled": 1}
    assert list(batch.workflows.running().values_list("device_id", flat=True)) == [devices[1].pk]
    answer = caller.post("workflows/bulk/", LOST | {"targets": {"device_ids": [devices[1].pk]}, "confirm": 1})
    assert answer.status_code == 400, "who may not see a device cannot name it"
    assert WorkflowBatch.objects.count() == 2

"""B10, B11: workflows start where they can end, skip what does not apply, and follow what devices say."""

import pytest
from django.utils import timezone

from commands import results
from commands.applicability import candidates_of, refusal_of
from commands.models import Command
from commands.workflows.batches import plan_batch
from commands.workflows.engine import advance_due
from commands.workflows.models import Workflow
from commands.workflows.services import WorkflowRefused, start_workflow
from devices.models import Answer, Channel, Device, Enrollment
from devices.timeline import SYSTEM
from tests import factories

pytestmark = pytest.mark.django_db
State = Enrollment.State
ERASE, UNENROLL = {"how": "erase"}, {"how": "unenroll"}


def make(platform: str, *, device: dict | None = None, **enrollment) -> Device:
    row = factories.make_device(platform, **(device or {}))
    factories.make_channel(enrollment=factories.make_enrollment(row, **enrollment))
    return row


def test_a_workflow_that_cannot_end_is_refused_beforehand_with_the_reason():
    """B10: one by one and in a batch, by what it will have to ask."""
    cases = [
        ("mac_account", {}, make("macos"), "AccountConfiguration: needs Automated Device Enrollment"),
        ("offboard", ERASE, make("ios", kind="user"), "EraseDevice: not allowed in User Enrollment"),
        ("offboard", ERASE, make("ios", access_rights=8191 - 8), "did not grant the right to erase"),
        ("offboard", UNENROLL, make("ios", access_rights=8191 - 2), "the right to install and remove profiles"),
        ("offboard", ERASE, make("ios", state=State.UNENROLLED), "has left management"),
        ("offboard", ERASE, make("ios", state=State.ERASED), "was erased and waits for enrollment"),
        ("enable_filevault", {}, make("macos", access_rights=8191 - 1024), "security information"),
        ("lost_device", {"message": "x"}, make("ios", device={"is_supervised": False}), "supervised"),
    ]
    for kind, parameters, device, reason in cases:
        with pytest.raises(WorkflowRefused, match=reason):
            start_workflow(kind, device, parameters, actor=SYSTEM, reason="x")
        plan = plan_batch(kind, Device.objects.filter(pk=device.pk), parameters)
        assert (plan.devices, len(plan.refused)) == ([], 1), kind
        assert reason in plan.refused[0].reason
    assert not Workflow.objects.exists()


def test_one_that_can_end_is_started_and_a_device_that_never_enrolled_is_waited_for():
    for kind, parameters, device in [
        ("offboard", UNENROLL, make("ios", kind="user")),
        ("mac_account", {}, make("macos", kind="ade")),
        ("mac_account", {}, factories.make_device("macos")),
    ]:
        start_workflow(kind, device, parameters, actor=SYSTEM, reason="x")
    assert Workflow.objects.running().count() == 3


def test_what_a_shared_ipad_has_not_is_skipped_with_a_word():
    """B10: offboarding one hung at its bypass code for ever."""
    device = make("ipados", device={"is_supervised": True, "is_activation_lock_enabled": False})
    Answer.objects.create(
        device=device, request_type="DeviceInformation", answered_at=timezone.now(),
        content={"QueryResponses": {"IsMultiUser": True}},
    )  # fmt: skip
    workflow = start_workflow("offboard", device, ERASE | {"even_if_locked": True}, actor=SYSTEM, reason="sold")
    advance_due()
    steps = dict(workflow.steps.values_list("name", "state"))
    assert (steps["bypass_code"], steps["leave"]) == ("skipped", "running")
    assert "Shared iPad" in workflow.steps.get(name="bypass_code").note
    assert Command.objects.get(workflow_steps__workflow=workflow).request_type == "EraseDevice"


def test_what_waits_for_a_person_is_a_state_of_its_own():
    """B10: held by the governor until somebody approves it; over, it waits for nobody."""
    user = factories.make_staff(is_superuser=True)
    held = factories.make_held()
    workflow = start_workflow("offboard", make("ios"), ERASE | {"even_if_locked": True}, actor=SYSTEM, reason="sold")
    Workflow.objects.filter(pk=workflow.pk).update(memory={"held_action": held.pk})
    workflow.steps.filter(name__in=["bypass_code", "activation_lock", "profiles"]).update(
        state="done", finished_at=timezone.now()
    )
    workflow.steps.filter(name="leave").update(state="running", begun_at=timezone.now())
    advance_due()
    assert list(Workflow.objects.visible_to(user).waiting_for_a_person()) == [workflow]
    workflow.refresh_from_db()
    assert workflow.is_waiting_for_person


@pytest.mark.parametrize(
    ("request_type", "told"),
    [
        ("SecurityInfo", {"SecurityInfo": {"ManagementStatus": {"EnrolledViaDEP": True}}}),
        ("DeviceInformation", {"QueryResponses": {"AwaitingConfiguration": True}}),
    ],
)
def test_what_needs_automated_enrollment_follows_what_the_device_says(request_type, told):
    """B11: nothing else ever set the kind, so Setup Assistant waited for ever."""
    device = make("macos")

    def refusals() -> set[str]:
        [candidate] = candidates_of(Channel.objects.filter(device=device))
        return {refusal_of(it, candidate, {}) for it in ("DeviceConfigured", "AccountConfiguration")}

    assert refusals() == {"needs Automated Device Enrollment"}
    channel = Channel.objects.get(device=device)
    factories.make_report(channel, told, request_type=request_type)
    results.drain_reports()
    assert refusals() == {""}
    factories.make_report(channel, {}, request_type="DeviceConfigured")
    results.drain_reports()
    device.refresh_from_db()
    assert not device.is_awaiting_configuration


def test_a_device_that_says_nothing_of_it_did_not_enroll_automatically():
    device = make("macos")
    channel = Channel.objects.get(device=device)
    odd = {"ManagementStatus": {"EnrolledViaDEP": "yes"}}, {"ManagementStatus": []}, {"ManagementStatus": {}}
    for told in odd:
        factories.make_report(channel, {"SecurityInfo": told}, request_type="SecurityInfo")
    results.drain_reports()
    assert Enrollment.objects.get(device=device).kind == Enrollment.Kind.DEVICE

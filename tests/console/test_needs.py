"""A1, A5, B18: the dashboard tells of profiles, rollouts, workflows, devices that left, and leads to all of them."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from commands.models import QueuedCommand
from commands.reconcile import reconcile
from commands.workflows.models import Workflow
from devices.models import Enrollment
from devices.timeline import SYSTEM
from profiles import rollout
from profiles.desired import recompute_desired
from profiles.models import ItemStatus
from tests import factories
from tests.console.pages import State, finish, page_of, text_of
from tests.profiles.assigned import assign, fill, make_channels, make_group, make_profile
from tests.test_limits import make_limited


def needs(client) -> dict:
    return {need.title: need for need in client.get("/console/").context["needs"]}


def put(channels, state: ItemStatus.State, **fields) -> None:
    ItemStatus.objects.filter(channel__in=channels).update(state=state, command_id=None, **fields)


def test_profiles_that_fail_or_cannot_be_removed_are_told_by_cause_with_all_their_devices(console):
    channels = make_channels(5)
    profile, group = make_profile(name="Corp Wi-Fi"), make_group(*channels)
    assign(profile, group)
    recompute_desired()
    reconcile()
    put(channels[:3], ItemStatus.State.FAILED, error="needs supervision", is_stopped=True)
    need = needs(console)["“Corp Wi-Fi” fails on 3 devices"]
    assert need.detail == "Needs supervision"
    listed = console.get(need.link)
    assert {row.standing.channel for row in listed.context["rows"]} == set(channels[:3])
    fill(group)
    recompute_desired()
    put(channels, ItemStatus.State.REMOVING, error="The profile cannot be removed.", is_stopped=True)
    put(channels[:2], ItemStatus.State.REMOVING, error="held by the governor", is_held=True, is_stopped=False)
    found = needs(console)
    assert "“Corp Wi-Fi” cannot be removed from 3 devices" in found
    held = found["2 removals of “Corp Wi-Fi” wait"]
    assert len(console.get(held.link).context["rows"]) == 2


def test_a_halted_rollout_is_told_and_goes_on_from_there_through_a_plan(console):
    profile = make_profile(name="Passcode")
    assignment = assign(profile, make_group(*make_channels(2)), stages=[10, 100])
    recompute_desired()
    rollout.halt(assignment, "3 of 40 failed", actor=SYSTEM)
    need = needs(console)["The rollout of “Passcode” v1 is halted at 10 %"]
    assert need.detail == "3 of 40 failed"
    assert f"assignment-{assignment.pk}" in text_of(console.get(need.link))
    (words, address), (_roll_back, _address) = need.posts
    assert words == "Resume…" and "/plans/" in console.post(address)["Location"]


def test_devices_that_left_are_told_unless_somebody_here_asked_for_it(console):
    """B18: a CheckOut was told nowhere."""
    gone, asked, earlier = (factories.make_channel() for _ in range(3))
    left = {"state": Enrollment.State.UNENROLLED, "unenrolled_at": timezone.now()}
    Enrollment.objects.filter(pk__in=[gone.enrollment_id, asked.enrollment_id, earlier.enrollment_id]).update(**left)
    Enrollment.objects.filter(pk=asked.enrollment_id).update(end_asked_by="h.lee")
    Enrollment.objects.filter(pk=earlier.enrollment_id).update(unenrolled_at=timezone.now() - timedelta(days=8))
    need = needs(console)["1 device left management by itself"]
    assert [device.pk for device in console.get(need.link).context["cl"].result_list] == [gone.device_id]


def test_a_failure_of_many_commands_is_one_and_leads_to_all_its_devices(console):
    """A5: "failed on 100 devices" opened a command of one device."""
    channels = [factories.make_channel() for _ in range(4)]
    for number, channel in enumerate(channels):
        finish(factories.make_queued(channel, "SecurityInfo"), State.FAILED, f"no answer to 12345{number}")
        finish(factories.make_queued(channel, "SecurityInfo"), State.FAILED, f"no answer to 12345{number}")
    need = needs(console)["SecurityInfo failed on 4 devices"]
    page = console.get(need.link)
    assert {queued.channel for queued in page.context["page"]} == set(channels)
    chosen = page.context["chosen"]
    body = {"type": chosen.request_type, "cause": chosen.key}
    answer = console.post(reverse("admin:commands_command_failures_retry"), body, follow=True)
    assert "4 devices are asked again." in text_of(answer)
    waiting = QueuedCommand.objects.waiting()
    assert waiting.count() == 4 and waiting.values("command").distinct().count() == 1
    assert "SecurityInfo" in text_of(console.get(reverse("admin:commands_command_failures")))
    nothing = console.post(
        reverse("admin:commands_command_failures_retry"), {"type": "\x00", "cause": "x"}, follow=True
    )
    assert "Nothing is asked again" in text_of(nothing)


def test_a_workflow_that_waits_for_somebody_is_told(console):
    channel = factories.make_channel(factories.make_device("macos"))
    workflow = Workflow.objects.create(
        kind="enable_filevault", device=channel.device, parameters_encrypted=b"x", note="Have a new key made.",
        waits_for_person=True,
    )  # fmt: skip
    need = needs(console)["“Turn on FileVault with escrow” waits for somebody on 1 device"]
    assert need.detail == "Have a new key made." and str(workflow.pk) in need.link
    Workflow.objects.update(waits_for_person=False)
    assert not any("FileVault" in title for title in needs(console))


def test_limited_people_are_told_of_their_devices(client, db):
    one, other = make_channels(2)
    assign(make_profile(name="Corp Wi-Fi"), make_group(one, other))
    recompute_desired()
    reconcile()
    put([one, other], ItemStatus.State.FAILED, error="No.")
    client.force_login(make_limited("helpdesk", make_group(one)))
    assert "“Corp Wi-Fi” fails on 1 device" in needs(client)


@pytest.mark.parametrize("number", [3, 30])
def test_every_cause_can_be_reached(console, number):
    for index in range(number):
        cause = f"cause {chr(97 + index % 26)}{index // 26}"
        finish(factories.make_queued(factories.make_channel(), "SecurityInfo"), State.FAILED, cause)
    titles = [need.detail for need in console.get("/console/").context["needs"]]
    assert sum(title.startswith("Cause ") for title in titles) == number


def test_needs_stand_under_the_tiles_and_rollouts_with_their_steps_below(console):
    """A5: they were the last thing on the page."""
    profile = make_profile(name="Passcode")
    assignment = assign(profile, make_group(*make_channels(2)), stages=[50, 100])
    recompute_desired()
    page = text_of(console.get("/console/"))
    assert (
        page.index('class="e-tiles"')
        < page.index('id="needs"')
        < page.index('id="rollouts"')
        < page.index("OS versions")
    )
    assert "Passcode v1" in page and "stage of 50 %" in page
    assert reverse("admin:profiles_profile_halt", args=[profile.pk, assignment.pk]) in page
    assert reverse("admin:profiles_profile_step", args=[profile.pk, assignment.pk, "advance"]) in page


def test_the_legend_of_systems_keeps_version_and_number_apart(console):
    """A5: it said "26 5"."""
    for _ in range(5):
        factories.make_channel(factories.make_device("ios", os_version="26.1", os_version_parts=[26, 1]))
    assert '26 <span class="e-faint">on 5</span>' in text_of(console.get("/console/"))


def test_what_a_halted_rollout_keeps_back_is_not_said_to_be_tried_again(console):
    """L6: "It is tried again by itself" was said of a failure that its halted rollout keeps back."""
    (channel,) = make_channels(1)
    assignment = assign(make_profile(name="Passcode"), make_group(channel), stages=[100])
    recompute_desired()
    reconcile()
    put([channel], ItemStatus.State.FAILED, error="No.")
    assert "It is tried again by itself." in text_of(console.get(page_of(channel.device)))
    rollout.halt(assignment, "too many failures", actor=SYSTEM)
    page = text_of(console.get(page_of(channel.device)))
    assert "It is tried again by itself." not in page and "Its rollout is halted" in page

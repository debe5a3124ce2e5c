"""The API of assignments, rollouts, plans and configurations."""

import pytest

from commands.reconcile import reconcile
from devices import outbox
from profiles.models import Assignment, DesiredItem, ItemStatus, Plan
from tests.factories import make_channel
from tests.profiles.assigned import assign, edit, fill, make_channels, make_group, make_profile


@pytest.fixture
def profile(db):
    return make_profile(name="Banner")


def test_an_assignment_is_made_changed_and_ended(caller, profile):
    one, other = make_channels(2)
    include, exclude = make_group(one, other), make_group(other)
    made = caller.post("assignments/", {"profile": profile.pk, "include": [include.pk], "exclude": [exclude.pk]})
    assert made.status_code == 201, made.content
    content = made.json()
    assert (content["include"], content["exclude"], content["version"]) == ([include.pk], [exclude.pk], None)
    assert content["progress"] == {"channels": 0, "verified": 0, "failed": 0}
    outbox.drain()
    assert set(DesiredItem.objects.values_list("channel", flat=True)) == {one.pk}

    address = f"assignments/{content['id']}/"
    changed = caller.patch(address, {"exclude": [], "version": 1, "priority": 7})
    assert (changed.json()["exclude"], changed.json()["version"], changed.json()["priority"]) == ([], 1, 7)
    assert caller.get(address).json() == changed.json()
    assert caller.results("assignments/", group=include.pk)[0]["id"] == content["id"]
    assert caller.results("assignments/", group=exclude.pk) == []
    assert caller.client.delete(f"/api/v1/{address}").status_code == 204
    assert not Assignment.objects.exists()


@pytest.mark.parametrize(
    ("content", "status", "key"),
    [
        ({}, 400, "include"),
        ({"include": []}, 400, "include"),
        ({"include": [999999]}, 404, "include"),
        ({"stages": [50, 10]}, 400, "stages"),
        ({"version": 9}, 404, "version"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
def test_what_is_wrong_with_an_assignment_is_told_by_key(caller, profile, content, status, key):
    if content and "include" not in content:
        content = content | {"include": [make_group().pk]}
    refused = caller.post("assignments/", {"profile": profile.pk} | content)
    assert refused.status_code == status
    assert key in " ".join(refused.json()["fields"])


def test_a_rollout_is_steered_step_by_step(caller, profile):
    assignment = assign(profile, make_group(*make_channels(3)), stages=[50, 100])
    outbox.drain()

    def step(name: str, **content) -> dict:
        return caller.post(f"assignments/{assignment.pk}/{name}/", content).json()

    assert step("halt", reason="holidays")["halt_reason"] == "holidays"
    assert step("advance")["code"] == "conflict"
    assert step("resume")["rollout_state"] == "running"
    assert step("advance")["stage"] == 1
    assert step("advance")["rollout_state"] == "done"
    assert step("roll-back")["rollout_state"] == "rolled_back"


def test_what_publishing_would_do_is_shown_and_then_done(caller, profile):
    (channel,) = make_channels(1)
    assign(profile, make_group(channel, name="Berlin"))
    outbox.drain()
    edit(profile, "two")
    shown = caller.post(f"profiles/{profile.pk}/plan/", {})
    assert shown.status_code == 201, shown.content
    summary = shown.json()["summary"]
    assert summary["counts"] == {"gains": 0, "loses": 0, "changes": 1}
    assert summary["items"][0]["why"] == "in “Berlin”"
    applied = caller.post(f"plans/{shown.json()['token']}/apply/")
    assert applied.json() == {"gains": 0, "loses": 0, "changes": 1}
    again = caller.post(f"plans/{shown.json()['token']}/apply/")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


def test_a_stale_plan_is_refused(caller, profile):
    one, other = make_channels(2)
    group = make_group(one)
    shown = caller.post("plans/", {"kind": "create_assignment", "profile": profile.pk, "include": [group.pk]})
    fill(group, one, other)
    refused = caller.post(f"plans/{shown.json()['token']}/apply/")
    assert (refused.status_code, refused.json()["code"]) == (409, "stale")


def test_a_plan_below_a_profile_is_about_that_profile_only(caller, profile):
    stranger = assign(make_profile(), make_group())
    refused = caller.post(f"profiles/{profile.pk}/plan/", {"kind": "delete_assignment", "assignment": stranger.pk})
    assert refused.status_code == 400
    refused = caller.post(f"profiles/{profile.pk}/plan/", {"kind": "group_members", "group": 1, "device_ids": []})
    assert refused.status_code == 400
    assert not Plan.objects.exists()


def test_a_device_tells_how_far_it_is_with_what_it_should_have(caller, profile):
    channel = make_channel()
    assignment = assign(profile, make_group(channel))
    outbox.drain()
    reconcile()
    (item,) = caller.get(f"devices/{channel.device_id}/configuration/").json()
    assert item.pop("updated_at")
    assert item == {
        "identifier": profile.identifier,
        "profile": profile.pk,
        "profile_name": "Banner",
        "channel": "device",
        "wanted_version": 1,
        "sent_version": 1,
        "assignment": assignment.pk,
        "status": "pending",
        "reason": "waits for its push",
        "attempts": 0,
        "is_stopped": False,
    }
    ItemStatus.objects.update(state=ItemStatus.State.FAILED, command_id=None, is_stopped=True, attempts=5)
    assert caller.post(f"devices/{channel.device_id}/configuration/retry/").json() == {"retried": 1}
    assert not ItemStatus.objects.get().is_stopped


# How far the devices are


def test_the_devices_of_a_profile_and_of_an_assignment_say_how_far_they_are(caller, profile):
    """A1: device, version, state, reason, cause, since; those that it is being taken from as well."""
    channels = make_channels(3)
    group = make_group(*channels, name="Sales")
    assignment = assign(profile, group)
    outbox.drain()
    reconcile()
    ItemStatus.objects.filter(channel=channels[0]).update(state=ItemStatus.State.VERIFIED, command_id=None)
    ItemStatus.objects.filter(channel=channels[1]).update(
        state=ItemStatus.State.FAILED, command_id=None, error="No.", is_stopped=True
    )
    rows = caller.results(f"assignments/{assignment.pk}/devices/", ordering="device")
    assert rows == caller.results(f"profiles/{profile.pk}/devices/", ordering="device")
    assert [(row["device"], row["state"]) for row in rows] == [
        (channels[0].device_id, "verified"), (channels[1].device_id, "failed"), (channels[2].device_id, "pending"),
    ]  # fmt: skip
    failed = rows[1]
    assert (failed["cause"], failed["version"], failed["assignment"]) == ("No.", 1, assignment.pk)
    assert failed["groups"] == [{"id": group.pk, "name": "Sales"}]
    assert failed["since"] and "retry it by hand" in failed["reason"]
    assert caller.results(f"profiles/{profile.pk}/devices/", state="failed") == [failed]
    assert caller.results(f"profiles/{profile.pk}/devices/", search=failed["serial_number"]) == [failed]
    fill(group, channels[1])
    outbox.drain()
    states = {row["device"]: row["state"] for row in caller.results(f"profiles/{profile.pk}/devices/")}
    assert states[channels[0].device_id] == "removing"
    assert len(caller.results(f"assignments/{assignment.pk}/devices/")) == 1


def test_progress_without_stages_is_that_of_all_devices(caller, profile):
    """L1: it was 0 of 0 while the console said 1 of 2 verified."""
    channels = make_channels(2)
    assignment = assign(profile, make_group(*channels))
    outbox.drain()
    reconcile()
    ItemStatus.objects.filter(channel=channels[0]).update(state=ItemStatus.State.VERIFIED, command_id=None)
    content = caller.get(f"assignments/{assignment.pk}/").json()
    assert content["progress"] == {"channels": 2, "verified": 1, "failed": 0}
    assert content["states"] == {"verified": 1, "pending": 1}
    assert caller.results("assignments/")[0]["progress"] == content["progress"]

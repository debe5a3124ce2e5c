import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices import outbox
from devices.groups import create_group, evaluate_groups, set_members
from devices.models import Event, Membership, Outbox
from devices.timeline import SYSTEM
from mdm_project.errors import BadRequest, Conflict, NotFound
from profiles.assigning import withdraw_profile
from profiles.changes import complete
from profiles.composing import save_draft
from profiles.desired import recompute_desired
from profiles.errors import LintErrors
from profiles.models import Assignment, DesiredItem, Plan, Profile, ProfileVersion
from profiles.plan import StalePlan, apply_plan, plan
from tests.factories import make_channel, make_device
from tests.profiles.assigned import assign, edit, fill, make_channels, make_group, make_profile, publish_text

pytestmark = pytest.mark.django_db


@pytest.fixture
def profile():
    return make_profile(name="Banner")


def shown(change: dict) -> Plan:
    return plan(change, actor=SYSTEM)


def wanted() -> dict[int, int]:
    return dict(DesiredItem.objects.values_list("channel_id", "version__number"))


def whys(row: Plan) -> dict[int, str]:
    return {item["device"]: item["why"] for item in row.summary["items"]}


def test_a_preview_changes_nothing(profile):
    edit(profile, "two")
    group = make_group(*make_channels(2))
    before = [model.objects.count() for model in (Assignment, ProfileVersion, DesiredItem, Event, Outbox, Membership)]
    shown({"kind": "publish", "profile": profile.pk})
    shown({"kind": "create_assignment", "profile": profile.pk, "include": [group.pk]})
    shown({"kind": "group_members", "group": group.pk, "device_ids": []})
    shown({"kind": "remove_profile", "profile": profile.pk})
    after = [model.objects.count() for model in (Assignment, ProfileVersion, DesiredItem, Event, Outbox, Membership)]
    assert after == before
    assert not Profile.objects.get(pk=profile.pk).is_archived


def test_an_assignment_shows_who_gains_what_and_why_and_is_applied_so(profile):
    one, other = make_channels(2)
    group = make_group(one, other, name="Berlin")
    row = shown({"kind": "create_assignment", "profile": profile.pk, "include": [group.pk], "priority": 3})
    assert row.summary["counts"] == {"gains": 2, "loses": 0, "changes": 0}
    assert row.summary["devices"] == 2
    assert row.summary["is_complete"]
    assert row.summary["profiles"] == [
        {
            "kind": "gains",
            "profile": profile.pk,
            "name": "Banner",
            "from_version": None,
            "to_version": 1,
            "count": 2,
        }
    ]
    assert whys(row) == {one.device_id: "in “Berlin”", other.device_id: "in “Berlin”"}
    changed = apply_plan(row.token, actor=SYSTEM)
    assert changed.gains == 2
    assert wanted() == {one.pk: 1, other.pk: 1}
    assert Assignment.objects.get().priority == 3
    assert Event.objects.filter(kind="plan_applied").count() == 1
    outbox.drain()
    assert wanted() == {one.pk: 1, other.pk: 1}


def test_a_plan_is_applied_once(profile):
    row = shown({"kind": "create_assignment", "profile": profile.pk, "include": [make_group(*make_channels(1)).pk]})
    apply_plan(row.token, actor=SYSTEM)
    with pytest.raises(Conflict):
        apply_plan(row.token, actor=SYSTEM)
    assert Assignment.objects.count() == 1
    with pytest.raises(NotFound):
        apply_plan(uuid.uuid4(), actor=SYSTEM)


def test_a_new_version_shows_what_changes(profile):
    (channel,) = make_channels(1)
    assign(profile, make_group(channel, name="Berlin"))
    recompute_desired()
    edit(profile, "two")
    row = shown({"kind": "publish", "profile": profile.pk, "note": "new words"})
    (item,) = row.summary["items"]
    assert (item["kind"], item["from_version"], item["to_version"]) == ("changes", 1, 2)
    apply_plan(row.token, actor=SYSTEM)
    assert wanted() == {channel.pk: 2}
    assert profile.versions.get(number=2).note == "new words"


def test_a_plan_is_stale_when_the_draft_was_edited_since(profile):
    edit(profile, "two")
    row = shown({"kind": "publish", "profile": profile.pk})
    edit(profile, "three")
    with pytest.raises(StalePlan):
        apply_plan(row.token, actor=SYSTEM)
    assert profile.versions.count() == 1


def test_a_plan_is_stale_when_the_members_changed_since_and_leaves_no_trace(profile):
    one, other = make_channels(2)
    group = make_group(one)
    row = shown({"kind": "create_assignment", "profile": profile.pk, "include": [group.pk]})
    fill(group, one, other)
    with pytest.raises(StalePlan):
        apply_plan(row.token, actor=SYSTEM)
    assert not Assignment.objects.exists()
    fill(group, one)
    apply_plan(row.token, actor=SYSTEM)
    assert wanted() == {one.pk: 1}


def test_a_plan_is_stale_when_what_it_is_about_is_gone(profile):
    assignment = assign(profile, make_group(*make_channels(1)))
    recompute_desired()
    row = shown({"kind": "change_assignment", "assignment": assignment.pk, "fields": {"is_enabled": False}})
    assignment.delete()
    with pytest.raises(StalePlan):
        apply_plan(row.token, actor=SYSTEM)


def test_a_plan_is_stale_when_a_newer_version_was_published(profile):
    group = make_group(*make_channels(1))
    row = shown({"kind": "create_assignment", "profile": profile.pk, "include": [group.pk]})
    publish_text(profile, "two")
    with pytest.raises(StalePlan):
        apply_plan(row.token, actor=SYSTEM)


def test_an_exclusion_shows_who_loses_and_by_which_group(profile):
    one, other = make_channels(2)
    assignment = assign(profile, make_group(one, other, name="Berlin"))
    recompute_desired()
    kiosks = make_group(other, name="Kiosks")
    row = shown({"kind": "change_assignment", "assignment": assignment.pk, "fields": {"exclude": [kiosks.pk]}})
    assert row.summary["counts"] == {"gains": 0, "loses": 1, "changes": 0}
    assert whys(row) == {other.device_id: "excluded by “Kiosks”"}
    apply_plan(row.token, actor=SYSTEM)
    assert wanted() == {one.pk: 1}


def test_deleting_an_assignment_shows_and_does_what_it_takes_away(profile):
    (channel,) = make_channels(1)
    assignment = assign(profile, make_group(channel))
    recompute_desired()
    row = shown({"kind": "delete_assignment", "assignment": assignment.pk})
    assert row.summary["counts"]["loses"] == 1
    assert whys(row) == {channel.device_id: "its assignment ends or is switched off"}
    assert apply_plan(row.token, actor=SYSTEM).loses == 1
    assert not Assignment.objects.exists()
    assert wanted() == {}


def test_the_members_of_a_group_and_the_rule_of_another_can_be_planned(profile):
    one, other = make_channels(2)
    static = make_group(one, name="Chosen")
    assign(profile, static)
    recompute_desired()
    row = shown({"kind": "group_members", "group": static.pk, "device_ids": [other.device_id]})
    assert row.summary["counts"] == {"gains": 1, "loses": 1, "changes": 0}
    assert whys(row) == {one.device_id: "no longer in “Chosen”", other.device_id: "in “Chosen”"}
    apply_plan(row.token, actor=SYSTEM)
    assert wanted() == {other.pk: 1}


def test_the_rule_of_a_smart_group_can_be_planned(profile):
    mac = make_channel(make_device("macos"))
    phone = make_channel(make_device("ios"))

    def rule(platform):
        return {"fact": "platform", "is": "is", "value": platform}

    smart = create_group("Macs", actor=SYSTEM, kind="smart", rule=rule("macos"))
    assign(profile, smart)
    recompute_desired()
    assert wanted() == {mac.pk: 1}
    row = shown({"kind": "group_rule", "group": smart.pk, "rule": rule("ios")})
    assert row.summary["counts"] == {"gains": 1, "loses": 1, "changes": 0}
    assert wanted() == {mac.pk: 1}
    apply_plan(row.token, actor=SYSTEM)
    assert wanted() == {phone.pk: 1}


def test_the_stages_of_a_planned_assignment_hold_the_devices_that_were_shown(profile):
    group = make_group(*make_channels(40))
    change = {"kind": "create_assignment", "profile": profile.pk, "include": [group.pk], "stages": [30, 100]}
    row = shown(change)
    assign(make_profile(), make_group())  # takes an id in the meantime
    apply_plan(row.token, actor=SYSTEM)
    gaining = {item["device"] for item in row.summary["items"]}
    assert 0 < len(gaining) < 30
    assert set(DesiredItem.objects.values_list("channel__device_id", flat=True)) == gaining
    assert row.summary["items"][0]["why"].endswith("; the rollout is at 30%")


def test_the_next_stage_can_be_planned(profile):
    assignment = assign(profile, make_group(*make_channels(40)), stages=[30, 100])
    recompute_desired()
    before = len(wanted())
    row = shown({"kind": "rollout", "assignment": assignment.pk, "step": "advance"})
    assert row.summary["counts"]["gains"] == 40 - before
    apply_plan(row.token, actor=SYSTEM)
    assert len(wanted()) == 40


def test_removing_a_profile_shows_every_device_that_has_it(profile):
    channels = make_channels(3)
    assign(profile, make_group(*channels))
    recompute_desired()
    row = shown({"kind": "remove_profile", "profile": profile.pk})
    assert row.summary["counts"]["loses"] == 3
    assert set(whys(row).values()) == {"the profile is withdrawn"}
    apply_plan(row.token, actor=SYSTEM)
    assert wanted() == {}


def test_taking_a_profile_back_shows_every_device_that_gets_it_again(profile):
    channels = make_channels(3)
    assign(profile, make_group(*channels))
    with pytest.raises(Conflict):
        shown({"kind": "take_back_profile", "profile": profile.pk})
    withdraw_profile(profile, actor=SYSTEM)
    recompute_desired()
    row = shown({"kind": "take_back_profile", "profile": profile.pk})
    assert row.summary["counts"] == {"gains": 3, "loses": 0, "changes": 0}
    assert Profile.objects.get(pk=profile.pk).is_archived and wanted() == {}
    apply_plan(row.token, actor=SYSTEM)
    assert len(wanted()) == 3 and not Profile.objects.get(pk=profile.pk).is_archived
    event = Event.objects.get(kind="profile_taken_back")
    assert event.summary == f"{profile.name} taken back"


def test_only_the_first_devices_are_named_and_all_are_counted(profile, monkeypatch):
    monkeypatch.setattr("profiles.plan.SHOWN_ITEMS", 2)
    row = shown({"kind": "create_assignment", "profile": profile.pk, "include": [make_group(*make_channels(5)).pk]})
    assert row.summary["counts"]["gains"] == 5
    assert len(row.summary["items"]) == 2
    assert not row.summary["is_complete"]


def test_the_number_of_statements_does_not_depend_on_the_number_of_devices(profile):
    def statements(devices):
        group = make_group(*make_channels(devices))
        with CaptureQueriesContext(connection) as queries:
            shown({"kind": "create_assignment", "profile": profile.pk, "include": [group.pk]})
        return len(queries)

    statements(1)
    assert statements(1) == statements(20)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"kind": "explode"}, "kind"),
        ({}, "kind"),
        ({"kind": "publish"}, "profile"),
        ({"kind": "delete_assignment", "assignment": 1, "colour": "red"}, "colour"),
    ],
)
def test_a_change_of_another_form_is_refused(db, change, key):
    with pytest.raises(BadRequest) as refused:
        complete(change)
    assert key in refused.value.fields


@pytest.mark.parametrize(
    ("fields", "key"),
    [({"include": ["x"]}, "include"), ({"include": [0]}, "include"), ({"include": [1], "version": 7}, "version")],
)
def test_a_change_that_names_what_does_not_exist_is_refused(profile, fields, key):
    group = make_group()
    if fields["include"] == [1]:
        fields = fields | {"include": [group.pk]}
    with pytest.raises((BadRequest, NotFound)) as refused:
        shown({"kind": "create_assignment", "profile": profile.pk} | fields)
    assert key in refused.value.fields


def test_set_members_by_hand_makes_a_plan_for_the_same_members_one_that_does_nothing(profile):
    one, other = make_channels(2)
    group = make_group(one)
    assign(profile, group)
    recompute_desired()
    row = shown({"kind": "group_members", "group": group.pk, "device_ids": [other.device_id]})
    set_members(group, [other.device_id], actor=SYSTEM)
    outbox.drain()
    with pytest.raises(StalePlan):
        apply_plan(row.token, actor=SYSTEM)


def test_going_back_to_a_version_is_planned_applied_and_stale_when_another_was_published(profile):
    one, two = make_channels(2)
    assign(profile, make_group(one, two))
    publish_text(profile, "two")
    recompute_desired()
    row = shown({"kind": "roll_back", "profile": profile.pk, "number": 1})
    assert row.summary["counts"] == {"gains": 0, "loses": 0, "changes": 2}
    assert profile.versions.count() == 2, "nothing was published by looking"
    apply_plan(row.token, actor=SYSTEM)
    assert wanted() == {one.pk: 3, two.pk: 3}
    assert profile.versions.get(number=3).content == profile.versions.get(number=1).content
    stale = shown({"kind": "roll_back", "profile": profile.pk, "number": 2})
    publish_text(profile, "four")
    with pytest.raises(StalePlan):
        apply_plan(stale.token, actor=SYSTEM)


def test_the_plan_for_members_includes_smart_groups_that_look_at_the_group():
    one, two = make_channels(2)
    chosen = make_group(name="Chosen")
    rule = {"fact": "group", "is": "has", "value": chosen.pk}
    smart = create_group("Follows", kind="smart", rule=rule, actor=SYSTEM)
    evaluate_groups([smart.pk])
    assign(make_profile(), smart)
    recompute_desired()
    row = shown({"kind": "group_members", "group": chosen.pk, "device_ids": [one.device_id]})
    assert row.summary["counts"] == {"gains": 1, "loses": 0, "changes": 0}
    apply_plan(row.token, actor=SYSTEM)
    assert set(wanted()) == {one.pk}


def test_a_plan_that_publishes_errors_is_shown_and_applied_for_a_reason_alone(db):
    """B23: by way of a plan too, errors go to devices only where somebody says why."""
    profile = make_profile(payloads=[{"PayloadType": "com.apple.wifi.managed", "EncryptionType": "WPA2"}])
    draft = profile.draft | {"PayloadDisplayName": "Another"}
    save_draft(profile, draft, profile.draft_revision, SYSTEM)
    row = plan({"kind": "publish", "profile": profile.pk}, actor=SYSTEM)
    with pytest.raises(LintErrors):
        apply_plan(row.token, actor=SYSTEM)
    row = plan({"kind": "publish", "profile": profile.pk, "reason": "a trial"}, actor=SYSTEM)
    apply_plan(row.token, actor=SYSTEM)
    assert profile.versions.count() == 2

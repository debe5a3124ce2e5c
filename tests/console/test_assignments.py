"""Assigning profiles in the console: the form, the plan, applying it, rollouts, and how far a device is."""

import re
from urllib.parse import urlencode

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.models import InstalledProfile
from devices.timeline import SYSTEM
from profiles.assigning import withdraw_profile
from profiles.composing import save_draft
from profiles.desired import recompute_desired
from profiles.models import Assignment, DesiredItem, ItemStatus, Plan, Profile
from profiles.versions import publish
from tests import factories
from tests.console.pages import page_of, statements, text_of
from tests.console.test_profiles import save
from tests.factories import make_channel
from tests.profiles.assigned import assign, edit, fill, make_channels, make_group, make_profile
from tests.test_limits import make_limited

State = ItemStatus.State


def address(name: str, *args) -> str:
    return reverse(f"admin:profiles_profile_{name}", args=args)


def plan_of(response) -> str:
    """Return where a form led, which has to be a plan."""
    assert response.status_code == 302, text_of(response)
    assert "/plans/" in response["Location"], response["Location"]
    return response["Location"]


FORM = {"failure_threshold_percent": "5", "priority": "0"}


def words(page: str) -> str:
    """Return a page as one line without tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.fixture
def profile(db) -> Profile:
    return make_profile(name="Welcome")


# Assigning


def test_a_profile_is_assigned_through_a_plan_that_names_the_devices(console, profile):
    one, two = make_channels(2)
    group, without = make_group(one, two, name="Sales"), make_group(two, name="Loaned")
    body = FORM | {"include": [group.pk], "exclude": [without.pk], "stages": ""}
    where = plan_of(console.post(address("assign", profile.pk), body))

    shown = words(text_of(console.get(where)))
    assert "Assign “Welcome”" in shown and "in “Sales”" in shown and "Apply to 1 device" in shown
    assert one.device.serial_number in shown and two.device.serial_number not in shown
    assert not Assignment.objects.exists()

    done = console.post(where, follow=True)
    assert done.redirect_chain[-1][0] == address("assignments", profile.pk)
    assert "Applied: 1 gained, 0 changed, 0 lost." in text_of(done)
    assert list(DesiredItem.objects.values_list("channel_id", flat=True)) == [one.pk]


def test_a_plan_that_no_longer_holds_changes_nothing_and_is_made_anew(console, profile):
    one, two = make_channels(2)
    group = make_group(one, name="Sales")
    where = plan_of(console.post(address("assign", profile.pk), FORM | {"include": [group.pk]}))
    fill(group, one, two)
    shown = words(text_of(console.post(where)))
    assert "the plan is out of date" in shown and "Make the plan anew" in shown
    assert not Assignment.objects.exists()

    again = plan_of(console.post(where, {"again": "1"}))
    assert again != where
    console.post(again)
    assert DesiredItem.objects.count() == 2
    assert "It was applied" in words(text_of(console.get(again)))


def test_what_the_form_refuses_is_said_at_the_field(console, profile):
    group = make_group()
    for body, said in (
        ({}, "Choose at least one group that gets it."),
        ({"include": [group.pk], "exclude": [group.pk]}, "is to get it and not to get it."),
        ({"include": [group.pk], "stages": "50, 10, 100"}, "Stages are percentages that rise and end with 100."),
        ({"include": [group.pk], "stages": "a few"}, "Write whole percentages"),
        ({"include": [group.pk], "version": "7"}, "7 is not one of the available choices."),
    ):
        response = console.post(address("assign", profile.pk), FORM | body)
        assert (response.status_code, said in words(text_of(response))) == (200, True), said
    assert not Plan.objects.exists()


def test_only_what_was_changed_of_an_assignment_is_planned(console, profile):
    (one,) = make_channels(1)
    assignment = assign(profile, make_group(one), stages=[10, 100])
    other = make_group(one, name="Others")
    form = console.get(address("assignment", profile.pk, assignment.pk)).context["form"]
    stored = {field.name: field.value() for field in form if field.value() is not None}
    body = stored | {"is_enabled": "on"}
    unchanged = console.post(address("assignment", profile.pk, assignment.pk), body, follow=True)
    assert "Nothing was changed." in text_of(unchanged)

    body |= {"exclude": [other.pk], "priority": "3"}
    where = plan_of(console.post(address("assignment", profile.pk, assignment.pk), body))
    assert Plan.objects.get().change["fields"] == {"exclude": [other.pk], "priority": 3}
    console.post(where)
    assignment.refresh_from_db()
    assert assignment.priority == 3


def test_groups_that_are_chosen_come_first_in_the_form_and_each_can_be_found_by_name_and_kind(console, profile):
    first, chosen = make_group(name="Aachen"), make_group(name="Zürich")
    assignment = assign(profile, chosen)
    page = text_of(console.get(address("assignment", profile.pk, assignment.pk)))
    assert re.findall(r'data-name="(.*?)" data-kind="(.*?)"', page) == [
        ("Zürich", "chosen by hand"),
        ("Aachen", "chosen by hand"),
    ]
    # Without a script there is no search, and no row is hidden.
    assert re.search(r'<div class="[^"]*e-choose-tools" hidden>', page) and not re.search("<tr[^>]* hidden", page)
    refused = text_of(console.post(address("assign", profile.pk), FORM | {"exclude": [chosen.pk]}))
    assert refused.index("Zürich never gets it") < refused.index("Aachen never gets it")
    assert first.pk


def test_a_limited_person_sees_the_groups_within_reach_only_and_the_others_stay(client, profile):
    (one,) = make_channels(1)
    lyon, secret, mixed = make_group(one, name="Lyon"), make_group(name="Hush"), make_group(one, name="Sales")
    assignment = assign(profile, lyon, exclude=[secret])
    client.force_login(make_limited("administrator", lyon))
    for page in (address("assignments", profile.pk), address("assignment", profile.pk, assignment.pk)):
        shown = text_of(client.get(page))
        assert "Lyon" in shown and "Hush" not in shown and "not" in shown
    assert "except 1 group that you may not see" in words(text_of(client.get(address("assignments", profile.pk))))
    form = client.get(address("assignment", profile.pk, assignment.pk))
    assert "One more group of this assignment is not yours to see." in text_of(form)
    assert "Sales" in text_of(form) and mixed.pk

    body = FORM | {"include": [lyon.pk], "is_enabled": "on"}
    where = address("assignment", profile.pk, assignment.pk)
    assert "Nothing was changed." in text_of(client.post(where, body, follow=True))
    assert "is not one of the available choices" in text_of(client.post(where, body | {"exclude": [secret.pk]}))
    client.post(plan_of(client.post(where, body | {"priority": "2"})))
    assignment.refresh_from_db()
    assert (assignment.priority, list(assignment.exclude.all())) == (2, [secret])


def test_an_assignment_is_ended_through_a_plan_that_says_who_loses_it(console, profile):
    (one,) = make_channels(1)
    assignment = assign(profile, make_group(one))
    recompute_desired()
    where = plan_of(console.post(address("unassign", profile.pk, assignment.pk)))
    shown = words(text_of(console.get(where)))
    assert "its assignment ends or is switched off" in shown and one.device.serial_number in shown
    done = console.post(where, follow=True)
    assert done.redirect_chain[-1][0] == address("assignments", profile.pk)
    assert not DesiredItem.objects.exists()
    assert "End an assignment of “Welcome”" in words(text_of(console.get(where)))


def test_a_profile_is_taken_away_from_all_through_a_plan(console, profile):
    (one,) = make_channels(1)
    assign(profile, make_group(one))
    recompute_desired()
    assert "Take away from all" in text_of(console.get(address("assignments", profile.pk)))
    where = plan_of(console.post(address("withdraw", profile.pk)))
    assert one.device.serial_number in words(text_of(console.get(where)))
    assert DesiredItem.objects.exists()
    console.post(where)
    profile.refresh_from_db()
    assert profile.is_archived and not DesiredItem.objects.exists()
    assert "Take away from all" not in text_of(console.get(address("assignments", profile.pk)))


def test_archiving_what_is_assigned_and_taking_it_back_are_planned(console, profile):
    (one,) = make_channels(1)
    assign(profile, make_group(one, name="Sales"))
    recompute_desired()
    archive = address("archive", profile.pk)
    dialog = words(text_of(console.get(archive)))
    assert "It has 1 assignment in force. Archiving it takes it away" in dialog and "Show the plan" in dialog
    console.post(plan_of(console.post(archive)))
    profile.refresh_from_db()
    assert profile.is_archived and not DesiredItem.objects.exists()

    assert archive in text_of(console.get(address("assignments", profile.pk)))
    dialog = words(text_of(console.get(archive)))
    assert "It still has 1 assignment in force, so devices get it again." in dialog and "Show the plan" in dialog
    where = plan_of(console.post(archive))
    shown = words(text_of(console.get(where)))
    assert "Plan: Take back “Welcome”" in shown and "in “Sales”" in shown and one.device.serial_number in shown
    profile.refresh_from_db()
    assert profile.is_archived and not DesiredItem.objects.exists()
    done = console.post(where, follow=True)
    profile.refresh_from_db()
    assert "Applied: 1 gained" in text_of(done) and not profile.is_archived and DesiredItem.objects.exists()


def test_whoever_may_see_no_devices_archives_nothing_that_is_assigned(client, profile):
    assign(profile, make_group())
    client.force_login(factories.make_staff("profiles.view_profile", "profiles.change_profile"))
    refused = client.post(address("archive", profile.pk))
    profile.refresh_from_db()
    assert "end its assignments first" in text_of(refused) and not profile.is_archived
    withdraw_profile(profile, actor=SYSTEM)
    assert client.post(address("archive", profile.pk)).status_code == 302
    profile.refresh_from_db()
    assert not profile.is_archived and not Plan.objects.exists()


def test_a_plan_warns_of_what_lint_has_against_the_devices_it_reaches(console, profile):
    phone = make_channel(factories.make_device("tvos"))
    where = plan_of(console.post(address("assign", profile.pk), FORM | {"include": [make_group(phone).pk]}))
    shown = words(text_of(console.get(where)))
    assert "Lint of what is sent" in shown and "1 of 1 device" in shown


def test_a_plan_to_take_a_profile_back_warns_of_what_lint_has_against_the_devices_that_get_it_again(console, profile):
    phone, other = make_channel(factories.make_device("tvos")), make_channel()
    assign(profile, make_group(phone, other), exclude=[make_group(other)])
    assign(profile, make_group(make_channel()), is_enabled=False)
    withdraw_profile(profile, actor=SYSTEM)
    shown = words(text_of(console.get(plan_of(console.post(address("archive", profile.pk))))))
    assert "Lint of what is sent" in shown and "1 of 1 device" in shown


# Rollouts


def test_a_rollout_goes_on_halts_resumes_and_is_rolled_back(console, profile):
    channels = make_channels(12)
    assignment = assign(profile, make_group(*channels), stages=[50, 100])
    recompute_desired()
    page = words(text_of(console.get(address("assignments", profile.pk))))
    assert "Rollout runs" in page and "50%" in page and "Next stage…" in page and "Resume…" not in page

    console.post(address("halt", profile.pk, assignment.pk), {"note": "calls from Lyon"})
    page = words(text_of(console.get(address("assignments", profile.pk))))
    assert "Halted: calls from Lyon" in page and "Next stage…" not in page
    for step, state in (
        ("resume", "running"),
        ("advance", "running"),
        ("advance", "done"),
        ("roll_back", "rolled_back"),
    ):
        where = plan_of(console.post(address("step", profile.pk, assignment.pk, step)))
        console.post(where)
        assignment.refresh_from_db()
        assert assignment.rollout_state == state
    assert not DesiredItem.objects.exists()


def test_a_step_that_a_rollout_cannot_take_is_refused_in_words(console, profile):
    assignment = assign(profile, make_group())
    response = console.post(address("step", profile.pk, assignment.pk, "advance"), follow=True)
    assert "This rollout is to all at once, not running" in text_of(response)
    assert console.post(address("step", profile.pk, assignment.pk, "jump")).status_code == 404


def test_the_list_counts_how_far_the_devices_are(console, profile):
    channels = make_channels(4)
    assignment = assign(profile, make_group(*channels))
    recompute_desired()
    version = profile.versions.get()
    for channel, state in zip(channels, (State.VERIFIED, State.FAILED, State.SENT), strict=False):
        ItemStatus.objects.create(
            channel=channel, identifier=profile.identifier, profile=profile, version=version, state=state
        )
    page = words(text_of(console.get(address("assignments", profile.pk))))
    assert "1 of 4 verified" in page and "1 sent" in page and "1 failed" in page and "1 pending" in page
    few = statements(console, address("assignments", profile.pk))
    for _ in range(3):
        assign(profile, make_group(*channels))
    assert statements(console, address("assignments", profile.pk)) == few
    assert assignment.pk


def test_conflicts_name_both_profiles_and_the_devices(console):
    assert "No conflicts" in text_of(console.get(address("conflicts")))
    (one,) = [factories.make_channel(device=factories.make_device("macos", name="Studio"))]
    group = make_group(one)
    for name, text in (("First", "one"), ("Second", "two")):
        payloads = [{"PayloadType": "com.apple.loginwindow", "LoginwindowText": text}]
        assign(make_profile(name=name, payloads=payloads), group)
    recompute_desired()
    page = words(text_of(console.get(address("conflicts"))))
    assert "LoginwindowText" in page and "First v1" in page and "Second v1" in page and "Studio" in page


# Configuration of a device


def test_the_configuration_tab_says_how_far_each_profile_is_and_why_it_is_meant(console, profile):
    (one,) = make_channels(1)
    assign(profile, make_group(name="Lyon"), make_group(one, name="Sales"))
    recompute_desired()
    page = words(text_of(console.get(page_of(one.device), {"tab": "configuration"})))
    assert "Pending" in page and "Welcome v1" in page and "Not yet queued." in page
    assert "because it is in “Sales”" in page and "Lyon" not in page


def test_the_configuration_follows_by_itself_and_is_silent_while_nothing_changes(console, profile):
    (one,) = make_channels(1)
    assign(profile, make_group(one))
    recompute_desired()
    poll = reverse("admin:devices_device_configuration", args=[one.device_id])
    first = console.get(poll)
    version = first.context["configuration_version"]
    assert console.get(poll, {"version": version}).status_code == 204
    ItemStatus.objects.create(
        channel=one,
        identifier=profile.identifier,
        profile=profile,
        version=profile.versions.get(),
        state=State.VERIFIED,
    )
    later = console.get(poll, {"version": version})
    assert "Verified" in text_of(later) and "every 20s" in text_of(later)


def test_what_failed_is_retried_from_the_device(console, profile):
    (one,) = make_channels(1)
    assign(profile, make_group(one))
    recompute_desired()
    item = ItemStatus.objects.create(
        channel=one, identifier=profile.identifier, profile=profile, version=profile.versions.get(),
        state=State.FAILED, error="No Wi-Fi.", attempts=5, is_stopped=True,
    )  # fmt: skip
    page = text_of(console.get(page_of(one.device), {"tab": "configuration"}))
    assert "No Wi-Fi; stopped after 5 of 5 attempts" in page and "Retry all that failed" in page
    retry = reverse("admin:devices_device_retry_configuration", args=[one.device_id])
    done = console.post(retry, {"item": item.pk}, follow=True)
    assert "1 profile to be tried again." in text_of(done)
    item.refresh_from_db()
    assert (item.is_stopped, item.attempts) == (False, 0)
    ItemStatus.objects.update(state=State.VERIFIED)
    assert "Nothing failed or waits" in text_of(console.post(retry, follow=True))


def test_profiles_that_are_not_ours_are_explained(console):
    channel = make_channel()
    InstalledProfile.objects.create(
        device=channel.device, channel=channel, identifier="com.example.hand", display_name="By hand",
        is_managed=False, reported_at=timezone.now(),
    )  # fmt: skip
    page = words(text_of(console.get(page_of(channel.device), {"tab": "configuration"})))
    assert "Also installed" in page and "By hand" in page and "Can be removed by:" in page


def test_effective_values_are_shown_with_where_they_come_from(console, profile):
    channel = make_channel(device=factories.make_device("macos"))
    assign(profile, make_group(channel))
    recompute_desired()
    address_of_page = reverse("admin:devices_device_effective", args=[channel.device_id])
    for response in (console.get(address_of_page), console.get(address_of_page, headers={"HX-Request": "true"})):
        page = words(text_of(response))
        assert "Name" in page and "one" in page and "Welcome" in page and "(not there yet)" in page


def test_the_configuration_takes_as_many_statements_whatever_is_meant(console, profile):
    (one,) = make_channels(1)
    assign(profile, make_group(one))
    recompute_desired()
    few = statements(console, page_of(one.device), tab="configuration")
    for number in range(3):
        assign(make_profile(name=f"More {number}"), make_group(one))
    recompute_desired()
    assert statements(console, page_of(one.device), tab="configuration") == few


def test_who_may_not_see_profiles_has_no_configuration_tab(client, db):
    channel = make_channel()
    client.force_login(factories.make_staff("devices.view_device"))
    assert client.get(page_of(channel.device), {"tab": "configuration"}).status_code == 403
    assert "tab=configuration" not in text_of(client.get(page_of(channel.device)))


def test_a_plan_may_be_looked_at_but_not_applied_without_the_permission_of_its_change(client, profile):
    boss = factories.make_staff(is_superuser=True)
    client.force_login(boss)
    where = plan_of(client.post(address("assign", profile.pk), FORM | {"include": [make_group(make_channel()).pk]}))
    client.force_login(factories.make_staff("profiles.view_profile", "devices.view_device"))
    page = text_of(client.get(where))
    assert "profiles.add_assignment" in page and 'aria-disabled="true"' in page
    assert client.post(where).status_code == 403
    client.force_login(factories.make_staff("profiles.view_profile"))
    assert client.get(where).status_code == 403
    assert not Assignment.objects.exists()


# Lint beside the composer


def composed(**values) -> Profile:
    payloads = [{"PayloadType": "com.apple.wifi.managed", "SSID_STR": "corp", **values}]
    return factories.make_profile(name="Corp Wi-Fi", payloads=payloads)


def payload_address(profile: Profile, **query) -> str:
    uuid = Profile.objects.get(pk=profile.pk).draft["PayloadContent"][0]["PayloadUUID"]
    return f"{address('change', profile.pk)}?{urlencode({'payload': uuid} | query)}"


def test_the_panel_says_what_lint_has_against_a_payload_and_leads_to_the_field(console):
    profile = composed(EncryptionType="wpa3")
    page = text_of(console.get(payload_address(profile)))
    assert "Lint: 1 error" in words(page)
    anchor = re.search(r'href="#(k\w+)" data-goto>EncryptionType<', page)[1]
    assert f'id="{anchor}"' in page
    facts = text_of(console.get(address("change", profile.pk)))
    assert "EncryptionType" in facts and payload_address(profile) in facts


def test_a_fix_of_lint_is_applied_with_what_else_is_in_the_form(console):
    profile = composed(EncryptionType="wpa3")
    page = text_of(console.get(payload_address(profile)))
    fix = re.search(r"fix=(\w+)", page)[1]
    done = save(console, payload_address(profile, fix=fix), fields={"v:/SSID_STR": "guests"})
    assert done.status_code == 302
    payload = Profile.objects.get(pk=profile.pk).draft["PayloadContent"][0]
    assert (payload["EncryptionType"], payload["SSID_STR"]) == ("WPA3", "guests")
    page = words(text_of(console.get(payload_address(profile))))
    assert "Fixed, and the draft is saved." in page and "Lint: fits Apple" in page and "Not checked:" in page


def test_a_fix_is_applied_from_the_profiles_own_page_and_refused_when_it_does_not_fit_any_more(console):
    profile = composed(EncryptionType="wpa3")
    page = text_of(console.get(address("change", profile.pk)))
    fix = re.search(r'action="\?fix=(\w+)"', page)[1]
    body = {"revision": re.search(r'name="revision" value="(\d+)"', page)[1]}
    where = f"{address('change', profile.pk)}?fix={fix}"
    console.post(where, {"revision": "0"})
    assert Profile.objects.get(pk=profile.pk).draft["PayloadContent"][0]["EncryptionType"] == "wpa3"
    assert "Fixed." in text_of(console.post(where, body, follow=True))
    assert Profile.objects.get(pk=profile.pk).draft["PayloadContent"][0]["EncryptionType"] == "WPA3"
    assert "This fix does not fit the draft any more." in text_of(console.post(where, body, follow=True))


def test_lint_counts_the_devices_in_scope_for_who_may_see_devices(client, db):
    profile = composed()
    assign(profile, make_group(make_channel(device=factories.make_device("ios", name="Ada's iPhone"))))
    publish(profile, actor=SYSTEM)
    draft = profile.draft
    draft["PayloadContent"][0] |= {"PayloadType": "com.apple.MCX.FileVault2"}
    save_draft(profile, draft, profile.draft_revision, SYSTEM)
    client.force_login(factories.make_staff("profiles.view_profile", "devices.view_device"))
    page = text_of(client.get(address("change", profile.pk)))
    assert "the 1 device in scope" in page and "Ada&#x27;s iPhone" in page
    client.force_login(factories.make_staff("profiles.view_profile"))
    page = text_of(client.get(address("change", profile.pk)))
    assert "in scope" not in page and "Ada" not in page and "fix=" not in page


# Publishing


def test_publishing_what_is_assigned_goes_through_a_plan(console, profile):
    channels = make_channels(2)
    assign(profile, make_group(*channels))
    recompute_desired()
    edit(profile, "two")
    dialog = words(text_of(console.get(address("publish", profile.pk))))
    assert "Show the plan" in dialog and "2 devices" in dialog
    where = plan_of(console.post(address("publish", profile.pk), {"note": "friendlier"}))
    assert profile.versions.count() == 1
    shown = words(text_of(console.get(where)))
    assert "Publish “Welcome”" in shown and "v1 → v2: 2 times" in shown and "Apply to 2 devices" in shown
    console.post(where)
    assert profile.versions.order_by("-number").first().note == "friendlier"
    assert set(DesiredItem.objects.values_list("version__number", flat=True)) == {2}


def test_a_draft_that_was_edited_after_its_plan_is_not_published(console, profile):
    assign(profile, make_group(make_channel()))
    recompute_desired()
    edit(profile, "two")
    where = plan_of(console.post(address("publish", profile.pk), {"note": ""}))
    edit(profile, "three")
    assert "the draft was edited in the meantime" in words(text_of(console.post(where)))
    console.post(plan_of(console.post(where, {"again": "1"})))
    assert profile.versions.order_by("-number").first().content["PayloadContent"][0]["Name"] == "three"

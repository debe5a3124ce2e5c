"""The helpdesk's device page: how a device stands, what needs a person, and what is done from it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from commands.governor.switch import stop
from commands.models import Command, QueuedCommand
from commands.workflows.services import start_workflow
from devices.escrow import keep_secret
from devices.models import Answer, AvailableUpdate, Device, Event, InstalledCertificate
from devices.timeline import SYSTEM
from profiles.desired import recompute_desired
from profiles.models import ItemStatus
from profiles.removal_passwords import removal_password
from profiles.removal_policies import create_policy
from tests import factories
from tests.console.pages import finish, statements, text_of
from tests.profiles.assigned import assign, make_group, make_profile

State = QueuedCommand.State


@pytest.fixture
def helpdesk(client, db):
    """Somebody of the helpdesk's role."""
    from django.contrib.auth.models import Group as Role

    person = factories.make_staff(username="h.lee")
    person.groups.add(Role.objects.get(role__slug="helpdesk"))
    client.force_login(person)
    return client


def page_of(device: Device, page: str = "device") -> str:
    return reverse(f"helpdesk_{page}", args=[device.pk])


def show(client, device: Device, **query) -> dict:
    answer = client.get(page_of(device), query)
    assert answer.status_code == 200
    return answer.context


def make(platform: str = "ios", **facts):
    return factories.make_channel(factories.make_device(platform, **facts))


def titles(context) -> list[str]:
    return [item.title for item in context["attention"]]


# How it stands


@pytest.mark.parametrize(
    ("facts", "kind", "owner"),
    [
        ({}, "ade", "company owned"),
        ({}, "account_device", "company owned"),
        ({"is_supervised": True}, "user", "personal"),
        ({"is_supervised": True}, "device", "company owned"),
        ({"is_supervised": False}, "device", "owner not known"),
        ({"is_ade_enrolled": True, "is_supervised": False}, "device", "company owned"),
    ],
)
def test_whose_a_device_is_follows_from_how_it_enrolled(helpdesk, facts, kind, owner):
    facts = {"is_supervised": None} | facts
    enrollment = factories.make_enrollment(factories.make_device("ios", **facts), kind=kind)
    factories.make_channel(enrollment=enrollment)
    assert show(helpdesk, enrollment.device)["standing"].ownership == owner


def test_the_newest_update_that_is_newer_is_named(helpdesk):
    device = make(os_version="26.0.1", os_version_parts=[26, 0, 1]).device
    assert show(helpdesk, device)["standing"].update is None
    now = timezone.now()
    for version in ("26.0.1", "26.1", "26.0.2"):
        AvailableUpdate.objects.create(device=device, product_key=version, version=version, reported_at=now)
    assert show(helpdesk, device)["standing"].update.word == "26.1 is available"
    AvailableUpdate.objects.exclude(version="26.0.1").delete()
    assert show(helpdesk, device)["standing"].update.word == "Up to date"
    AvailableUpdate.objects.all().delete()
    Answer.objects.create(device=device, request_type="AvailableOSUpdates", content={}, answered_at=now)
    assert show(helpdesk, device)["standing"].update.word == "Up to date"


def test_the_line_on_which_it_was_heard_last_is_named(helpdesk):
    channel = make("macos")
    assert show(helpdesk, channel.device)["standing"].seen.channel == "device channel"
    later = timezone.now() + timedelta(minutes=1)
    factories.make_channel(enrollment=channel.enrollment, user_key="u", user_short_name="ada", seen_at=later)
    assert show(helpdesk, channel.device)["standing"].seen.channel == "user channel of ada"


def test_compliance_is_the_devices_word_on_its_rules_and_every_profile_proven(helpdesk):
    channel = make(is_passcode_present=True, is_passcode_compliant=True, is_encrypted=True)
    device = channel.device

    def compliance():
        found = show(helpdesk, device)["standing"].compliance
        return found.word, found.why

    assert compliance() == ("Compliant", "Passcode and encryption are as they should be; no profile is meant for it.")
    assign(make_profile(name="Wi-Fi"), make_group(channel))
    recompute_desired()
    assert compliance() == ("Not yet compliant", "0 of 1 profiles are proven installed.")
    wanted = channel.desired_items.get()
    item = ItemStatus.objects.create(
        channel=channel, identifier=wanted.identifier, profile=wanted.profile, version=wanted.version,
        state=ItemStatus.State.VERIFIED,
    )  # fmt: skip
    assert compliance()[0] == "Compliant"
    item.state = ItemStatus.State.FAILED
    item.save()
    Device.objects.update(is_passcode_compliant=False)
    assert compliance() == ("Not compliant", "The passcode does not meet the rules; 1 profile failed.")
    channel.enrollment.state = "unenrolled"
    channel.enrollment.save()
    assert compliance()[0] == "Compliance not known"


# What needs a person


def test_profiles_that_failed_or_vanished_are_named_with_their_cause_and_retried(helpdesk):
    channel = make()
    profile = make_profile(name="Corp VPN")
    item = ItemStatus.objects.create(
        channel=channel, identifier=profile.identifier, profile=profile, state=ItemStatus.State.FAILED,
        error="The certificate has expired.", is_stopped=True, attempts=3,
    )  # fmt: skip
    finish(factories.make_queued(channel, "InstallProfile"), State.FAILED, "The certificate has expired.")
    context = show(helpdesk, channel.device)
    assert titles(context) == ["“Corp VPN” failed"]
    (attention,) = context["attention"]
    (fix,) = attention.fixes
    assert attention.detail == "The certificate has expired."
    helpdesk.post(fix.address, dict(fix.values))
    item.refresh_from_db()
    assert (item.state, item.is_stopped) == (ItemStatus.State.PENDING, False)

    ItemStatus.objects.update(attempts=1, error="the device no longer lists it")
    assert titles(show(helpdesk, channel.device))[0] == "“Corp VPN” is not as it should be"


def test_certificates_that_end_soon_are_named_and_old_ones_are_not(helpdesk):
    device = make().device
    now = timezone.now()
    for name, days in (("Long gone", -400), ("Corp root", 9), ("Later", 300)):
        InstalledCertificate.objects.create(
            device=device, fingerprint=name.encode(), common_name=name, not_after=now + timedelta(days=days)
        )
    (title,) = titles(show(helpdesk, device))
    assert title == f"The certificate Corp root expires {now + timedelta(days=9):%Y-%m-%d}"


@pytest.mark.parametrize(
    ("hours", "words"), [(-5, "has expired"), (5, "expires within a day"), (30, "expires in 1 day")]
)
def test_a_certificate_of_the_device_that_ends_soon_is_named_with_the_time_that_is_left(helpdesk, hours, words):
    channel = make()
    ends = timezone.now() + timedelta(hours=hours)
    factories.make_identity(channel.enrollment_key, is_active=True, not_after=ends)
    assert titles(show(helpdesk, channel.device)) == [f"Its certificate {words}"]


def test_who_may_only_look_is_shown_what_is_wrong_without_the_buttons(client, db):
    channel = make()
    finish(factories.make_queued(channel, "DeviceInformation"), State.FAILED, "No.")
    client.force_login(factories.make_staff("devices.view_device"))
    context = show(client, channel.device)
    assert titles(context) == ["DeviceInformation failed"] and context["attention"][0].fixes == ()
    refusals = {task.title: task.refusal for task in context["tasks"]}
    assert refusals["Refresh"] == refusals["Restart"] == "You may not send commands."
    assert refusals["Reveal secret"] == "You may not see secrets."
    assert [title for title, refusal in refusals.items() if not refusal] == ["Message"]


def test_a_device_of_another_site_is_not_there(client, db):
    from devices.models import AccessLimit

    mine, other = make().device, make().device
    person = factories.make_staff("devices.view_device", "devices.reveal_secret", "commands.add_command")
    AccessLimit.objects.create(user=person).groups.add(make_group(mine))
    client.force_login(person)
    keep_secret(other, "lock_pin", b"135790")
    for page, method in (("device", "get"), ("live", "get"), ("retry", "post"), ("reveal", "get"), ("reveal", "post")):
        assert getattr(client, method)(page_of(other, page)).status_code == 404, page
        assert getattr(client, method)(page_of(mine, page)).status_code in (200, 302), page


# What is done from it


def test_all_that_failed_is_tried_again_at_once_but_nothing_that_destroys(helpdesk):
    channel = make()
    profile = make_profile()
    ItemStatus.objects.create(
        channel=channel, identifier=profile.identifier, profile=profile, state=ItemStatus.State.FAILED
    )
    finish(factories.make_queued(channel, "SecurityInfo"), State.FAILED, "Busy.")
    finish(factories.make_queued(channel, "SecurityInfo"), State.FAILED, "Busy again.")
    erase = factories.make_queued(channel, "EraseDevice")
    finish(erase, State.FAILED, "No.")
    Command.objects.filter(pk=erase.command_id).update(is_destructive=True)
    # It may be the last network by now.
    finish(factories.make_queued(channel, "RemoveProfile"), State.FAILED, "No such profile.")
    before = set(QueuedCommand.objects.values_list("pk", flat=True))

    answer = helpdesk.post(page_of(channel.device, "retry"), headers={"HX-Request": "true"})
    assert "1 profile and 1 command are tried again." in answer["HX-Trigger"]
    new = QueuedCommand.objects.exclude(pk__in=before).select_related("command")
    assert [(one.command.request_type, one.command.actor) for one in new] == [("SecurityInfo", "h.lee")]
    assert ItemStatus.objects.get().state == ItemStatus.State.PENDING


def test_nothing_that_failed_is_nothing_to_retry(helpdesk):
    device = make().device
    retry = next(task for task in show(helpdesk, device)["tasks"] if task.name == "retry")
    assert retry.refusal == "Nothing failed within the last week."
    answer = helpdesk.post(page_of(device, "retry"), headers={"HX-Request": "true"})
    assert "Nothing is tried again." in answer["HX-Trigger"]


def test_a_secret_is_chosen_and_shown_in_one_dialog_with_a_reason(helpdesk):
    device = make("macos").device
    keep_secret(device, "recovery_lock_password", b"firm-words")
    keep_secret(device, "filevault_recovery_key", b"AAAA-OLD")
    keep_secret(device, "filevault_recovery_key", b"AAAA-NEW")
    keep_secret(device, "bootstrap_token", b"for commands only")
    address = page_of(device, "reveal")
    form = helpdesk.get(address).context["form"]
    words = [label for _value, label in form.fields["secret"].choices]
    assert [word.partition(",")[0] for word in words] == [
        "FileVault recovery key", "Recovery Lock password", "FileVault recovery key",
    ]  # fmt: skip
    assert "an earlier one" in words[2]
    values = [value for value, _label in form.fields["secret"].choices]

    assert "AAAA-NEW" not in text_of(helpdesk.post(address, {"secret": values[0], "reason": ""}))
    answer = helpdesk.post(address, {"secret": values[0], "reason": "locked out"})
    assert "AAAA-NEW" in text_of(answer) and "no-store" in answer["Cache-Control"]
    assert "AAAA-OLD" in text_of(helpdesk.post(address, {"secret": values[2], "reason": "restored from a backup"}))
    told = Event.objects.filter(kind="secret_revealed").order_by("id").values_list("actor", "summary")
    assert [(actor, summary.rpartition(": ")[2]) for actor, summary in told] == [
        ("h.lee", "locked out"), ("h.lee", "restored from a backup"),
    ]  # fmt: skip

    stranger = make("macos").device
    foreign = keep_secret(stranger, "lock_pin", b"135790")
    assert "135790" not in text_of(helpdesk.post(address, {"secret": f"secret-{foreign.pk}", "reason": "x"}))


def test_secret_attributes_are_among_the_secrets(helpdesk):
    device = make().device

    def reveal_task():
        return next(task for task in show(helpdesk, device)["tasks"] if task.name == "reveal")

    assert reveal_task().refusal == "No secret of it is kept."
    value = factories.make_secret_value(device, "wifi-key", "correct horse 4711")
    assert reveal_task().refusal == ""
    address = page_of(device, "reveal")
    assert helpdesk.get(address).context["form"].fields["secret"].choices == [
        (f"attribute-{value.pk}", "wifi-key (custom attribute)")
    ]
    chosen = {"secret": f"attribute-{value.pk}"}
    assert "correct horse" not in text_of(helpdesk.post(address, chosen | {"reason": ""}))
    assert "correct horse 4711" in text_of(helpdesk.post(address, chosen | {"reason": "a visitor"}))
    assert Event.objects.get(kind="secret_revealed").summary == "wifi-key (custom attribute) revealed: a visitor"
    assert "correct horse" not in text_of(helpdesk.get(page_of(device), {"tab": "groups"}))


def test_removal_passwords_are_among_the_secrets_for_who_may_see_those_of_profiles(client, db):
    channel = make()
    policy = create_policy("With a password", "password", actor=SYSTEM)
    profile = make_profile(name="Locked", removal_policy=policy)
    ItemStatus.objects.create(
        channel=channel, identifier=profile.identifier, profile=profile, state=ItemStatus.State.VERIFIED
    )
    rights = ["devices.view_device", "devices.reveal_secret", "profiles.view_profile"]

    def reveal_task():
        return next(task for task in show(client, channel.device)["tasks"] if task.name == "reveal")

    client.force_login(factories.make_staff(*rights))
    assert reveal_task().refusal == "No secret of it is kept."
    client.force_login(factories.make_staff(*rights, "profiles.view_profile_secrets"))
    assert reveal_task().refusal == ""
    chosen = {"secret": f"profile-{profile.pk}", "reason": "sold"}
    profile.refresh_from_db()
    assert removal_password(profile) in text_of(client.post(page_of(channel.device, "reveal"), chosen))
    assert Event.objects.get(kind="removal_password_revealed").device_id == channel.device_id


def test_the_page_follows_and_is_silent_while_nothing_changes(helpdesk):
    channel = make()
    version = show(helpdesk, channel.device)["version"]
    live = page_of(channel.device, "live")
    assert helpdesk.get(live, {"version": version}).status_code == 204
    factories.make_queued(channel)
    answer = helpdesk.get(live, {"version": version})
    assert "1 pending" in text_of(answer) and 'id="h-actions" hx-swap-oob="true"' in text_of(answer)


def test_the_page_takes_as_many_statements_whatever_the_device_has(helpdesk):
    channel = make()
    factories.make_report(channel, {"QueryResponses": {}})
    keep_secret(channel.device, "lock_pin", b"135790")
    few = statements(helpdesk, page_of(channel.device))
    for number in range(10):
        factories.make_report(channel, {"QueryResponses": {}})
        finish(factories.make_queued(channel, "RestartDevice"), State.FAILED, f"Cause {number}")
        keep_secret(channel.device, "lock_pin", f"13579{number}".encode())
    assert statements(helpdesk, page_of(channel.device)) <= few + 1


@pytest.mark.parametrize("platform", ["ios", "ipados", "macos", "tvos", "visionos"])
def test_every_tab_opens_on_every_platform(helpdesk, platform):
    device = make(platform).device
    for tab, _title in show(helpdesk, device)["tabs"]:
        assert show(helpdesk, device, tab=tab)["tab"] == tab
    assert helpdesk.get(page_of(device), {"tab": "nonsense"}).status_code == 404


def test_a_device_that_is_looked_for_says_so_and_the_same_button_ends_it(helpdesk):
    device = make(is_supervised=True).device
    start_workflow("lost_device", device, {"message": "Call us"}, actor=SYSTEM, reason="left in a train")
    context = show(helpdesk, device)
    item = next(item for item in context["attention"] if item.title == "It is being looked for")
    assert "left in a train" in item.detail
    assert [fix.text for fix in item.fixes] == ["Steps", "Where it was", "Found"]
    task = next(task for task in context["tasks"] if task.name == "lost_device")
    assert (task.title, task.refusal) == ("Found", "")
    helpdesk.post(task.address, {"reason": "it was in the bag"})
    context = show(helpdesk, device)
    assert "Lost Mode is being ended" in titles(context)
    task = next(task for task in context["tasks"] if task.name == "lost_device")
    assert (task.title, task.refusal) == ("Found", "Lost Mode is being ended.")


def test_that_destructive_commands_are_stopped_is_said_without_the_icon_of_the_device(helpdesk):
    device = make().device
    icon = show(helpdesk, device)["icon"]
    stop(actor=SYSTEM, reason="an odd erase")
    header = text_of(helpdesk.get(page_of(device))).split("Destructive commands are stopped")[0]
    assert header != text_of(helpdesk.get(page_of(device)))
    assert icon not in header.rsplit("e-environment", 1)[1]

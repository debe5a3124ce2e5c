"""The device page: what it shows as things happen, and what pressing something on it, or for many devices, does."""

import io

import pytest
from django.urls import reverse
from django.utils import timezone

from apns.models import PushState
from commands.governor.models import HeldAction
from commands.models import Command, QueuedCommand
from devices.console.tabs import TABS
from devices.escrow import open_secret
from devices.models import Channel, Device, EscrowedSecret
from mdm_project import plist
from mdm_project.crypto import unseal
from tests import factories
from tests.console.pages import DEVICES, State, fill, finish, page_of, statements, text_of

# Device page


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_with_and_without_content(console, tab):
    empty, channel = factories.make_device(), factories.make_channel()
    fill(channel)
    factories.make_report(channel, {"QueryResponses": {"DeviceName": "Ada's iPhone"}})
    assert console.get(page_of(empty), {"tab": tab}).status_code == 200
    assert console.get(page_of(channel.device), {"tab": tab}).status_code == 200


def test_the_device_page_takes_as_many_statements_whatever_the_device_has(console):
    channel = factories.make_channel()
    factories.make_report(channel, {"QueryResponses": {}})
    few = statements(console, page_of(channel.device))
    fill(channel)
    for _ in range(20):
        factories.make_report(channel, {"QueryResponses": {}})
    assert statements(console, page_of(channel.device)) == few <= 30


def test_an_unknown_device_or_tab_is_not_found(console):
    device = factories.make_device()
    assert console.get(f"{DEVICES}999999/change/").status_code == 404
    assert console.get(f"{DEVICES}nonsense/change/").status_code == 404
    assert console.get(page_of(device), {"tab": "nonsense"}).status_code == 404


def live(client, device: Device, version: str = ""):
    return client.get(reverse("admin:devices_device_live", args=[device.pk]), {"version": version})


def test_the_live_list_follows_a_command_from_pending_to_its_answer(console):
    channel = factories.make_channel()
    queued = factories.make_queued(channel)
    shown = live(console, channel.device)
    assert ("Pending" in text_of(shown), "every 1s" in text_of(shown)) == (True, True)
    assert live(console, channel.device, shown.context["version"]).status_code == 204

    pushed_at = timezone.now()
    PushState.objects.create(channel=channel, attempted_at=pushed_at, accepted_at=pushed_at, status=200)
    pushed = live(console, channel.device, shown.context["version"])
    assert pushed.context["rows"][0].status.word == "Pushed"
    assert "the device was heard of at" in pushed.context["rows"][0].status.why

    QueuedCommand.objects.filter(pk=queued.pk).update(state=State.SENT, sent_at=timezone.now(), deliveries=1)
    sent = live(console, channel.device, pushed.context["version"])
    assert sent.context["rows"][0].status.word == "Sent"

    factories.make_report(
        channel, {"QueryResponses": {"DeviceName": "Ada's iPhone", "OSVersion": "26.1"}}, queued=queued
    )
    answered = live(console, channel.device, sent.context["version"])
    assert answered.context["rows"][0].status.word == "Acknowledged"
    assert "Ada&#x27;s iPhone" in text_of(answered)
    assert "every 15s" in text_of(answered)


@pytest.mark.parametrize(
    ("channel_fields", "why"),
    [
        ({"push_gone_at": timezone.now()}, "probably gone"),
        ({"state": Channel.State.PENDING}, "still enrolling"),
        ({"state": Channel.State.DISABLED}, "no longer enrolled"),
    ],
)
def test_what_is_pending_always_says_why(console, channel_fields, why):
    channel = factories.make_channel(**channel_fields)
    factories.make_queued(channel)
    assert why in live(console, channel.device).context["rows"][0].status.why


def test_a_failed_push_says_what_apns_answered(console):
    channel = factories.make_channel()
    factories.make_queued(channel)
    now = timezone.now()
    PushState.objects.create(channel=channel, attempted_at=now, status=429, reason="TooManyRequests", failures=2)
    assert "TooManyRequests" in live(console, channel.device).context["rows"][0].status.why


def test_an_answer_is_shown_in_readable_form_without_its_secrets(console):
    channel = factories.make_channel()
    answer = {"SecurityInfo": {"PasscodePresent": True, "FDE_PersonalRecoveryKeyCMS": b"the recovery key"}}
    report = factories.make_report(channel, answer, request_type="SecurityInfo")
    text = text_of(console.get(reverse("admin:commands_command_target", args=[report.queued_id])))
    assert "PasscodePresent" in text
    assert "recovery key" not in text
    assert "dGhlIHJlY292ZXJ5IGtleQ" not in text


def test_a_failure_needs_attention_in_the_devices_own_words(console):
    channel = factories.make_channel()
    finish(factories.make_queued(channel, "InstallProfile"), State.FAILED, "The profile needs supervision.")
    attention = console.get(page_of(channel.device)).context["attention"]
    assert [(item.title, item.detail) for item in attention] == [
        ("InstallProfile failed", "The profile needs supervision.")
    ]


def test_refresh_inventory_asks_every_question_and_leads_back(console):
    channel = factories.make_channel()
    response = console.post(reverse("admin:devices_device_refresh", args=[channel.device_id]))
    assert response["Location"] == page_of(channel.device)
    asked = set(QueuedCommand.objects.filter(channel=channel).values_list("command__request_type", flat=True))
    assert {"DeviceInformation", "SecurityInfo", "ProfileList", "CertificateList"} <= asked


def send(client, device: Device, command: str, /, **fields):
    return client.post(reverse("admin:devices_device_command", args=[device.pk, command]), fields)


def test_a_command_is_queued_with_its_reason_and_actor(console):
    channel = factories.make_channel(factories.make_device("macos"))
    send(console, channel.device, "DeviceLock", message="Call IT", pin="123456", reason="left in a taxi")
    command = Command.objects.get()
    assert (command.request_type, command.reason, command.origin) == ("DeviceLock", "left in a taxi", "staff")
    text = text_of(console.get(reverse("admin:commands_command_change", args=[command.pk])))
    assert "Call IT" in text
    assert "123456" not in text


def test_a_mac_is_locked_with_a_pin_that_is_made_up_and_kept(console):
    channel = factories.make_channel(factories.make_device("macos"))
    send(console, channel.device, "DeviceLock", reason="lost")
    queued = QueuedCommand.objects.select_related("command").get()
    sent = plist.loads(unseal(bytes(queued.body_encrypted), queued.command.body_context))["Command"]
    kept = EscrowedSecret.objects.get(device=channel.device, kind="lock_pin")
    assert open_secret(kept).decode() == sent["PIN"] and len(sent["PIN"]) == 6
    assert (kept.is_pending, kept.is_current) == (True, False)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("EraseDevice", {"reason": "stolen", "typed": "WRONG"}),
        ("EraseDevice", {"typed": "C02ERASE"}),
        ("AnyCommand", {"name": "EraseDevice", "reason": "stolen"}),
        ("AnyCommand", {"name": "DeviceInformation", "keys": "{not json", "reason": "curious"}),
        ("AnyCommand", {"name": "DeviceInformation", "keys": '{"CommandUUID": 1}', "reason": "curious"}),
        ("AnyCommand", {"name": "not a command", "reason": "curious"}),
        ("AnyCommand", {"name": "RestartDevise", "reason": "B14"}),
        ("AnyCommand", {"name": "RestartDevice", "keys": '{"Notify": true}', "reason": "B14"}),
        ("RestartDevice", {"reason": ""}),
        ("InstallProfile", {}),
    ],
)
def test_what_is_dangerous_or_wrong_is_asked_again_and_not_queued(console, name, fields):
    channel = factories.make_channel(factories.make_device(serial_number="C02ERASE", is_supervised=True))
    response = send(console, channel.device, name, **fields)
    assert response.status_code == 200
    assert 'class="e-error"' in text_of(response) or "e-tone-bad" in text_of(response)
    assert not Command.objects.exists()


def test_erasing_works_with_the_serial_number_typed_and_a_reason(console):
    channel = factories.make_channel(factories.make_device(serial_number="C02ERASE"))
    send(console, channel.device, "EraseDevice", reason="stolen", typed="c02erase")
    assert Command.objects.get().request_type == "EraseDevice"


@pytest.mark.parametrize(
    "keys",
    [
        '{"Queries": ["OSVersion"]}',
        '<plist version="1.0"><dict><key>Queries</key><array><string>OSVersion</string></array></dict></plist>',
    ],
)
def test_any_command_takes_its_payload_as_json_or_as_a_property_list(console, keys):
    channel = factories.make_channel()
    send(console, channel.device, "AnyCommand", name="DeviceInformation", keys=keys, reason="check")
    command = Command.objects.get()
    assert "OSVersion" in text_of(console.get(reverse("admin:commands_command_change", args=[command.pk])))


def test_a_command_of_no_use_to_a_device_says_why_and_is_refused(console):
    channel = factories.make_channel(factories.make_device(is_supervised=False))
    response = send(console, channel.device, "RestartDevice", reason="hangs")
    assert "Needs a supervised device." in text_of(response)
    assert not Command.objects.exists()


def test_an_unenrolled_device_is_asked_nothing_and_the_page_says_so(console):
    device = factories.make_device()
    assert "not enrolled, so nothing can be asked" in text_of(console.get(page_of(device)))
    console.post(reverse("admin:devices_device_refresh", args=[device.pk]))
    send(console, device, "ProfileList")
    assert not Command.objects.exists()


def test_a_profile_is_installed_from_an_upload(console):
    channel = factories.make_channel()
    profile = io.BytesIO(factories.mobileconfig())
    profile.name = "corp.mobileconfig"
    send(console, channel.device, "InstallProfile", file=profile)
    assert Command.objects.get().request_type == "InstallProfile"


def test_htmx_gets_dialogs_alone_and_a_message_instead_of_a_redirect(console):
    channel = factories.make_channel()
    address = reverse("admin:devices_device_command", args=[channel.device_id, "ProfileList"])
    headers = {"HX-Request": "true"}
    assert "<html" not in text_of(console.get(address, headers=headers))
    done = console.post(address, headers=headers)
    assert (done.status_code, "console:done" in done["HX-Trigger"]) == (204, True)


def test_a_waiting_command_is_cancelled_and_a_failed_one_asked_again(console):
    channel = factories.make_channel()
    waiting, failed = factories.make_queued(channel), factories.make_queued(channel, "ProfileList")
    finish(failed, State.FAILED, "busy")
    console.post(reverse("admin:commands_command_cancel_target", args=[waiting.pk]))
    console.post(reverse("admin:commands_command_retry_target", args=[failed.pk]))
    waiting.refresh_from_db()
    assert waiting.state == State.CANCELLED
    again = QueuedCommand.objects.exclude(pk__in=[waiting.pk, failed.pk]).get()
    assert (again.command.request_type, again.state) == ("ProfileList", State.PENDING)


def test_a_device_gets_an_asset_tag_and_a_person(console):
    device, person = factories.make_device(), factories.make_person(name="Emil Novak")
    address = reverse("admin:devices_device_edit", args=[device.pk])
    choices = text_of(console.get(reverse("admin:devices_device_people"), {"person": "emil"}))
    assert f"#{person.pk}" in choices
    console.post(address, {"asset_tag": "EX-7", "person": f"Emil Novak #{person.pk}"})
    device.refresh_from_db()
    assert (device.asset_tag, device.person) == ("EX-7", person)
    assert "Nobody of that name" in text_of(console.post(address, {"person": "Somebody Else"}))


def test_a_command_that_apples_schema_does_not_know_is_sent_where_it_is_wished(console):
    """B14."""
    device = factories.make_channel().device
    send(console, device, "AnyCommand", name="BrandNewCommand", reason="next year", allows_unknown="on")
    assert Command.objects.get().request_type == "BrandNewCommand"


# Many devices


def bulk(client, devices, **fields):
    body = {"action": "send_command", "_selected_action": [device.pk for device in devices]}
    return client.post(DEVICES, body | fields)


def test_a_command_goes_to_the_chosen_devices_after_a_confirmation_that_names_their_number(console):
    devices = [factories.make_channel().device for _ in range(3)]
    factories.make_channel()
    unenrolled = factories.make_device()
    assert "3 of 4 are enrolled" in text_of(bulk(console, [*devices, unenrolled]))
    form = text_of(bulk(console, [*devices, unenrolled], command="ProfileList"))
    assert "Profiles on 3 devices" in form
    assert not Command.objects.exists()
    bulk(console, [*devices, unenrolled], command="ProfileList", confirmed="1")
    assert Command.objects.get().target_count == 3


def test_everything_that_matches_is_chosen_across_pages(console):
    macs = [factories.make_channel(factories.make_device("macos")).device for _ in range(3)]
    factories.make_channel(factories.make_device("ios"))
    body = {"action": "refresh_inventory", "_selected_action": [macs[0].pk], "select_across": "1"}
    console.post(f"{DEVICES}?platform__exact=macos", body)
    asked = QueuedCommand.objects.values_list("channel__device", flat=True)
    assert set(asked) == {mac.pk for mac in macs}


def test_erasing_many_says_what_the_governor_will_do_before_anything_is_typed(console):
    """Console A2: limit, delay and second person."""
    devices = [factories.make_channel().device for _ in range(11)]
    assert "wait 5 minutes, in which it can be cancelled" in text_of(bulk(console, devices[:2], command="EraseDevice"))
    assert "wait for a second person" in text_of(bulk(console, devices[:6], command="EraseDevice"))
    assert "It will be refused for 11 devices: Erase is limited" in text_of(
        bulk(console, devices, command="EraseDevice")
    )


def test_erasing_many_wants_their_number_typed(console):
    devices = [factories.make_channel().device for _ in range(2)]
    fields = {"command": "EraseDevice", "confirmed": "1", "reason": "sold"}
    bulk(console, devices, **fields, typed="3")
    assert not Command.objects.exists()
    answer = bulk(console, devices, **fields, typed="2")
    assert answer["Location"] == "/console/commands/heldaction/", "where it can be cancelled"
    assert not Command.objects.exists(), "more than one device: there is time to cancel"
    held = HeldAction.objects.get()
    assert (held.device_count, held.state, held.reason) == (2, HeldAction.State.DELAYED, "sold")
    for page in (page_of(devices[0]), reverse("helpdesk_device", args=[devices[0].pk])):
        assert "1 held" in text_of(console.get(page))


def test_the_failed_targets_of_a_command_are_asked_again_and_the_waiting_ones_cancelled(console):
    command = factories.make_command("ProfileList")
    failed = [factories.make_queued(command=command) for _ in range(2)]
    waiting = factories.make_queued(command=command)
    for queued in failed:
        finish(queued, State.FAILED, "busy")
    console.post(reverse("admin:commands_command_retry", args=[command.pk]))
    again = Command.objects.exclude(pk=command.pk).get()
    assert set(again.targets.values_list("channel", flat=True)) == {queued.channel_id for queued in failed}
    console.post(reverse("admin:commands_command_cancel", args=[command.pk]), {"reason": "mistake"})
    waiting.refresh_from_db()
    assert (waiting.state, "mistake" in waiting.note) == (State.CANCELLED, True)


def test_a_dialog_that_is_opened_as_a_page_has_a_link_back(console):
    device = factories.make_channel().device
    base = page_of(device).removesuffix("change/")
    addresses = (
        f"{base}command/", f"{base}command/EraseDevice/", f"{base}message/", f"{base}note/", f"{base}edit/",
        f"{base}location/", f"/console/commands/workflow/choose/{device.pk}/",
    )  # fmt: skip
    for address in addresses:
        page = text_of(console.get(address))
        assert f'<a class="e-btn e-only-page" href="{page_of(device)}' in page, address

"""B8, C6: Return to Service fills in what a device needs to come back, refuses what would strand it, and is offered."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apns.models import PushCertificate
from commands.asking import NoneCanTake, ask
from commands.forms import EraseDevice
from commands.governor.models import GovernorLimit
from commands.models import QueuedCommand
from commands.validation import InvalidCommand
from devices.models import Answer, Channel
from devices.timeline import Actor
from enrollment.models import ScepChallenge
from mdm_project import cms, plist
from mdm_project.crypto import unseal
from profiles.versions import publish
from tests import factories

pytestmark = pytest.mark.django_db
RETURN = {"ReturnToService": {"Enabled": True}}
WITHOUT_WIFI = {"ReturnToService": {"Enabled": True, "WithoutWiFi": True}}


@pytest.fixture
def actor(db):
    return Actor.staff(factories.make_staff(username="admin", is_superuser=True))


@pytest.fixture
def way_in(db):
    factories.make_push_certificate()
    return factories.make_enrollment_profile(slug="school")


def make(platform: str = "ios", version: str = "18.5", told: dict | None = None, **enrollment) -> Channel:
    device = factories.make_device(platform, os_version=version)
    if told is not None:
        Answer.objects.create(
            device=device, request_type="DeviceInformation", answered_at=timezone.now(),
            content={"QueryResponses": told},
        )  # fmt: skip
    return factories.make_channel(
        enrollment=factories.make_enrollment(device, **{"profile_slug": "school"} | enrollment)
    )


def erase(channels, payload: dict, actor, **options):
    chosen = Channel.objects.filter(pk__in=[channel.pk for channel in channels])
    return ask("EraseDevice", payload, chosen, actor=actor, reason="sold", confirmed=len(channels), **options).command


def sent(command, channel: Channel) -> dict:
    """Return the command as this device gets it."""
    queued = QueuedCommand.objects.get(command=command, channel=channel)
    body = queued.body_encrypted or command.body_encrypted
    return plist.loads(unseal(bytes(body), command.body_context))["Command"]


def refused(channel: Channel, payload: dict, actor) -> str:
    with pytest.raises(NoneCanTake) as error:
        erase([channel], payload, actor)
    return error.value.detail


def content_of(signed: bytes) -> dict:
    return plist.loads(cms.signed_content(signed)[0])


def test_what_would_strand_a_device_is_refused_with_the_reason(actor, way_in):
    """B8: no network, a system that does not know it, Activation Lock, no way back in."""
    for channel, payload, reason in [
        (make(), RETURN, "would have no network"),
        (make(told={"ICCID": ""}), RETURN, "would have no network"),
        (make(version="16.7"), WITHOUT_WIFI, "needs iOS 17.0 or later; this is iOS 16.7"),
        (make(version=""), WITHOUT_WIFI, "its OS version is not known"),
        (make("tvos", "17.6"), WITHOUT_WIFI, "needs tvOS 18.0"),
        (make("macos", "15.5"), WITHOUT_WIFI, "not available on macOS"),
        (make(told={"IsActivationLockEnabled": True}), WITHOUT_WIFI, "Activation Lock is on"),
        (make(profile_slug=""), WITHOUT_WIFI, "did not enroll with a profile of this server"),
        (make(profile_slug="gone"), WITHOUT_WIFI, "“gone” does not exist any more"),
    ]:
        assert reason in refused(channel, payload, actor)
    type(way_in).objects.update(is_enabled=False)
    assert "switched off" in refused(make(), WITHOUT_WIFI, actor)
    type(way_in).objects.update(is_enabled=True)
    PushCertificate.objects.update(not_after=timezone.now() - timedelta(days=1))
    assert "no valid push certificate" in refused(make(), WITHOUT_WIFI, actor)
    assert not QueuedCommand.objects.exists()


def test_a_choice_that_is_none_is_refused(actor, way_in):
    dock = factories.make_profile(payloads=[{"PayloadType": "com.apple.dock", "orientation": "left"}])
    publish(dock, actor)
    for wifi, reason in [
        (dock.pk, "without a Wi-Fi network"),
        (factories.make_profile().pk, "not the id of a published profile"),
        ("x", "not the id of a published profile"),
        (2**70, "not the id of a published profile"),
    ]:
        with pytest.raises(InvalidCommand) as error:
            erase([make()], {"ReturnToService": {"Enabled": True, "WiFiProfile": wifi}}, actor)
        assert reason in error.value.fields["payload.ReturnToService.WiFiProfile"]


def test_each_device_gets_a_way_back_of_its_own(actor, way_in):
    """B8: its enrollment profile with a challenge bound to it, the chosen Wi-Fi; nothing of it in what people see."""
    wifi = factories.make_profile(payloads=[{"PayloadType": "com.apple.wifi.managed", "SSID_STR": "School"}])
    publish(wifi, actor)
    GovernorLimit.objects.update(second_person_above=None, delay_above=None)
    phones = [make(), make("ipados")]
    payload = {"PreserveDataPlan": True, "ReturnToService": {"Enabled": True, "WiFiProfile": wifi.pk}}
    command = erase(phones, payload, actor)
    challenges = set()
    for channel in phones:
        got = sent(command, channel)
        assert got["PreserveDataPlan"] is True
        assert set(got["ReturnToService"]) == {"Enabled", "WiFiProfileData", "MDMProfileData"}, "as Apple documents it"
        [network] = plist.loads(got["ReturnToService"]["WiFiProfileData"])["PayloadContent"]
        assert network["SSID_STR"] == "School"
        enrollment = content_of(got["ReturnToService"]["MDMProfileData"])
        [scep] = [it for it in enrollment["PayloadContent"] if it["PayloadType"] == "com.apple.security.scep"]
        challenges.add(scep["PayloadContent"]["Challenge"])
    assert len(challenges) == 2
    bound = ScepChallenge.objects.filter(purpose="enroll", max_uses=1).values_list("bound_key", flat=True)
    assert set(bound) == {channel.enrollment_key for channel in phones}
    assert all(row.expires_at > command.expires_at for row in ScepChallenge.objects.all())
    assert command.expires_at < timezone.now() + timedelta(days=31)
    shown = plist.loads(unseal(bytes(command.body_encrypted), command.body_context))["Command"]
    assert shown["ReturnToService"] == {"Enabled": True, "WiFiProfile": wifi.pk}


def test_what_somebody_made_by_hand_is_sent_as_it_is(actor, way_in):
    own = factories.mobileconfig()
    service = {"Enabled": True, "MDMProfileData": own, "WiFiProfileData": own}
    channel = make(profile_slug="")
    assert sent(erase([channel], {"ReturnToService": service}, actor), channel)["ReturnToService"] == service


def test_a_mobile_network_is_a_way_back(actor, way_in):
    channel = make(told={"ServiceSubscriptions": [{"ICCID": "8901", "CurrentCarrierNetwork": "Carrier"}]})
    kept = RETURN | {"PreserveDataPlan": True}
    assert "MDMProfileData" in sent(erase([channel], kept, actor), channel)["ReturnToService"]


def test_a_mobile_network_that_may_be_erased_with_the_device_is_no_way_back(actor, way_in):
    channel = make(told={"ServiceSubscriptions": [{"ICCID": "8901", "CurrentCarrierNetwork": "Carrier"}]})
    assert "keep its data plan" in refused(channel, RETURN, actor)


def test_the_dialog_offers_what_the_platform_has(way_in):
    """C6: options by platform and version, and the PIN only to Macs that want one."""
    common = {"reason", "typed"}
    handheld = {"preserve_data_plan", "disallow_proximity_setup", "return_to_service", "return_wifi"}
    for channel, expected in [
        (make(), handheld),
        (make(version="16.1"), {"preserve_data_plan", "disallow_proximity_setup"}),
        (make("tvos"), {"return_to_service", "return_wifi"}),
        (make("macos", "15.5", {"IsAppleSilicon": True}), {"obliteration"}),
        (make("macos", "15.5", {"IsAppleSilicon": False}), {"obliteration", "pin"}),
        (make("macos", "15.5", {"IsAppleSilicon": False, "PINRequiredForEraseDevice": False}), {"obliteration"}),
        (make("macos", "11.7"), {"pin"}),
    ]:
        form = EraseDevice(device=channel.device, confirmation="X")
        assert set(form.fields) - common == expected, channel.device
    assert set(EraseDevice(confirmation="2").fields) - common == handheld | {"obliteration", "pin"}


def test_what_was_chosen_in_the_dialog_is_asked_for(way_in, actor):
    wifi = factories.make_profile()
    publish(wifi, actor)
    values = {"reason": "sold", "typed": "X", "preserve_data_plan": "on", "return_to_service": "on"}
    for chosen, network in [(str(wifi.pk), {"WiFiProfile": wifi.pk}), ("", {"WithoutWiFi": True})]:
        form = EraseDevice({**values, "return_wifi": chosen}, device=make().device, confirmation="X")
        assert form.is_valid(), form.errors
        assert form.payload() == {"PreserveDataPlan": True, "ReturnToService": {"Enabled": True} | network}
    mac = EraseDevice(
        {"reason": "sold", "typed": "X", "obliteration": "DoNotObliterate"}, confirmation="X",
        device=make("macos", "15.5", {"IsAppleSilicon": True}).device,
    )  # fmt: skip
    assert mac.is_valid() and mac.payload() == {"ObliterationBehavior": "DoNotObliterate"}

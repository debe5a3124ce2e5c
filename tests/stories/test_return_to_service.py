"""B8, B7: a device that is erased and comes back by itself, told with pretend devices over HTTP."""

import pytest

from commands.asking import ask
from commands.results import drain_reports
from devices import outbox
from devices.models import Channel, Device, Enrollment, Event, Identity
from devices.timeline import Actor
from enrollment.models import ScepChallenge
from profiles.versions import publish
from simulator.catalog import IPAD, IPHONE
from simulator.chains import Refused
from tests import factories


def erase(stage, device, service: dict):
    user = factories.make_staff(is_superuser=True)
    channels = Channel.objects.device_channels().filter(enrollment_key=device.state.hardware.udid)
    ask("EraseDevice", {"ReturnToService": service}, channels, actor=Actor.staff(user), reason="next pupil")
    stage.act(device.connect_all())
    drain_reports()
    outbox.drain()


def test_an_erased_ipad_comes_back_with_what_was_filled_in(stage):
    """B8: with its own enrollment profile, by a challenge that only it can use, over the chosen Wi-Fi."""
    device = stage.enroll(IPAD)
    wifi = factories.make_profile()
    publish(wifi, Actor("h.lee"))
    erase(stage, device, {"Enabled": True, "WiFiProfile": wifi.pk})
    assert device.is_enrolled, list(device.events)
    assert device.violations == []
    row = Device.objects.get()
    before, now = Enrollment.objects.filter(device=row).order_by("id")
    assert (before.is_current, now.is_current, now.state) == (False, True, "enrolled")
    assert now.profile_slug == "demo"
    challenge = ScepChallenge.objects.get(bound_key=device.state.hardware.udid)
    assert (challenge.purpose, challenge.uses, challenge.max_uses) == ("enroll", 1, 1)
    identity = Identity.objects.get(enrollment_key=now.key, is_active=True)
    assert (identity.bound_key, identity.is_renewal) == (now.key, False)
    stage.act(device.connect_all())
    assert device.is_enrolled
    assert not Event.objects.filter(kind="not_erased").exists()


def test_the_challenge_of_one_device_lets_no_other_in(stage):
    """B8: who takes the profile out of a command cannot enroll with it in the place of the device."""
    first, second = stage.enroll(IPHONE), stage.new_device(IPHONE)
    first.faults.is_offline = True
    user = factories.make_staff(is_superuser=True)
    channels = Channel.objects.device_channels().filter(enrollment_key=first.state.hardware.udid)
    payload = {"ReturnToService": {"Enabled": True, "WithoutWiFi": True}}
    ask("EraseDevice", payload, channels, actor=Actor.staff(user), reason="x")
    first.faults.is_offline = False
    first.faults.refuse["EraseDevice"] = [{"ErrorCode": 1, "ErrorDomain": "x", "LocalizedDescription": "no"}]
    stage.act(first.connect_all())
    taken = [it["Command"] for it in first.received if it["Command"]["RequestType"] == "EraseDevice"]
    assert len(taken) == 1
    with pytest.raises(Refused):
        stage.act(second.install_enrollment(taken[0]["ReturnToService"]["MDMProfileData"]))
    assert not second.is_enrolled
    assert not Device.objects.filter(udid=second.state.hardware.udid).exists()


def test_an_erased_device_goes_silent_and_waits_for_enrollment(stage):
    """B7: without a way back it says nothing more, and is not counted."""
    device = stage.enroll(IPHONE)
    erase(stage, device, {"Enabled": False})
    assert not device.is_enrolled
    assert Enrollment.objects.get().state == "erased"
    stage.act(device.enroll(f"{stage.server_url}/enroll/demo/profile"))
    assert list(Enrollment.objects.order_by("id").values_list("state", flat=True)) == ["erased", "enrolled"]

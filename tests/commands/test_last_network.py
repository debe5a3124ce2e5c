"""One answer to what the last network is, for the governor and the explainer; what MDM cannot remove, and what comes
back (L4).
"""

import pytest
from django.utils import timezone

from commands.applicability import candidates_of
from commands.asking import NoneCanTake, ask
from commands.meanings import Danger, meaning_of
from devices.models import Channel, InstalledProfile
from devices.timeline import SYSTEM
from profiles.desired import recompute_desired
from profiles.networks import ETHERNET, MOBILE, takes_last_network
from profiles.removal import removability
from tests.api.client import Caller
from tests.factories import make_channel, make_device
from tests.profiles.assigned import assign, make_group, make_profile

pytestmark = pytest.mark.django_db
TYPES = ("com.apple.wifi.managed", *MOBILE, *ETHERNET, "com.apple.dock", "com.apple.vpn.managed")


def listed(channel: Channel, identifier: str, payload_type: str, **fields) -> InstalledProfile:
    return InstalledProfile(
        channel=channel, device=channel.device, identifier=identifier, reported_at=timezone.now(),
        payloads=[{"PayloadType": payload_type}], **fields,
    )  # fmt: skip


def test_the_governor_and_the_explainer_agree_on_the_last_network():
    """Over all pairs of payload types: what goes, and what stays."""
    pairs = [(going, staying) for going in TYPES for staying in TYPES]
    channels = [make_channel() for _ in pairs]
    rows = []
    for channel, (going, staying) in zip(channels, pairs, strict=True):
        rows += [listed(channel, "mdm", "com.apple.mdm"), listed(channel, "a", going), listed(channel, "b", staying)]
    InstalledProfile.objects.bulk_create(rows)
    candidates = candidates_of(Channel.objects.filter(pk__in=[channel.pk for channel in channels]))
    dangers = meaning_of("RemoveProfile").dangers(candidates, {"Identifier": "a"})
    for channel, (going, staying) in zip(channels, pairs, strict=True):
        facts = {each.installed.identifier: each.facts for each, _why in removability(channel.device)}
        is_last = dangers.get(channel.pk) == Danger.NETWORK
        assert is_last == facts["a"].is_only_network == takes_last_network([{going}], [{staying}]), (going, staying)
    assert takes_last_network([{"com.apple.wifi.managed"}], [{"com.apple.dock"}])
    assert not takes_last_network([{"com.apple.wifi.managed"}], [{"com.apple.globalethernet.managed"}])
    assert not takes_last_network([{"com.apple.wifi.managed"}], [{"com.apple.apn.managed"}])


def one(channel: Channel):
    return Channel.objects.filter(pk=channel.pk)


def test_what_a_person_installed_is_not_asked_away_from_an_unsupervised_iphone():
    """L4: MDM cannot remove it, as the explainer says."""
    phone = make_channel(make_device("ios", is_supervised=False))
    supervised = make_channel(make_device("ios", is_supervised=True))
    for channel in (phone, supervised):
        for identifier, is_managed in (("by hand", False), ("ours", True)):
            listed(channel, identifier, "com.apple.dock", is_managed=is_managed).save()
        listed(channel, "mdm", "com.apple.mdm").save()
    with pytest.raises(NoneCanTake, match="without supervision MDM cannot remove it"):
        ask("RemoveProfile", {"Identifier": "by hand"}, one(phone), actor=SYSTEM)
    for channel, identifier in ((phone, "ours"), (supervised, "by hand")):
        assert ask("RemoveProfile", {"Identifier": identifier}, one(channel), actor=SYSTEM).command


def test_who_removes_what_is_assigned_is_told_that_it_comes_back():
    """L4: also in the API's answer."""
    channel = make_channel(make_device("ios"))
    profile = make_profile()
    assign(profile, make_group(channel))
    recompute_desired()
    for identifier in ("mdm", profile.identifier):
        listed(channel, identifier, "com.apple.mdm" if identifier == "mdm" else "com.apple.dock").save()
    payload = {"Identifier": profile.identifier}
    asked = ask("RemoveProfile", payload, one(channel), actor=SYSTEM)
    assert asked.warnings == ["It is assigned to this device: Espalier installs it again while it is."]
    body = {
        "request_type": "RemoveProfile",
        "payload": payload,
        "targets": {"serial_numbers": [channel.device.serial_number]},
    }
    answer = Caller().post("commands/", body)
    assert (answer.status_code, answer.json()["warnings"]) == (201, asked.warnings), answer.content

"""The effective configuration of a device: which value holds, whose it is, and what was overruled."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.models import InstalledProfile
from devices.timeline import SYSTEM
from profiles.composing import create_profile
from profiles.desired import recompute_desired
from profiles.effective import effective_configuration
from profiles.merging import Outcome, State
from profiles.models import ItemStatus
from profiles.versions import publish
from tests.factories import make_channel, make_device, make_secret_value
from tests.profiles.assigned import assign, make_group, publish_text
from tests.profiles.assigned import make_profile as make_text

pytestmark = pytest.mark.django_db

RESTRICTIONS = {"PayloadType": "com.apple.applicationaccess"}


def publish_new(name: str, *payloads: dict, **facts):
    profile = create_profile(name, actor=SYSTEM, payloads=list(payloads), **facts)
    publish(profile, SYSTEM)
    return profile


def give(channel, *profiles):
    for profile in profiles:
        assign(profile, make_group(channel))
    recompute_desired()


def status(channel, profile, number: int, state: str):
    version = profile.versions.get(number=number)
    return ItemStatus.objects.create(
        channel=channel, identifier=profile.identifier, profile=profile, version=version, uuid=profile.uuid,
        state=ItemStatus.State[state],
    )  # fmt: skip


def test_the_value_that_holds_is_told_with_whose_it_is_and_what_was_overruled():
    phone = make_channel()
    lax = publish_new("Lax", RESTRICTIONS | {"allowCamera": True, "allowSafari": False})
    strict = publish_new("Strict", RESTRICTIONS | {"allowCamera": False})
    give(phone, lax, strict)

    (own,) = effective_configuration(phone.device)
    camera, safari = own.settings
    assert (camera.key, camera.value, camera.state) == ("allowCamera", False, State.COMBINED)
    said = {voice.contribution.source.name: (voice.value, voice.outcome) for voice in camera.voices}
    assert said == {"Lax": (True, Outcome.OVERRULED), "Strict": (False, Outcome.IN_FORCE)}
    assert (safari.key, safari.state, own.conflicts) == ("allowSafari", State.ALONE, [])
    assert [carrier.state for carrier in own.carriers] == ["pending", "pending"]


@pytest.mark.parametrize(
    ("state", "text", "word"),
    [("VERIFIED", "one", "verified"), ("ACKNOWLEDGED", "one", "acknowledged"), ("FAILED", "two", "pending")],
)
def test_the_version_that_the_device_has_counts(state, text, word):
    mac = make_channel(make_device("macos"))
    profile = make_text("one")
    publish_text(profile, "two")
    give(mac, profile)
    status(mac, profile, 1, state)

    (own,) = effective_configuration(mac.device)
    assert [setting.value for setting in own.settings if setting.key == "Name"] == [text]
    assert own.carriers[0].state == word


def test_what_others_installed_is_known_by_name_only():
    phone = make_channel()
    InstalledProfile.objects.create(
        channel=phone, device=phone.device, identifier="com.other", display_name="Other", reported_at=timezone.now()
    )

    (own,) = effective_configuration(phone.device)
    assert own.settings == ()
    assert [(carrier.name, carrier.state, carrier.is_known) for carrier in own.carriers] == [
        ("Other", "unknown", False)
    ]


def test_channels_of_users_are_told_apart():
    mac = make_channel(make_device("macos"))
    user = make_channel(mac.device, user_key="anna")
    dock = {"PayloadType": "com.apple.dock"}
    give(mac, publish_new("For all", dock | {"orientation": "left"}))
    give(mac, publish_new("For users", dock | {"orientation": "right"}, scope="User"))

    own, hers = effective_configuration(mac.device)
    assert [each.settings[0].value for each in (own, hers)] == ["left", "right"]
    assert hers.channel == user and not own.conflicts and not hers.conflicts


def test_values_are_those_of_the_device_and_secrets_are_hidden():
    phone = make_channel(make_device(asset_tag="A-7"))
    wifi = {"PayloadType": "com.apple.wifi.managed", "SSID_STR": "net-$ASSET_TAG", "Password": "hush"}
    give(phone, publish_new("Wi-Fi", wifi))

    (hidden,) = effective_configuration(phone.device)
    (shown,) = effective_configuration(phone.device, show_secrets=True)
    values = [{setting.key: setting.value for setting in each.settings} for each in (hidden, shown)]
    assert values == [{"SSID_STR": "net-A-7", "Password": "[redacted]"}, {"SSID_STR": "net-A-7", "Password": "hush"}]


def test_the_value_of_a_secret_attribute_is_hidden_under_any_key_and_from_everybody():
    phone = make_channel()
    make_secret_value(phone.device, "wifi-key", "correct horse")
    wifi = {"PayloadType": "com.apple.wifi.managed", "SSID_STR": "net-$WIFI_KEY", "Password": "$WIFI_KEY"}
    give(phone, publish_new("Wi-Fi", wifi))

    for show_secrets in (False, True):
        (own,) = effective_configuration(phone.device, show_secrets=show_secrets)
        values = {setting.key: setting.value for setting in own.settings}
        assert values == {"SSID_STR": "net-[redacted]", "Password": "[redacted]"}


def test_the_number_of_statements_does_not_depend_on_how_many_profiles_there_are():
    counts = []
    phone = make_channel()
    for _ in range(2):
        give(phone, *(publish_new(f"Lax {number}", RESTRICTIONS | {"allowCamera": True}) for number in range(3)))
        with CaptureQueriesContext(connection) as statements:
            effective_configuration(phone.device)
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 7

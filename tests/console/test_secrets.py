"""The device page's tab of secrets: what each is for, earlier values, exchanges, and removal passwords of profiles."""

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.escrow import keep_secret
from devices.models import EscrowedSecret, Event
from profiles.models import ItemStatus
from tests import factories

pytestmark = pytest.mark.django_db
PASSWORD = "let-me-remove-it"
MAY = ("devices.view_device", "devices.reveal_secret", "profiles.view_profile", "profiles.view_profile_secrets")


@pytest.fixture
def channel():
    return factories.make_channel(factories.make_device("macos"))


def tab(client, channel) -> str:
    address = reverse("admin:devices_device_change", args=[channel.device_id])
    return client.get(address, {"tab": "secrets"}).content.decode()


def sign_in(client, *permissions):
    client.force_login(factories.make_staff(*permissions))
    return client


def removal_address(channel, profile) -> str:
    return reverse("admin:devices_device_removal_password", args=[channel.device_id, profile.pk])


def test_the_removal_password_of_a_profile_on_the_device_is_shown_with_a_reason(client, channel):
    profile = factories.make_locked_profile(channel, PASSWORD, name="VPN")
    sign_in(client, *MAY)
    address = removal_address(channel, profile)
    page = tab(client, channel)
    assert "Removal password of VPN" in page and address in page and PASSWORD not in page
    assert PASSWORD not in client.get(address).content.decode()
    assert PASSWORD not in client.post(address, {"reason": " "}).content.decode()
    assert not Event.objects.filter(kind="removal_password_revealed").exists()
    shown = client.post(address, {"reason": "it is in the way"})
    assert PASSWORD in shown.content.decode() and "data-vanish" in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    event = Event.objects.get(kind="removal_password_revealed")
    assert (event.device_id, event.data["profile"]) == (channel.device_id, profile.pk)
    assert "it is in the way" in event.summary and PASSWORD not in f"{event.summary}{event.data}"


@pytest.mark.parametrize("missing", ["devices.reveal_secret", "profiles.view_profile_secrets", "profiles.view_profile"])
def test_a_removal_password_needs_every_one_of_its_permissions(client, channel, missing):
    profile = factories.make_locked_profile(channel, PASSWORD, name="VPN")
    sign_in(client, *(name for name in MAY if name != missing))
    address = removal_address(channel, profile)
    assert address not in tab(client, channel)
    response = client.post(address, {"reason": "x"})
    assert response.status_code in (403, 404)
    assert PASSWORD not in response.content.decode()
    assert not Event.objects.filter(kind="removal_password_revealed").exists()


def test_only_profiles_that_are_on_the_device_are_there(client, channel):
    elsewhere = factories.make_locked_profile(factories.make_channel(), PASSWORD, name="Elsewhere")
    removed = factories.make_locked_profile(channel, PASSWORD, name="Removed")
    ItemStatus.objects.filter(profile=removed).update(state=ItemStatus.State.REMOVED)
    sign_in(client, *MAY)
    page = tab(client, channel)
    for profile in (elsewhere, removed):
        assert profile.name not in page
        assert client.post(removal_address(channel, profile), {"reason": "x"}).status_code == 404


def test_every_earlier_value_is_listed_and_each_is_revealed_with_a_reason_of_its_own(client, channel):
    for number in range(3):
        keep_secret(channel.device, "filevault_recovery_key", f"KEY-{number}".encode())
    sign_in(client, *MAY)
    page = tab(client, channel)
    assert "2 earlier values" in page and "wrong passwords" in page
    rows = EscrowedSecret.objects.order_by("created_at")
    for number, row in enumerate(rows):
        address = reverse("admin:devices_device_reveal", args=[channel.device_id, row.pk])
        assert address in page
        assert f"KEY-{number}" in client.post(address, {"reason": f"because {number}"}).content.decode()
    told = " ".join(Event.objects.filter(kind="secret_revealed").values_list("summary", flat=True))
    assert all(f"because {number}" in told for number in range(3))


def test_the_page_says_how_each_activation_lock_code_is_used(client, channel):
    keep_secret(channel.device, "activation_lock_bypass_code", b"AAAA")
    ours = keep_secret(channel.device, "activation_lock_server_code", b"3UM43-PUYVY-QYD1-UVCC-HEHJ-FKA4")
    sign_in(client, *MAY)
    page = tab(client, channel)
    assert "Opens a lock that a person set" in page and "Opens a lock that your organization set" in page
    address = reverse("admin:devices_device_reveal", args=[channel.device_id, ours.pk])
    shown = client.post(address, {"reason": "sold"}).content.decode()
    assert "3UM43-PUYVY-QYD1-UVCC-HEHJ-FKA4" in shown and "leave the user name empty" in shown


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"rotation_wished_at": timezone.now()}, "The device is asked for a new one"),
        (
            {"rotation_uuid": "U-1", "rotation_asked_at": timezone.now()},
            "and has not answered. Until it does, this one",
        ),
        ({"rotation_problem": "Wrong."}, "It is not asked again by itself."),
        ({"rotation_problem": "Wrong.", "rotation_wished_at": timezone.now()}, "The device is asked again"),
        (
            {"is_current": False, "is_replaced": True, "ended_at": timezone.now()},
            "the device has proven that it has a newer",
        ),
    ],
)
def test_the_page_says_how_far_the_exchange_of_a_revealed_secret_is(client, channel, columns, words):
    keep_secret(channel.device, "recovery_lock_password", b"words")
    EscrowedSecret.objects.update(revealed_at=timezone.now(), **columns)
    assert words in tab(sign_in(client, *MAY), channel)


def test_the_tab_takes_as_many_statements_for_many_secrets(client, channel, django_assert_max_num_queries):
    for number in range(15):
        keep_secret(channel.device, "lock_pin", f"{number:06d}".encode())
        factories.make_locked_profile(channel, name=f"Locked {number}")
    sign_in(client, *MAY)
    with django_assert_max_num_queries(40):
        page = tab(client, channel)
    assert page.count("Removal password of") == 15

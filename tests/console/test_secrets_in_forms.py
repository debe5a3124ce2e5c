"""A form that is shown again after an error does not hold the secrets that were typed: they are asked for again."""

import pytest

from commands.models import Command
from profiles.console.pointers import FREE
from profiles.console.raw_text import without_secrets
from profiles.models import Declaration
from tests import factories
from tests.console.form_fields import fields_of
from tests.console.pages import text_of
from tests.console.test_composer import form_for, html_of, submit

COMPOSE = "/console/commands/command/compose/"
PLANTED = "Planted-4711-zebra"
AGAIN = "type it again"


@pytest.fixture
def mac(db):
    return factories.make_channel(factories.make_device("macos", os_version="15.1"))


def test_a_typed_password_of_a_command_does_not_come_back(console, mac):
    data = {"v:/DestinationName": "Hall", "v:/Password": PLANTED, "v:/ScanTime": "soon", "reason": "x"}
    response = console.post(f"{COMPOSE}mirroring-request/?device={mac.device_id}", data)
    page = response.content.decode()
    assert response.status_code == 200
    assert "must be a whole number" in page
    assert "Hall" in page
    assert PLANTED not in page
    assert AGAIN in page
    assert 'name="x:/Password" value="1" checked' in page


def test_a_password_that_was_to_be_typed_again_is_not_forgotten_in_silence(console, mac):
    data = {"v:/DestinationName": "Hall", "x:/Password": "1", "reason": "x"}
    response = console.post(f"{COMPOSE}mirroring-request/?device={mac.device_id}", data)
    assert "Password: Type it again" in text_of(response)
    assert not Command.objects.exists()
    del data["x:/Password"]
    assert console.post(f"{COMPOSE}mirroring-request/?device={mac.device_id}", data).status_code == 302


def test_keys_of_ones_own_hide_their_secrets_too(console, mac):
    token = f"{FREE}0"
    xml = f"<dict><key>Deep</key><dict><key>AdminPassword</key><string>{PLANTED}</string></dict></dict>"
    for name, kind, text in (("OwnSecret", "text", PLANTED), ("Own", "plist", xml), ("Own", "plist", xml[:-7])):
        data = {
            "i:": token, f"n:/{token}": name, f"y:/{token}": kind, f"v:/{token}": text, "v:/ScanTime": "soon",
        }  # fmt: skip
        page = console.post(f"{COMPOSE}mirroring-request/?device={mac.device_id}", data).content.decode()
        assert "must be a whole number" in page
        assert PLANTED not in page, (name, kind)


def test_the_preview_shows_no_secret_that_was_just_typed(console, mac):
    data = {"v:/DestinationName": "Hall", "v:/Password": PLANTED}
    page = text_of(console.post(f"{COMPOSE}mirroring-request/preview/", data))
    assert "Hall" in page
    assert "[redacted]" in page
    assert PLANTED not in page


def test_a_typed_password_of_a_declaration_does_not_come_back(console):
    address = "/console/profiles/declaration/add/?type=com.apple.asset.credential.userpassword"
    page = console.post(address, {"v:/UserName": "anna", "v:/Password": PLANTED, "name": ""}).content.decode()
    assert "This field is required" in page
    assert PLANTED not in page
    assert not Declaration.objects.exists()


def test_a_typed_password_of_a_payload_does_not_come_back_and_stored_ones_stay(db):
    content = {"SSID_STR": "corp", "Password": "stored-psk", "ProxyServerPort": 80}
    form = form_for("wifi-managed", content)
    data = fields_of(html_of(form))
    data["v:/ProxyServerPort"] = "eighty"
    submit(form, data)
    assert 'name="k:/Password"' in html_of(form)
    data["v:/Password"] = PLANTED
    submit(form, data)
    page = html_of(form)
    assert PLANTED not in page
    assert "stored-psk" not in page
    again = fields_of(page)
    again["v:/ProxyServerPort"] = "8080"
    assert "Password" not in submit(form, again)
    assert any("Type it again" in error for error in form.errors())
    again["v:/Password"] = PLANTED
    assert submit(form, again)["Password"] == PLANTED
    assert form.errors() == []


@pytest.mark.parametrize("slug", ["DeviceLock", "EraseDevice"])
def test_a_pin_of_a_device_form_does_not_come_back(console, mac, slug):
    address = f"/console/devices/device/{mac.device_id}/command/{slug}/"
    response = console.post(address, {"pin": "98765x", "reason": ""})
    assert response.status_code == 200, address
    page = response.content.decode()
    assert "The PIN is six digits" in page
    assert "98765x" not in page
    assert AGAIN in page


def test_a_payload_of_ones_own_comes_back_without_its_secrets(console, mac):
    keys = f'{{"Password": "{PLANTED}", "ScanTime": 1'
    page = console.post(
        f"/console/devices/device/{mac.device_id}/command/AnyCommand/", {"name": "X", "keys": keys}
    ).content
    assert b"ScanTime" in page
    assert PLANTED.encode() not in page


@pytest.mark.parametrize(
    "text",
    [
        f'{{"Password": "{PLANTED}"}}', f'{{"a": {{"PIN" : "{PLANTED}', f'{{"Secret":{PLANTED}',
        f"<key>PIN</key><string>{PLANTED}</string>", f"<key>Password</key>\n <string>{PLANTED}",
    ],
)  # fmt: skip
def test_text_that_cannot_be_read_loses_its_secrets(text):
    assert PLANTED not in without_secrets(text)
    assert "[redacted]" in without_secrets(text)


def test_text_without_secrets_stays_as_it_is():
    text = '{"Queries": ["OSVersion"], "PasscodePresent": true} <key>Name</key><string>x</string>'
    assert without_secrets(text) == text


def test_what_stands_for_a_secret_is_never_sent(console, mac):
    data = {"v:/DestinationName": "Hall", "v:/Password": "[redacted]", "reason": "x"}
    response = console.post(f"{COMPOSE}mirroring-request/?device={mac.device_id}", data)
    assert "stands for something hidden" in text_of(response)
    assert not Command.objects.exists()

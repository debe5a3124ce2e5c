"""The helpdesk in a real Chromium: a call from "hello" to done, with the clicks counted, on a desk and on a phone."""

import pytest
from playwright.sync_api import expect

from commands.models import Command, QueuedCommand
from commands.workflows.models import Workflow
from devices.escrow import keep_secret
from devices.models import Device, Event
from tests import factories
from tests.browser.test_composer_browser import key
from tests.console.pages import finish

DESK, PHONE = {"width": 1400, "height": 900}, {"width": 390, "height": 844}
MOST_CLICKS = 2


class Hand:
    """Clicks and counts, from the moment the device is among the results of the search."""

    def __init__(self, page, url: str):
        self.page, self.url, self.clicks = page, url, 0

    def find(self, text: str) -> None:
        """Find a device by typing, as somebody does who listens."""
        self.page.goto(f"{self.url}/helpdesk/")
        self.page.locator("#h-search").press_sequentially(text, delay=10)
        expect(self.page.locator("#h-results .h-device")).to_have_count(1)
        self.clicks = 0

    def click(self, selector: str) -> None:
        self.clicks += 1
        self.page.locator(selector).click()

    def reason(self, text: str) -> None:
        self.page.fill("dialog[open] [name=reason]", text)


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def hand(request, stage, page, sign_in):
    page.set_viewport_size(request.param)
    sign_in(stage.server_url)
    return Hand(page, stage.server_url)


def make(platform: str, **facts) -> Device:
    device = factories.make_device(platform, is_supervised=True, **facts)
    return factories.make_channel(device).device


def asked(device: Device) -> list[str]:
    queued = QueuedCommand.objects.filter(channel__device=device).order_by("id")
    return list(queued.values_list("command__request_type", flat=True))


def done(page) -> None:
    expect(page.locator(".e-toast").last).to_be_visible()


def refresh(hand, device):
    hand.click(".h-tasks button:has-text('Refresh')")
    done(hand.page)
    assert "SecurityInfo" in asked(device)


def clear_passcode(hand, device):
    hand.click(".h-tasks >> text=Clear passcode")
    hand.reason("caller is locked out")
    hand.click("dialog[open] button[type=submit]")
    done(hand.page)
    assert asked(device) == ["ClearPasscode"]


def restart(hand, device):
    hand.click(".h-tasks >> text=Restart")
    hand.reason("hangs")
    hand.click("dialog[open] button[type=submit]")
    done(hand.page)
    assert asked(device) == ["RestartDevice"]


def lost(hand, device):
    hand.click(".h-tasks >> text=Lost device")
    hand.page.fill("dialog[open] [name=message]", "Please call the desk")
    hand.reason("left in a train")
    hand.click("dialog[open] button[type=submit]")
    hand.page.wait_for_url("**/workflow/**")
    assert Workflow.objects.get().device_id == device.pk


def reveal(hand, device):
    hand.click(".h-tasks >> text=Reveal secret")
    hand.reason("at the lock screen")
    hand.click("dialog[open] button[type=submit]")
    expect(hand.page.locator("dialog[open] [data-secret]")).to_contain_text("ZZZZ-1111")
    expect(hand.page.locator("dialog[open] [data-vanish-left]")).to_contain_text("5")
    assert Event.objects.get(kind="secret_revealed").device_id == device.pk


def message(hand, device):
    hand.click(".h-tasks >> text=Message")
    hand.page.fill("dialog[open] [name=message]", "Please come to the desk")
    hand.reason("the caller asked for it")
    hand.click("dialog[open] button[type=submit]")
    done(hand.page)
    assert asked(device) == ["DeviceLock"]


def retry(hand, device):
    finish(factories.make_queued(device.channels.get(), "SecurityInfo"), QueuedCommand.State.FAILED, "Busy.")
    hand.click("#h-results .h-device")
    hand.click(".h-actions button:has-text('Retry failed')")
    expect(hand.page.locator("#live li")).to_have_count(2)
    assert asked(device) == ["SecurityInfo", "SecurityInfo"]


TASKS = {
    "refresh": refresh, "clear passcode": clear_passcode, "restart": restart, "lost device": lost,
    "reveal a secret": reveal, "retry what failed": retry,
    "send a message": message,
}  # fmt: skip


def test_every_frequent_task_is_two_clicks_from_the_result_of_a_search(hand):
    for number, (name, task) in enumerate(TASKS.items()):
        serial = f"HAND{number}SERIAL"
        device = make("ios", serial_number=serial)
        keep_secret(device, "unlock_token", b"token")
        keep_secret(device, "activation_lock_bypass_code", b"ZZZZ-1111")
        hand.find(serial.lower())
        task(hand, device)
        assert hand.clicks <= MOST_CLICKS, f"{name} took {hand.clicks} clicks"


def test_a_mac_is_unlocked_and_locked_within_two_clicks(hand):
    mac = make("macos", serial_number="HANDMACSERIAL")
    hand.find("handmacserial")
    hand.click(".h-tasks >> text=Unlock account")
    key(hand.page, "UserName").locator("textarea, input.c-input").first.fill("ada")
    hand.page.fill("[name=reason]", "too many wrong passwords")
    hand.click("#composer button[type=submit]")
    hand.page.wait_for_url(lambda url: "/compose/" not in url)
    assert (asked(mac), hand.clicks <= MOST_CLICKS) == (["UnlockUserAccount"], True)
    hand.find("handmacserial")
    hand.click(".h-tasks a[href*=DeviceLock]")
    hand.reason("stolen")
    hand.click("dialog[open] button[type=submit]")
    done(hand.page)
    assert (asked(mac)[-1], hand.clicks <= MOST_CLICKS) == ("DeviceLock", True)
    assert Command.objects.get(request_type="DeviceLock").reason == "stolen"


def test_enter_opens_the_only_device_and_a_slash_leads_back_to_the_search(hand):
    make("ios", serial_number="HANDENTER1", name="Ada's iPhone")
    page = hand.page
    hand.find("handenter1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/helpdesk/devices/*/")
    expect(page.locator("#device-head h1")).to_have_text("Ada's iPhone")
    page.keyboard.press("/")
    expect(page.locator("#h-search")).to_be_focused()


def test_the_header_stays_in_sight_and_what_is_off_says_why_when_pressed(hand):
    mac = make("macos", serial_number="HANDSTICKY1")
    page = hand.page
    page.goto(f"{hand.url}/helpdesk/devices/{mac.pk}/")
    page.evaluate("window.scrollTo(0, 600)")
    expect(page.locator("#device-head h1")).to_be_in_viewport()
    page.evaluate("window.scrollTo(0, 0)")
    page.locator(".h-actions button:has-text('Reveal secret')").click(force=True)
    expect(page.locator(".e-toast").last).to_have_text("No secret of it is kept.")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

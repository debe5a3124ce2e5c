"""The console in a real Chromium: sign in, find a device, run a command on it and watch the answer come in."""

import re

import pytest
from playwright.sync_api import expect

from simulator.catalog import IPHONE, MAC


def open_search(page):
    """Press '/' until the search is open: a page that has just come may not listen yet."""
    for _ in range(40):
        if page.locator("#search-input-command:focus").count():
            return
        if not page.locator("#search-input-command").is_visible():
            page.keyboard.press("/")
        page.wait_for_timeout(250)
    raise AssertionError("the search did not open")


def test_staff_refreshes_the_inventory_and_sees_each_answer_arrive(woken_stage, page, sign_in):
    device = woken_stage.enroll(IPHONE)
    serial = device.state.hardware.serial_number
    sign_in(woken_stage.server_url)

    open_search(page)
    page.keyboard.type(serial)
    page.click(f"#command-results-list a:has-text('{serial}')")
    page.wait_for_selector("#device-head")
    expect(page.locator("#device-head")).to_contain_text(serial)

    page.click("button:has-text('Refresh inventory')")
    rows = page.locator("#live li")
    information = rows.filter(has_text="DeviceInformation").first
    expect(information).to_contain_text("Acknowledged", timeout=20_000)
    expect(information).to_contain_text(device.state.name)


def test_a_command_is_picked_sent_and_its_answer_read(woken_stage, page, sign_in):
    device = woken_stage.enroll(MAC)
    sign_in(woken_stage.server_url)
    page.goto(f"{woken_stage.server_url}/console/devices/device/?q={device.state.hardware.serial_number}")
    page.click("#result_list a.e-name")

    page.click("text=Run a command")
    page.click("dialog[open] .e-picker a:has-text('Profiles')")
    page.fill("dialog[open] #id_reason", "caller can't connect")
    page.click("dialog[open] button[type=submit]")
    row = page.locator("#live li", has_text="caller can't connect").first
    expect(row).to_contain_text("Acknowledged", timeout=20_000)
    expect(row).to_contain_text(re.compile(r"\d+ profiles?"))

    row.locator("a:has-text('Answer')").click()
    expect(page.locator("dialog[open] .e-answer")).to_contain_text("PayloadIdentifier")
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_erasing_asks_for_the_serial_number_first(stage, page, sign_in):
    device = stage.enroll(IPHONE)
    sign_in(stage.server_url)
    page.goto(f"{stage.server_url}/console/devices/device/?q={device.state.hardware.serial_number}")
    page.click("#result_list a.e-name")
    page.click("summary:has-text('More')")
    page.click(".e-menu-list a:has-text('Erase')")
    page.fill("dialog[open] #id_reason", "stolen")
    page.fill("dialog[open] #id_typed", "something else")
    page.click("dialog[open] button[type=submit]")
    expect(page.locator("dialog[open] .e-error")).to_contain_text("exactly")
    page.click("dialog[open] footer [data-close-dialog]")
    expect(page.locator("#live")).to_contain_text("Nothing was asked of this device yet")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(stage, page, sign_in, scheme):
    stage.enroll(IPHONE)
    sign_in(stage.server_url)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{stage.server_url}/console/devices/device/")
    device_page = page.locator("#result_list a.e-name").first.get_attribute("href")
    addresses = ["/console/", "/console/devices/device/", device_page, "/console/commands/command/", "/enroll/demo/"]
    addresses += [f"{device_page}?tab={tab}" for tab in ("apps", "profiles", "commands", "raw")]
    for address in addresses:
        page.goto(f"{stage.server_url}{address}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), address

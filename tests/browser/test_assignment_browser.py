"""A profile is assigned in a real Chromium: plan shown, applied, and watched until the device's own list proves it."""

from playwright.sync_api import expect

from commands.reconcile import reconcile
from commands.results import drain_reports
from devices import outbox
from devices.models import Device
from profiles.models import Profile
from tests.factories import make_profile as make_wifi
from tests.profiles.assigned import make_group, make_profile


def work() -> None:
    """Do what the worker does: outbox, reports, reconciliation."""
    outbox.drain()
    drain_reports()
    while reconcile():
        pass


def test_a_published_profile_is_assigned_through_its_plan_and_watched_until_it_is_verified(stage, page, sign_in):
    device = stage.enroll()
    work()
    while stage.act(device.connect()).commands:
        work()
    row = Device.objects.get(udid=device.state.hardware.udid)
    profile = make_profile(name="Welcome")
    make_group(row, name="Sales")
    make_group(name="Loaned")
    sign_in(stage.server_url)

    page.goto(f"{stage.server_url}/console/profiles/profile/{profile.pk}/change/")
    page.click(".e-bar-actions a:has-text('Assignments')")
    expect(page.locator(".e-empty")).to_contain_text("Nobody gets this profile yet")
    page.click("a:has-text('Assign to groups')")
    page.check("[aria-label='Sales gets it']")
    page.check("[aria-label='Loaned never gets it']")
    page.click("button:has-text('Show the plan')")
    expect(page.locator("#items")).to_contain_text("in “Sales”")
    expect(page.locator("#items")).to_contain_text(row.serial_number)
    page.click("button:has-text('Apply to 1 device')")
    expect(page.locator("body")).to_contain_text("Applied: 1 gained, 0 changed, 0 lost.")
    expect(page.locator("[id^=progress-]")).to_contain_text("0 of 1 verified")

    page.goto(f"{stage.server_url}/console/devices/device/{row.pk}/change/?tab=configuration")
    shown = page.locator("#configuration")
    expect(shown).to_contain_text("Pending")
    expect(shown).to_contain_text("because it is in “Sales”")
    work()
    while stage.act(device.connect()).commands:
        work()
    # The page is not opened again: it follows by itself.
    expect(shown.locator("li", has_text="Welcome").locator(".e-status").first).to_contain_text("Verified")
    page.click("summary:has-text('What holds, key by key')")
    expect(page.locator(".e-effective")).to_contain_text("LoginwindowText")
    page.goto(f"{stage.server_url}/console/profiles/profile/{profile.pk}/assignments/")
    expect(page.locator("[id^=progress-]")).to_contain_text("1 of 1 verified")


def test_a_finding_of_lint_is_mended_by_a_click_without_losing_what_was_typed(stage, page, sign_in):
    profile = make_wifi(payloads=[{"PayloadType": "com.apple.wifi.managed", "SSID_STR": "c", "EncryptionType": "wpa3"}])
    uuid = profile.draft["PayloadContent"][0]["PayloadUUID"]
    sign_in(stage.server_url)
    page.goto(f"{stage.server_url}/console/profiles/profile/{profile.pk}/change/?payload={uuid}")
    expect(page.locator(".e-bar-actions")).to_contain_text("Lint: 1 error")
    page.fill("textarea[name='v:/SSID_STR']", "guests")
    # The panel is made anew from what is in the form; its fix goes with that.
    expect(page.locator(".c-plist")).to_contain_text("<string>guests</string>")
    page.click("#lint button:has-text('Write WPA3')")
    expect(page.locator("body")).to_contain_text("Fixed, and the draft is saved.")
    expect(page.locator(".e-bar-actions")).to_contain_text("Lint: nothing found")
    payload = Profile.objects.get(pk=profile.pk).draft["PayloadContent"][0]
    assert (payload["SSID_STR"], payload["EncryptionType"]) == ("guests", "WPA3")

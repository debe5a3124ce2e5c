"""A profile is assigned in a real Chromium: plan shown, applied, and watched until the device's own list proves it."""

from playwright.sync_api import expect

from commands.reconcile import reconcile
from commands.results import drain_reports
from devices import outbox
from devices.models import Device, Group
from profiles.models import Plan, Profile
from tests.factories import make_profile as make_wifi
from tests.profiles.assigned import make_group, make_profile

RULE = {"fact": "platform", "is": "is", "value": "macos"}


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
    page.click(".e-tabs a:has-text('Assignments')")
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
    expect(page.locator(".e-effective")).to_contain_text("Name")
    page.goto(f"{stage.server_url}/console/profiles/profile/{profile.pk}/assignments/")
    expect(page.locator("[id^=progress-]")).to_contain_text("1 of 1 verified")


def test_one_group_of_hundreds_is_found_by_typing_and_what_is_chosen_stays_in_sight(stage, page, sign_in):
    profile = make_profile(name="Welcome")
    Group.objects.bulk_create(Group(name=f"Branch {number:03}") for number in range(300))
    Group.objects.bulk_create([Group(name="Genève"), Group(name="Old Macs", kind="smart", rule=RULE)])
    sign_in(stage.server_url)
    page.goto(f"{stage.server_url}/console/profiles/profile/{profile.pk}/assignments/add/")
    count, shown = page.locator("#group-count"), page.locator("#group-rows tr:visible")
    expect(count).to_have_text("302 groups; none gets it.")

    find = page.get_by_label("Find a group by name or kind")
    find.fill("geneve")
    expect(shown).to_have_count(1)
    # By keyboard alone: Enter does not send the form, Tab leads to what was found.
    find.press("Enter")
    find.press("Tab")
    page.keyboard.press("Space")
    find.fill("rule")
    expect(shown).to_have_count(1)
    page.check("[aria-label='Old Macs never gets it']")
    find.fill("branch 01 nothing")
    expect(shown).to_have_count(0)
    expect(count).to_have_text("None of 302 groups has this in its name or kind; 1 gets it, 1 never gets it.")
    expect(page.locator(".e-chosen")).to_contain_text("Genève")

    # Straight from the search, by mouse: what is pressed does not vanish as the search is left.
    page.get_by_role("button", name="Untick: Old Macs never gets it").click()
    expect(page.get_by_role("button", name="Untick: Genève gets it")).to_be_focused()
    find.fill("")
    expect(count).to_have_text("302 groups; 1 gets it.")
    page.click("button:has-text('Show the plan')")
    expect(page.get_by_role("heading", name="Plan: Assign “Welcome”")).to_be_visible()
    change = Plan.objects.get().change
    assert (change["include"], "exclude" in change) == ([Group.objects.get(name="Genève").pk], False)


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
    expect(page.locator(".e-bar-actions")).to_contain_text("Lint: fits Apple's schema")
    payload = Profile.objects.get(pk=profile.pk).draft["PayloadContent"][0]
    assert (payload["SSID_STR"], payload["EncryptionType"]) == ("guests", "WPA3")

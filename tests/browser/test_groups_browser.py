"""Groups in a real Chromium: a rule built without a mouse, tried while it is written, and its devices shown."""

from playwright.sync_api import expect

from devices.models import Device, Group
from simulator.catalog import IPHONE, MAC


def test_a_rule_is_built_by_keyboard_tried_and_kept(stage, page, sign_in):
    phone, mac = stage.enroll(IPHONE), stage.enroll(MAC)
    sign_in(stage.server_url)
    page.goto(f"{stage.server_url}/console/devices/group/")
    page.click("text=New group by rule")
    preview = page.locator("#rule-preview")
    expect(preview).to_contain_text("Platform is iPhone.")
    expect(preview).to_contain_text(phone.state.hardware.serial_number)

    page.fill("#id_name", "With a version")
    # From here on by keyboard alone: the first group's word becomes "any", then a condition and a group are added.
    page.focus("#rule-builder select")
    page.keyboard.type("any")
    page.keyboard.press("Tab")
    page.focus(".r-tools button")
    page.keyboard.press("Enter")
    expect(page.locator(".r-row")).to_have_count(2)
    expect(page.locator(".r-row .r-fact").nth(1)).to_be_focused()
    page.keyboard.type("OS ver")
    expect(page.locator(".r-row .r-fact").nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("is at least")
    expect(page.locator(".r-row .r-is").nth(1)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("abc")
    expect(preview).to_contain_text("not complete")
    page.keyboard.press("Tab")
    row = page.locator(".r-row").nth(1)
    row.locator("button").press("Tab")
    expect(row.locator(".r-error")).to_contain_text("must be a version in numbers")

    row.locator(".r-value").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("1.0")
    expect(preview).to_contain_text(mac.state.hardware.serial_number)
    expect(row.locator(".r-error")).to_have_count(0)
    expect(preview).to_contain_text("Platform is iPhone or OS version is at least 1.0.")
    page.click("button:has-text('Make the group')")

    expect(page.locator("#members")).to_contain_text(phone.state.hardware.serial_number)
    group = Group.objects.get()
    assert group.rule == {
        "any": [
            {"fact": "platform", "is": "is", "value": "ios"},
            {"fact": "os_version", "is": ">=", "value": "1.0"},
        ]
    }

    page.fill("#g-find", mac.state.hardware.serial_number)
    page.press("#g-find", "Enter")
    why = page.locator("#why")
    expect(why).to_contain_text("In the group")
    expect(why).to_contain_text("Platform is iPhone – it is Mac")

    page.click("text=Edit the rule")
    expect(page.locator(".r-row")).to_have_count(2)
    page.locator("button:has-text('Group of conditions')").first.click()
    page.locator(".r-group .r-group select").first.select_option("not any")
    page.locator(".r-group .r-group .r-row .r-is").select_option("in")
    page.locator(".r-group .r-group .r-choices input").nth(1).check()
    expect(preview).to_contain_text("or not (")
    page.click("button:has-text('Save')")
    page.wait_for_selector("#members")
    group.refresh_from_db()
    assert group.rule["any"][2] == {"not": {"any": [{"fact": "platform", "is": "in", "value": ["ios", "ipados"]}]}}


def test_devices_are_found_ticked_and_put_into_a_group(stage, page, sign_in):
    phone, mac = stage.enroll(IPHONE), stage.enroll(MAC)
    serials = [each.state.hardware.serial_number for each in (phone, mac)]
    sign_in(stage.server_url)
    page.goto(f"{stage.server_url}/console/devices/group/add/?kind=static")
    page.fill("#id_name", "Pilots")
    page.click("button:has-text('Make the group')")
    page.click("a:has-text('Add devices')")
    for serial in serials:
        page.fill("dialog[open] #g-pick", serial)
        page.check(f"dialog[open] .g-picked li:has-text('{serial}') input")
    page.click("dialog[open] button[type=submit]")
    expect(page.locator("body")).to_contain_text("2 devices added.")
    for serial in serials:
        expect(page.locator("#members")).to_contain_text(serial)

    page.set_viewport_size({"width": 390, "height": 844})
    group = Group.objects.get()
    pages = ("", f"{group.pk}/change/", f"{group.pk}/edit/", "add/?kind=smart", "add/?kind=static")
    pages = [*pages, f"../device/{Device.objects.first().pk}/change/?tab=groups"]
    for address in pages:
        page.goto(f"{stage.server_url}/console/devices/group/{address}")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), address

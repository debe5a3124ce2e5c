"""The composer in a real Chromium: payloads composed, searched, imported, published, all by the pages themselves."""

import re

import pytest
from playwright.sync_api import expect

from mdm_project import plist
from profiles.models import Profile
from tests.console.test_profiles import certificate_der, make  # noqa: F401 (a fixture)


def new_profile(page, url: str, name: str) -> None:
    page.goto(f"{url}/console/profiles/profile/add/")
    page.fill("#id_name", name)
    page.click("button:has-text('Make it')")
    page.wait_for_selector("#composer")


def add(page, words: str) -> None:
    """Add a payload by typing in the search and pressing Enter."""
    page.click(".c-add")
    page.fill("[data-filter-payloads]", words)
    page.press("[data-filter-payloads]", "Enter")
    page.wait_for_selector("dialog[open]", state="detached")
    page.wait_for_selector("#c-find")


def key(page, name: str):
    """Return the field of a key by Apple's name."""
    return page.locator(".c-key", has=page.locator(f"xpath=./*//span[text()='{name}']")).last


def save(page) -> None:
    page.click("button:has-text('Save draft')")
    page.wait_for_load_state("load")
    expect(page.locator("body")).to_contain_text("Draft saved.")


def test_wifi_with_a_certificate_is_composed_checked_and_published(stage, page, sign_in, certificate_der, tmp_path):  # noqa: F811
    sign_in(stage.server_url)
    new_profile(page, stage.server_url, "Corp Wi-Fi")
    add(page, "root certificate")
    file = tmp_path / "root.cer"
    file.write_bytes(certificate_der)
    page.set_input_files("input[name='f:/PayloadContent']", file)
    expect(page.locator(".c-file")).to_contain_text("Corp root")
    save(page)
    expect(page.locator(".c-file")).to_contain_text("Corp root")

    add(page, "wi-fi")
    key(page, "SSID_STR").locator("textarea").fill("corp")
    key(page, "AutoJoin").locator("label:has-text('no')").last.click()
    key(page, "ProxyServerPort").locator("input.c-input").fill("70000")
    problem = page.locator("#panel [data-goto]", has_text="ProxyServerPort")
    expect(problem).to_be_visible()
    problem.click()
    expect(key(page, "ProxyServerPort").locator("input.c-input")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("8080")
    expect(page.locator("#panel")).to_contain_text("Fits Apple's schema")
    # What the device signs in with is an identity: a root certificate is not offered.
    expect(key(page, "PayloadCertificateUUID").locator("select option")).to_have_count(1)
    save(page)

    page.click("a:has-text('Publish')")
    page.fill("dialog[open] #id_note", "first")
    page.click("dialog[open] button[type=submit]")
    expect(page.locator(".e-device-head")).to_contain_text("v1 published")
    content = Profile.objects.get(name="Corp Wi-Fi").versions.get().content
    root, wifi = content["PayloadContent"]
    own = {name: value for name, value in wifi.items() if name.startswith("PayloadCert") or name[:7] != "Payload"}
    assert plist.from_json(root["PayloadContent"]) == certificate_der
    assert own == {"SSID_STR": "corp", "AutoJoin": False, "ProxyServerPort": 8080}


def test_a_restriction_is_found_among_many_and_only_set_keys_are_shown(stage, page, sign_in):
    sign_in(stage.server_url)
    new_profile(page, stage.server_url, "Limits")
    add(page, "restrictions")
    assert page.locator(".c-key:visible").count() > 50
    page.fill("#c-find", "camera")
    expect(page.locator(".c-key:visible", has_text="allowCamera").last).to_be_visible()
    assert page.locator(".c-key:visible").count() < 8
    key(page, "allowCamera").locator("label:has-text('no')").last.click()
    page.fill("#c-find", "")
    page.check("#c-only")
    expect(page.locator(".c-key:visible")).to_have_count(1)
    expect(page.locator(".c-plist")).to_contain_text("<key>allowCamera</key>")
    save(page)
    payload = Profile.objects.get(name="Limits").draft["PayloadContent"][0]
    assert {name for name in payload if not name.startswith("Payload")} == {"allowCamera"}


def test_items_of_an_array_are_added_moved_and_taken_out(stage, page, sign_in):
    sign_in(stage.server_url)
    new_profile(page, stage.server_url, "Notices")
    add(page, "notifications")
    box = page.locator("details.c-key", has_text="NotificationSettings").first
    box.evaluate("box => box.open = true")
    for number, bundle in enumerate(("com.example.one", "com.example.two", "com.example.three"), 1):
        box.locator(":scope > .c-array-tools button:has-text('Add')").click()
        expect(box.locator(":scope > ol > li")).to_have_count(number)
        box.locator(":scope > ol > li").last.locator("textarea[name$='/BundleIdentifier']").fill(bundle)
    items = box.locator(":scope > ol > li")
    items.nth(2).locator(":scope > .c-item-tools [data-move='-1']").click()
    items.nth(0).locator(":scope > .c-item-tools [data-take-out]").click()
    save(page)
    settings = Profile.objects.get(name="Notices").draft["PayloadContent"][0]["NotificationSettings"]
    assert settings == [{"BundleIdentifier": "com.example.three"}, {"BundleIdentifier": "com.example.two"}]


def test_an_unknown_payload_is_imported_edited_as_xml_and_keeps_the_rest(stage, page, sign_in, tmp_path):
    values = {
        "PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": "com.example.odd",
        "PayloadUUID": "0DD00000-0000-4000-8000-000000000001", "PayloadDisplayName": "Odd one",
        "PayloadContent": [{
            "PayloadType": "com.example.app", "PayloadUUID": "0DD00000-0000-4000-8000-000000000002",
            "PayloadIdentifier": "a", "PayloadVersion": 1,
            "Server": "old", "ApiToken": "kept-secret",
        }],
    }  # fmt: skip
    file = tmp_path / "odd.mobileconfig"
    file.write_bytes(plist.dumps(values))
    sign_in(stage.server_url)
    page.goto(f"{stage.server_url}/console/profiles/profile/import/")
    page.set_input_files("#id_file", file)
    page.click("button:has-text('Import'):not([type=button])")
    page.click(".c-payloads a:has-text('com.example.app')")
    area = page.locator("textarea[name='v:']")
    assert "kept-secret" not in area.input_value()
    area.fill(area.input_value().replace("old", "new"))
    save(page)
    (payload,) = Profile.objects.get(identifier="com.example.odd").draft["PayloadContent"]
    assert payload == values["PayloadContent"][0] | {"Server": "new"}


def test_leaving_with_unsaved_changes_asks_first(stage, page, sign_in):
    sign_in(stage.server_url)
    new_profile(page, stage.server_url, "Careful")
    add(page, "web clip")
    key(page, "Label").locator("textarea").fill("Intranet")
    expect(page.locator("#c-state")).to_have_text("Not saved yet")
    page.click(".c-add")
    expect(page.locator(".e-toast")).to_contain_text("Save the draft first")
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.click("nav.c-payloads a:has-text('General')")
    page.wait_for_selector("#id_name")
    assert asked == ["beforeunload"]


@pytest.mark.parametrize("width", [390, 1400])
def test_the_composer_is_no_wider_than_its_window(stage, page, sign_in, certificate_der, width):  # noqa: F811
    sign_in(stage.server_url)
    folder = {"Type": "Folder", "DisplayName": "F", "Pages": [[{"Type": "Application", "BundleID": "x"}]]}
    profile = make(
        "Wide", ("homescreenlayout", {"Pages": [[folder]]}), ("security-root", {"PayloadContent": certificate_der}),
        ("com.example.an-application-with-a-very-long-name-indeed", {"Key": "v" * 300}),
    )  # fmt: skip
    page.set_viewport_size({"width": width, "height": 844})
    base = f"{stage.server_url}/console/profiles/profile/"
    here = [f"{base}{profile.pk}/change/?payload={each['PayloadUUID']}" for each in profile.draft["PayloadContent"]]
    for address in [base, f"{base}add/", f"{base}import/", f"{base}{profile.pk}/change/", *here]:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), address
    assert re.search(r"payload=", page.url)

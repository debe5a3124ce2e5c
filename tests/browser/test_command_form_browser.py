"""The form of a command in a real Chromium: found by typing, filled in, checked while it is filled in, sent."""

from playwright.sync_api import expect

from commands.models import Command
from mdm_project import plist
from mdm_project.crypto import unseal
from tests import factories
from tests.browser.test_composer_browser import key


def test_a_lock_message_is_found_previewed_and_sent_to_a_device(stage, page, sign_in):
    channel = factories.make_channel(factories.make_device("ios", os_version="18.0", is_supervised=True))
    sign_in(stage.server_url)
    page.goto(f"{stage.server_url}/console/commands/command/compose/?device={channel.device_id}")
    page.fill("[data-filter-payloads]", "EnableLostMode")
    page.locator(".c-pick:visible").click()
    page.wait_for_selector("#composer")
    key(page, "Message").locator("textarea, input.c-input").first.fill("Please call the <desk>")
    expect(page.locator("#panel .c-plist")).to_contain_text("Please call the &lt;desk&gt;")
    page.fill("[name=reason]", "left in a train")
    page.click("#composer button[type=submit]")
    page.wait_for_url(lambda url: "/compose/" not in url)

    command = Command.objects.get(request_type="EnableLostMode")
    body = plist.loads(unseal(bytes(command.body_encrypted), command.body_context))["Command"]
    assert body == {"RequestType": "EnableLostMode", "Message": "Please call the <desk>"}
    assert command.reason == "left in a train"
    assert command.targets.get().channel_id == channel.pk


def test_on_a_phone_the_list_of_commands_begins_folded_and_searching_unfolds_it(stage, page, sign_in):
    page.set_viewport_size({"width": 390, "height": 844})
    sign_in(stage.server_url)
    page.goto(f"{stage.server_url}/console/commands/command/compose/")
    restart = page.locator(".c-pick", has_text="RestartDevice")
    expect(restart).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollHeight") < 2 * 844
    page.fill("[data-filter-payloads]", "restartdevice")
    expect(restart).to_be_visible()
    page.fill("[data-filter-payloads]", "")
    expect(restart).to_be_hidden()
    page.locator("summary", has_text="The device").click()
    expect(restart).to_be_visible()

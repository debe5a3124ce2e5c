"""The page of a command: live counts, failures by cause, who was left out, asking again and cancelling."""

import re

import pytest
from django.urls import reverse

from commands.asking import ask
from commands.governor.models import HeldAction
from commands.models import Command, QueuedCommand
from devices.escrow import keep_secret
from devices.groups import add_members, create_group
from devices.models import AccessLimit, Channel, Group
from devices.timeline import SYSTEM
from tests import factories
from tests.api.client import Caller
from tests.console.pages import State, finish, text_of


def page_of(command: Command) -> str:
    return reverse("admin:commands_command_change", args=[command.pk])


@pytest.fixture
def restart(db) -> Command:
    """A command with three targets, and two devices that could not take it."""
    for supervised in (True, True, True, False, False):
        factories.make_channel(factories.make_device(is_supervised=supervised))
    return ask("RestartDevice", None, Channel.objects.all(), actor=SYSTEM, reason="hangs").command


def test_the_page_counts_and_says_who_was_left_out_and_why(console, restart):
    text = text_of(console.get(page_of(restart)))
    assert "3 waiting" in text
    assert "Not asked, for they cannot take it" in text and "Needs a supervised device" in text


def test_failures_are_one_line_per_cause(console, restart):
    for queued in restart.targets.all()[:2]:
        finish(queued, State.FAILED, "The device is busy.")
    text = text_of(console.get(page_of(restart)))
    assert "Why it failed" in text and "2 failed" in text
    assert "Retry 2 failed" in text


def test_the_page_is_asked_again_while_something_moves_and_answers_nothing_when_nothing_is_new(console, restart):
    response = console.get(page_of(restart))
    version = response.context["version"]
    assert f"live={version}" in response.content.decode()
    assert console.get(page_of(restart), {"live": version}).status_code == 204
    finish(restart.targets.first(), State.ACKNOWLEDGED)
    fresh = console.get(page_of(restart), {"live": version})
    assert fresh.status_code == 200 and "<html" not in fresh.content.decode()
    assert "1 acknowledged" in text_of(fresh)


def test_a_page_on_which_nothing_moves_is_not_asked_again(console, restart):
    for queued in restart.targets.all():
        finish(queued, State.ACKNOWLEDGED)
    assert "hx-trigger" not in console.get(page_of(restart), {"live": "x"}).content.decode()


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 30, "²"])
def test_an_odd_number_with_a_retry_is_no_server_error(console, restart, number):
    finish(restart.targets.first(), State.FAILED, "busy")
    response = console.post(reverse("admin:commands_command_retry", args=[restart.pk]), {"number": number})
    assert response.status_code == 302
    assert Command.objects.count() == 2


def test_what_devices_and_people_say_is_escaped(console, restart):
    finish(restart.targets.first(), State.FAILED, "<script>alert(1)</script>")
    assert b"<script>alert(1)" not in console.get(page_of(restart)).content


def test_the_statements_do_not_grow_with_the_targets(console, django_assert_max_num_queries):
    command = factories.make_command()
    for _ in range(30):
        finish(factories.make_queued(command=command), State.FAILED, "busy")
    console.get(page_of(command))
    with django_assert_max_num_queries(20):
        console.get(page_of(command))
    assert QueuedCommand.objects.count() == 30


def test_a_command_goes_to_a_group_from_its_page(console):
    group = Group.objects.create(name="Kiosks", kind="static")
    inside, outside = factories.make_channel(), factories.make_channel()
    group.memberships.create(device=inside.device)
    page = console.get(reverse("admin:devices_group_change", args=[group.pk])).content.decode()
    address = f"{reverse('admin:devices_device_changelist')}?group={group.pk}"
    assert address in page
    fields = dict(
        re.findall(
            r'<input type="hidden" name="([a-z_]+)" value="(\w+)">', page[page.index(address) :].split("</form>")[0]
        )
    )
    assert "Which command, for 1 device?" in text_of(console.post(address, fields))
    console.post(address, fields | {"command": "ProfileList", "confirmed": "1"})
    assert list(Command.objects.get().targets.values_list("channel", flat=True)) == [inside.pk] != [outside.pk]


def test_before_it_is_sent_to_many_the_form_says_who_cannot_take_it(console):
    for supervised in (True, False, False):
        factories.make_channel(factories.make_device(is_supervised=supervised))
    fields = {"action": "send_command", "select_across": "1", "_selected_action": "0", "index": "0"}
    text = text_of(console.post(reverse("admin:devices_device_changelist"), fields | {"command": "RestartDevice"}))
    assert "2 of 3 cannot take it" in text and "needs a supervised device (2)" in text


SELECTED = {"action": "send_command", "select_across": "1", "_selected_action": "0", "index": "0", "confirmed": "1"}


def any_command(console, **fields):
    return text_of(
        console.post(reverse("admin:devices_device_changelist"), SELECTED | {"command": "AnyCommand"} | fields)
    )


@pytest.mark.parametrize("name", ["EraseDevice", "DeviceLock"])
def test_a_destructive_command_by_its_name_is_governed_like_any_other(console, name):
    for _ in range(3):
        factories.make_channel()
    assert "confirm" in any_command(console, name=name, reason="sold")
    assert not HeldAction.objects.exists()
    any_command(console, name=name, reason="sold", typed="3")
    assert HeldAction.objects.get().device_count == 3
    assert not Command.objects.exists()


@pytest.mark.parametrize(
    "keys", ['{"Command": 7}', "[" * 100_000, '{"a":' * 50_000, "<plist", '{"Command": {"Command": {}}}']
)
def test_odd_keys_of_any_command_are_told_and_not_sent(console, keys):
    factories.make_channel()
    any_command(console, name="RestartDevice", reason="x", keys=keys)
    assert not Command.objects.exists()


def test_the_passcode_of_a_device_is_cleared_with_its_own_token(console):
    channel = factories.make_channel()
    address = reverse("admin:devices_device_command", args=[channel.device_id, "ClearPasscode"])
    assert "No unlock token is escrowed" in text_of(console.get(address))
    keep_secret(channel.device, "unlock_token", b"the token")
    assert "No unlock token" not in text_of(console.get(address))
    console.post(address, {"reason": "forgot it"})
    assert Command.objects.get().request_type == "ClearPasscode"


def test_only_those_of_one_cause_are_asked_again(console, restart):
    first, second, third = restart.targets.order_by("id")
    finish(first, State.FAILED, "The device 0123456789 is busy.")
    finish(second, State.FAILED, "The device 9876543210 is busy.")
    finish(third, State.FAILED, "No space.")
    page = console.get(page_of(restart))
    cause = next(cause for cause in page.context["causes"] if cause["count"] == 2)
    address = reverse("admin:commands_command_retry", args=[restart.pk])
    assert console.post(address, {"number": 2, "cause": cause["cause"]}).status_code == 302
    again = Command.objects.order_by("id").last()
    assert set(again.targets.values_list("channel", flat=True)) == {first.channel_id, second.channel_id}
    console.post(address, {"number": 1, "cause": "no such cause"})
    assert Command.objects.order_by("id").last() == again


def test_a_limited_person_sees_counts_retries_and_cancels_only_within_the_limit(client, restart):
    first, second, third = restart.targets.order_by("id")
    for queued in (first, second):
        finish(queued, State.FAILED, "No space.")
    group = create_group("Lyon", actor=SYSTEM)
    add_members(group, [first.channel.device_id, third.channel.device_id], actor=SYSTEM)
    permissions = ("devices.view_device", "commands.view_command", "commands.add_command", "commands.change_command")
    person = factories.make_staff(*permissions)
    AccessLimit.objects.create(user=person).groups.add(group)
    client.force_login(person)

    page = client.get(page_of(restart))
    assert (page.context["command"].reach, page.context["counts"]["failed"]) == (2, 1)
    listed = client.get(reverse("admin:commands_command_changelist"))
    shown = listed.context["cl"].result_list[0]
    assert (shown.reach, sum(shown.counts.values())) == (2, 2)
    caller = Caller(user=person)
    row = caller.get(f"commands/{restart.pk}/").json()
    assert (row["target_count"], row["counts"]["failed"], row["failures"][0]["count"]) == (2, 1, 1)
    assert caller.get("commands/", ordering="-target_count").json()["results"][0]["target_count"] == 2

    assert client.post(reverse("admin:commands_command_retry_target", args=[second.pk])).status_code == 404
    assert client.post(reverse("admin:commands_command_retry", args=[restart.pk])).status_code == 302
    again = Command.objects.order_by("id").last()
    assert list(again.targets.values_list("channel", flat=True)) == [first.channel_id]
    second.refresh_from_db()
    QueuedCommand.objects.filter(pk=second.pk).update(state=State.PENDING, finished_at=None)
    assert client.post(reverse("admin:commands_command_cancel_target", args=[second.pk])).status_code == 404
    client.post(reverse("admin:commands_command_cancel", args=[restart.pk]), {"reason": "x"})
    assert caller.post(f"commands/{restart.pk}/cancel/", {"reason": "x"}).json() == {"cancelled": 0}
    second.refresh_from_db()
    third.refresh_from_db()
    assert (second.state, third.state) == (State.PENDING, State.CANCELLED)


def test_the_list_of_failures_does_not_say_that_nothing_failed_where_a_profile_did(console):
    factories.make_queued(command="InstallProfile", state=QueuedCommand.State.FAILED)
    shown = console.get(reverse("admin:commands_command_failures")).content.decode()
    assert "Apart from profiles, no command failed" in shown
    assert f"{reverse('admin:devices_device_changelist')}?profile_state=failed" in shown

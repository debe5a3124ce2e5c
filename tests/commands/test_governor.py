"""The governor: limits that cannot be outrun, a second person, time to cancel, the kill switch; console and API
alike.
"""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from commands import governor
from commands.asking import ask
from commands.governor import (
    ConfirmationRequired,
    GovernorRefused,
    HeldAction,
    LimitReached,
    ReasonRequired,
    Stopped,
    holding,
)
from commands.governor import switch as kill_switch
from commands.governor.models import PermitRow
from commands.models import Command, QueuedCommand
from commands.queue import DangerWithoutPermit, queue_command
from devices.models import Channel, Event
from devices.timeline import SYSTEM, Actor
from tests import factories
from tests.api.client import Caller
from tests.commands.governed import erase, fleet, staff

SAFETY = "/console/commands/heldaction/"


@pytest.mark.django_db
def test_a_destructive_command_without_a_permit_is_a_mistake_of_the_program():
    for request_type in ("EraseDevice", "DeviceLock", "ClearPasscode"):
        with pytest.raises(DangerWithoutPermit):
            queue_command(request_type, {}, fleet(1), actor=SYSTEM)
    assert not Command.objects.exists()


@pytest.mark.django_db
def test_a_reason_is_needed_and_for_many_their_number():
    user = staff()
    with pytest.raises(ReasonRequired):
        ask("EraseDevice", {}, fleet(1), actor=Actor.staff(user), reason=" ")
    three = fleet(3)
    for confirmed in (None, 2, 1000):
        with pytest.raises(ConfirmationRequired, match="3 devices"):
            erase(three, user, confirmed=confirmed)
    assert not PermitRow.objects.exists()
    assert erase(three, user, confirmed=3).held is not None


@pytest.mark.django_db
def test_one_device_goes_at_once_and_the_limit_stops_the_next_hour_of_it():
    user = staff()
    for _ in range(10):
        assert erase(fleet(1), user).command.is_destructive
    with pytest.raises(LimitReached, match="10 devices an hour"):
        erase(fleet(1), user)
    assert QueuedCommand.objects.count() == 10
    assert Event.objects.filter(kind="governor_refused").count() == 1
    PermitRow.objects.update(at=timezone.now() - timedelta(hours=2))
    assert erase(fleet(1), user).command


@pytest.mark.django_db
def test_everybody_together_has_a_limit_too():
    people = [staff(f"admin{number}") for number in range(3)]
    for user in people[:2]:
        for _ in range(10):
            erase(fleet(1), user)
    for _ in range(5):
        erase(fleet(1), people[2])
    with pytest.raises(LimitReached, match="25 devices an hour are allowed"):
        erase(fleet(1), people[2])


@pytest.mark.django_db(transaction=True)
def test_requests_at_the_same_moment_do_not_pass_the_limit():
    user = staff()
    targets = [channel.pk for channel in fleet(20)]
    outcomes = []

    def run(pk):
        try:
            erase(Channel.objects.filter(pk=pk), user)
            outcomes.append("sent")
        except LimitReached:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(pk,)) for pk in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count("sent"), outcomes.count("refused")) == (10, 10)
    assert QueuedCommand.objects.count() == 10


@pytest.mark.django_db
def test_several_devices_wait_five_minutes_in_which_they_can_be_saved():
    user = staff()
    saved, gone = erase(fleet(2), user, confirmed=2).held, erase(fleet(2), user, confirmed=2).held
    assert holding.release_due() == 0
    holding.cancel(saved, actor=Actor.staff(user), reason="wrong group")
    HeldAction.objects.update(release_at=timezone.now())
    assert holding.release_due() == 1
    gone.refresh_from_db()
    assert (gone.state, gone.command.target_count) == (HeldAction.State.RELEASED, 2)
    assert QueuedCommand.objects.count() == 2
    assert holding.release_due() == 0, "a second run does nothing"


@pytest.mark.django_db
def test_more_than_five_need_a_second_person_who_is_somebody_else_and_not_new(settings):
    settings.APPROVER_AGE_HOURS = 24
    user, other, fresh = staff(), staff("other"), staff("fresh", date_joined=timezone.now())
    held = erase(fleet(6), user, confirmed=6).held
    assert held.state == HeldAction.State.NEEDS_APPROVAL
    for wrong in (user, fresh, factories.make_staff("commands.view_heldaction")):
        with pytest.raises(Exception, match="second person|hours old|permission"):
            holding.approve(held, actor=Actor.staff(wrong))
    HeldAction.objects.update(release_at=timezone.now())
    assert holding.release_due() == 0
    holding.approve(held, actor=Actor.staff(other))
    assert holding.release_due() == 1
    assert QueuedCommand.objects.count() == 6


@pytest.mark.django_db
def test_what_nobody_approves_ends_and_what_its_asker_may_no_longer_do_is_not_done():
    user = staff()
    erase(fleet(6), user, confirmed=6)
    HeldAction.objects.update(expires_at=timezone.now())
    holding.release_due()
    assert HeldAction.objects.get().state == HeldAction.State.EXPIRED
    held = erase(fleet(2), user, confirmed=2).held
    type(user).objects.filter(pk=user.pk).update(is_active=False)
    HeldAction.objects.filter(pk=held.pk).update(release_at=timezone.now())
    holding.release_due()
    held.refresh_from_db()
    assert (held.state, "may no longer" in held.note) == (HeldAction.State.FAILED, True)
    assert not QueuedCommand.objects.exists()


@pytest.mark.django_db
def test_a_device_that_enrolled_again_while_its_erasing_was_held_is_spared():
    user = staff()
    channels = fleet(2)
    held = erase(channels, user, confirmed=2).held
    handed_over = channels.first()
    type(handed_over.enrollment).objects.filter(pk=handed_over.enrollment_id).update(authenticated_at=timezone.now())
    HeldAction.objects.update(release_at=timezone.now())
    holding.release_due()
    held.refresh_from_db()
    assert held.state == HeldAction.State.RELEASED
    assert [row.channel_id for row in QueuedCommand.objects.all()] == [channels.last().pk]


@pytest.mark.django_db
def test_a_held_action_that_breaks_does_not_stand_in_the_way_of_the_next():
    user = staff()
    broken, whole = erase(fleet(2), user, confirmed=2).held, erase(fleet(2), user, confirmed=2).held
    HeldAction.objects.update(release_at=timezone.now())
    HeldAction.objects.filter(pk=broken.pk).update(channel_ids={"not": "a list"}, options={"nonsense": 1})
    holding.release_due()
    broken.refresh_from_db()
    whole.refresh_from_db()
    assert (broken.state, whole.state) == (HeldAction.State.FAILED, HeldAction.State.RELEASED)
    assert QueuedCommand.objects.count() == 2


@pytest.mark.django_db
def test_the_kill_switch_cancels_what_waits_holds_what_is_held_and_refuses_the_rest():
    user = staff()
    erase(fleet(1), user)
    held = erase(fleet(2), user, confirmed=2).held
    harmless = factories.make_queued(command="ProfileList")
    HeldAction.objects.update(release_at=timezone.now())
    assert kill_switch.stop(actor=Actor.staff(user), reason="stolen session") == 1
    assert holding.release_due() == 0
    with pytest.raises(Stopped, match="stolen session"):
        erase(fleet(1), user)
    harmless.refresh_from_db()
    assert harmless.state == QueuedCommand.State.PENDING
    assert kill_switch.stop(actor=Actor.staff(user), reason="again") == 0
    kill_switch.resume(actor=Actor.staff(user), reason="over")
    assert holding.release_due() == 1
    held.refresh_from_db()
    assert held.state == HeldAction.State.RELEASED


@pytest.mark.django_db
def test_the_switch_says_what_had_left_already():
    user = staff()
    commands = [erase(fleet(1), user).command for _ in range(4)]
    state = QueuedCommand.State
    sent, answered, _waiting, refused = [QueuedCommand.objects.filter(command=command) for command in commands]
    sent.update(state=state.SENT, deliveries=1, sent_at=timezone.now())
    answered.update(state=state.ACKNOWLEDGED, deliveries=1, finished_at=timezone.now())
    refused.update(state=state.NOT_NOW, deliveries=1)
    assert kill_switch.stop(actor=Actor.staff(user), reason="stolen session") == 3
    assert kill_switch.delivered_before(kill_switch.current()) == 2
    told = Event.objects.get(kind="destructive_stopped").summary
    assert told.endswith("stolen session (3 waiting commands cancelled, 2 of them delivered already)")
    assert Caller(user=user).get("governor/").json()["delivered"] == 2
    sent.update(state=state.ACKNOWLEDGED, note=None)
    assert kill_switch.delivered_before(kill_switch.current()) == 1


@pytest.mark.django_db
def test_held_actions_that_piled_up_do_not_all_go_in_one_hour():
    user, other = staff(), staff("other")
    piled = []
    for _ in range(4):
        piled.append(erase(fleet(9), user, confirmed=9).held)
        PermitRow.objects.update(at=timezone.now() - timedelta(hours=2))
    for held in piled:
        holding.approve(held, actor=Actor.staff(other))
    HeldAction.objects.update(release_at=timezone.now())
    holding.release_due()
    assert QueuedCommand.objects.count() == 18, "25 an hour, so two of nine"
    waiting = HeldAction.objects.filter(state=HeldAction.State.DELAYED)
    assert waiting.filter(release_at__gt=timezone.now() + timedelta(minutes=50)).count() == 2
    HeldAction.objects.filter(state=HeldAction.State.RELEASED).update(finished_at=timezone.now() - timedelta(hours=2))
    waiting.update(release_at=timezone.now())
    holding.release_due()
    assert QueuedCommand.objects.count() == 36


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["password", "rights", "role", "superuser"])
def test_an_account_that_somebody_took_over_today_approves_nothing(settings, what):
    settings.APPROVER_AGE_HOURS = 24
    user, colleague = staff(), staff("colleague")
    role = Role.objects.create(name="Approvers")
    colleague.groups.add(role)
    permission = Permission.objects.get(codename="view_device")
    type(user).objects.filter(pk=colleague.pk).update(powers_given_at=None, is_superuser=what != "superuser")
    held = erase(fleet(6), user, confirmed=6).held
    ways = {
        "password": lambda: type(user).objects.filter(pk=colleague.pk).update(password="another"),
        "rights": lambda: colleague.user_permissions.add(permission),
        "role": lambda: role.permissions.add(permission),
        "superuser": lambda: type(user).objects.filter(pk=colleague.pk).update(is_superuser=True),
    }
    ways[what]()
    with pytest.raises(GovernorRefused, match="24 hours old"):
        holding.approve(held, actor=Actor.staff(colleague))
    settings.APPROVER_AGE_HOURS = 0
    holding.approve(held, actor=Actor.staff(colleague))


@pytest.mark.django_db
def test_a_password_of_ones_own_choosing_takes_no_day(settings):
    settings.APPROVER_AGE_HOURS = 24
    user, colleague = staff(), staff("colleague")
    held = erase(fleet(6), user, confirmed=6).held
    type(user).objects.filter(pk=colleague.pk).update(password_set_at=timezone.now(), password_set_by=colleague)
    holding.approve(held, actor=Actor.staff(colleague))
    held.refresh_from_db()
    assert held.state == HeldAction.State.DELAYED


def test_the_page_shows_limits_and_what_waits_and_approves_and_stops(client, db):
    user, other = staff(), staff("other")
    held = erase(fleet(6), user, confirmed=6).held
    client.force_login(other)
    page = client.get(SAFETY).content.decode()
    assert "6 of 25 in the last hour" in page and "sold" in page
    client.post(f"{SAFETY}{held.pk}/approve/")
    held.refresh_from_db()
    assert (held.state, held.approved_by) == (HeldAction.State.DELAYED, "other")
    client.post(f"{SAFETY}stop/", {"reason": "strange"})
    assert "strange" in client.get(SAFETY).content.decode()
    assert kill_switch.current().stopped_by == "other"
    client.post(f"{SAFETY}resume/", {"reason": "fine"})
    assert kill_switch.current() is None


@pytest.mark.django_db
def test_what_was_permitted_before_the_switch_is_not_queued_after_it(monkeypatch):
    """The permit is counted in one transaction and the command queued in the next: the switch may come between."""
    user = staff()
    admit = governor.admit

    def admit_then_stop(wish):
        permit = admit(wish)
        kill_switch.stop(actor=Actor.staff(user), reason="just now")
        return permit

    monkeypatch.setattr(governor, "admit", admit_then_stop)
    with pytest.raises(Stopped, match="just now"):
        erase(fleet(1), user)
    assert not QueuedCommand.objects.exists()


@pytest.mark.django_db
def test_the_switch_can_be_thrown_from_the_command_line(capsys):
    erase(fleet(1), staff())
    call_command("stop_destructive", "stolen", "laptop")
    assert "1 waiting" in capsys.readouterr().out
    assert kill_switch.current().reason == "stolen laptop"
    assert not QueuedCommand.objects.waiting().exists()


def test_every_page_says_that_they_are_stopped_and_the_dashboard_who_is_waited_for(client, db):
    user, other = staff(), staff("other")
    client.force_login(other)
    assert "Destructive commands are stopped" not in client.get("/console/devices/device/").content.decode()
    erase(fleet(6), user, confirmed=6)
    assert "EraseDevice for 6 devices waits for a second person" in client.get("/console/").content.decode()
    for _ in range(2):
        with pytest.raises(LimitReached):
            erase(fleet(11), user, confirmed=11)
    assert "2 destructive requests were refused" in client.get("/console/").content.decode()
    kill_switch.stop(actor=Actor.staff(user), reason="strange")
    for address in ("/console/", "/console/devices/device/", "/console/commands/command/", SAFETY):
        assert "Destructive commands are stopped" in client.get(address).content.decode()

"""Removals that cost a device its enrollment or its last network, by people and by the reconciler."""

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from commands.asking import ask
from commands.governor import LimitReached, ReasonRequired
from commands.governor import switch as kill_switch
from commands.governor.models import GovernorLimit, PermitRow
from commands.models import QueuedCommand
from commands.reconcile import reconcile
from devices.models import Channel, Event, InstalledProfile
from devices.timeline import Actor
from profiles.desired import recompute_desired
from profiles.models import ItemStatus
from tests import factories
from tests.commands.governed import staff
from tests.profiles.assigned import assign, fill, make_channels, make_group, make_profile


def list_profile(channel, identifier: str, payload_type: str):
    InstalledProfile.objects.create(
        channel=channel, device=channel.device, identifier=identifier, is_managed=True, reported_at=timezone.now(),
        payloads=[{"PayloadType": payload_type}],
    )  # fmt: skip


@pytest.mark.django_db
def test_removing_the_enrollment_profile_counts_as_unenrolling():
    channel = factories.make_channel(factories.make_device("ios"))
    list_profile(channel, "com.example.mdm", "com.apple.mdm")
    list_profile(channel, "com.example.wifi", "com.apple.wifi.managed")
    list_profile(channel, "com.example.dock", "com.apple.dock")
    actor, one = Actor.staff(staff()), Channel.objects.filter(pk=channel.pk)
    GovernorLimit.objects.filter(danger="network").update(per_person=0)
    with pytest.raises(LimitReached):
        ask("RemoveProfile", {"Identifier": "com.example.wifi"}, one, actor=actor, reason="leaver")
    assert Event.objects.filter(kind="governor_refused").count() == 1
    GovernorLimit.objects.filter(danger="network").update(per_person=10)
    for identifier, danger in (("com.example.mdm", "unenroll"), ("com.example.wifi", "network")):
        with pytest.raises(ReasonRequired):
            ask("RemoveProfile", {"Identifier": identifier}, one, actor=actor)
        ask("RemoveProfile", {"Identifier": identifier}, one, actor=actor, reason="leaver")
        assert PermitRow.objects.order_by("id").last().danger == danger
    ask("RemoveProfile", {"Identifier": "com.example.dock"}, one, actor=actor)
    assert PermitRow.objects.count() == 2


@pytest.mark.django_db
def test_two_networks_taken_one_after_the_other_are_the_last_network():
    channel = factories.make_channel(factories.make_device("ios"))
    list_profile(channel, "com.example.mdm", "com.apple.mdm")
    list_profile(channel, "com.example.wifi", "com.apple.wifi.managed")
    list_profile(channel, "com.example.cell", "com.apple.cellular")
    actor, one = Actor.staff(staff()), Channel.objects.filter(pk=channel.pk)

    first = ask("RemoveProfile", {"Identifier": "com.example.wifi"}, one, actor=actor).command
    with pytest.raises(ReasonRequired):
        ask("RemoveProfile", {"Identifier": "com.example.cell"}, one, actor=actor)
    QueuedCommand.objects.filter(command=first).update(state=QueuedCommand.State.FAILED, finished_at=timezone.now())

    assert ask("RemoveProfile", {"Identifier": "com.example.cell"}, one, actor=actor).command
    assert not PermitRow.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_networks_taken_at_the_same_moment_are_the_last_network():
    actor, names = Actor.staff(staff()), ("com.example.wifi", "com.example.cell")
    channels = []
    for _number in range(5):
        channels.append(factories.make_channel(factories.make_device("ios")))
        list_profile(channels[-1], "com.example.mdm", "com.apple.mdm")
        for name in names:
            list_profile(channels[-1], name, "com.apple.wifi.managed")
    outcomes = []

    def run(channel, name):
        try:
            ask("RemoveProfile", {"Identifier": name}, Channel.objects.filter(pk=channel.pk), actor=actor)
            outcomes.append("sent")
        except ReasonRequired:
            outcomes.append("refused")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(channel, name)) for channel in channels for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count("sent"), outcomes.count("refused")) == (5, 5)


@pytest.mark.django_db
def test_the_reconciler_takes_two_networks_at_once_only_within_the_limit():
    channels = make_channels(3)
    group = make_group(*channels)
    profiles = [make_profile(identifier="com.example.one"), make_profile(identifier="com.example.two")]
    for profile in profiles:
        assign(profile, group)
    recompute_desired()
    reconcile()
    ItemStatus.objects.update(state=ItemStatus.State.VERIFIED, command_id=None)
    QueuedCommand.objects.all().delete()
    for channel in channels:
        for profile in profiles:
            list_profile(channel, profile.identifier, "com.apple.wifi.managed")
    GovernorLimit.objects.filter(danger="network").update(per_person=1)
    fill(group)
    recompute_desired()
    while reconcile():
        pass
    assert QueuedCommand.objects.count() == 3 + 1, "each loses one, and one device its last"
    assert QueuedCommand.objects.filter(command__is_destructive=True).count() == 1


@pytest.mark.django_db
def test_the_reconciler_takes_the_last_network_only_within_the_limit_and_not_while_stopped():
    channels = make_channels(4)
    group = make_group(*channels)
    profile = make_profile()
    assign(profile, group)
    recompute_desired()
    reconcile()
    ItemStatus.objects.update(state=ItemStatus.State.VERIFIED, command_id=None)
    QueuedCommand.objects.all().delete()
    for channel in channels[:3]:
        list_profile(channel, profile.identifier, "com.apple.wifi.managed")
    GovernorLimit.objects.filter(danger="network").update(per_person=2)
    kill_switch.stop(actor=Actor.staff(staff()), reason="strange")
    fill(group)
    recompute_desired()
    assert reconcile() == 1, "the one that keeps its network"
    assert ItemStatus.objects.filter(error__contains="strange").count() == 3
    kill_switch.resume(actor=Actor.staff(staff("other")), reason="fine")
    ItemStatus.objects.exclude(next_attempt_at=None).update(next_attempt_at=timezone.now())
    assert reconcile() == 2
    assert QueuedCommand.objects.filter(command__is_destructive=True).count() == 2
    held = ItemStatus.objects.get(error__contains="held by the governor")
    assert (held.state, reconcile()) == (ItemStatus.State.REMOVING, 0)
    PermitRow.objects.update(at=timezone.now() - timedelta(hours=2))
    ItemStatus.objects.exclude(next_attempt_at=None).update(next_attempt_at=timezone.now())
    assert reconcile() == 1

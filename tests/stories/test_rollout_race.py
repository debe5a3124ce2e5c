"""B3: nobody outside the first stage is ever asked, whatever is computed while assignments are made.

200 scripted assignments with stages, while workers compute everything that is wanted and send it, all at once.
"""

import threading

import pytest
from django.db import DatabaseError, connections

from commands.models import QueuedCommand
from commands.reconcile import reconcile
from devices import outbox
from profiles.desired import recompute_desired
from profiles.models import DesiredItem
from tests.profiles.assigned import assign, make_channels, make_group, make_profile

ASSIGNMENTS, DEVICES = 200, 10


@pytest.mark.usefixtures("committed_db")
def test_two_hundred_assignments_with_stages_ask_nobody_outside_the_first():
    group = make_group(*make_channels(DEVICES))
    profiles = [make_profile() for _ in range(ASSIGNMENTS)]
    failures = hammer(lambda: [assign(profile, group, stages=[20, 50, 100]) for profile in profiles])
    assert failures == []
    outbox.drain()
    recompute_desired()
    meant = set(DesiredItem.objects.values_list("profile_id", "channel_id"))
    by_name = {profile.name: profile.pk for profile in profiles}
    asked = QueuedCommand.objects.filter(command__request_type="InstallProfile").order_by("id")
    rows = asked.values_list("command__reason", "channel_id")
    told = {(by_name[reason.rpartition(", version")[0]], channel_id) for reason, channel_id in rows}
    assert told and told <= meant
    assert not QueuedCommand.objects.filter(command__request_type="RemoveProfile").exists()


def hammer(work) -> list[DatabaseError]:
    """Do the work while two threads compute what is wanted and one sends it; return what went wrong in them."""
    is_over, failures = threading.Event(), []

    def repeat(step):
        try:
            while not is_over.is_set():
                step()
        except DatabaseError as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=repeat, args=[step]) for step in (recompute_desired, recompute_desired, reconcile)
    ]
    for thread in threads:
        thread.start()
    try:
        work()
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    return failures

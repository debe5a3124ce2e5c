"""Why something was not delivered is said once: the device page, a command and a profile agree at any moment."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apns.models import PushState
from commands.configuration import items_of
from commands.delivery import Way, delivery_of
from commands.models import QueuedCommand
from commands.progress import progress
from commands.reconcile import reconcile
from devices.console.page import push_status
from devices.models import Channel, ChannelContact
from profiles.desired import recompute_desired
from tests.factories import make_channel
from tests.profiles.assigned import assign, make_group, make_profile

pytestmark = pytest.mark.django_db


def test_the_page_of_a_device_a_command_and_a_profile_say_the_same():
    channel = make_channel(seen_at=timezone.now() - timedelta(hours=1))
    assign(make_profile(), make_group(channel))
    recompute_desired()
    reconcile()
    now = timezone.now()
    PushState.objects.get_or_create(channel=channel)
    pushed = {"requested_at": None, "attempted_at": now, "accepted_at": now, "failures": 0}
    moments = (
        (lambda: PushState.objects.update(**pushed), Way.SILENT),
        (lambda: ChannelContact.objects.update(seen_at=now), Way.HEARD),
        (lambda: PushState.objects.update(**pushed | {"failures": 1, "reason": "Shutdown"}), Way.FAILED),
        (lambda: Channel.objects.update(push_gone_at=now), Way.GONE),
    )
    for happen, way in moments:
        happen()
        queued = QueuedCommand.objects.select_related("channel__push_state", "channel__contact").get(
            command__request_type="InstallProfile"
        )
        told = delivery_of(queued.channel, queued.queued_at)
        assert told.way is way
        assert progress(queued).why == push_status(queued.channel).why == told.sentence
        assert items_of(channel.device)[0].words.reason == told.why

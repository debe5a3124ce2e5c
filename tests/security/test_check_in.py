"""Finding 17: two TokenUpdates at once, with two certificates of one enrollment, leave one that is good."""

import threading

import pytest
from django.db import connection, transaction

from devices import channels
from devices.channels import ChannelKey, IdentityRefused
from devices.identity import Presented
from devices.models import Channel, Identity
from tests import factories


def presented_of(identity: Identity) -> Presented:
    values = {"fingerprint": bytes(identity.fingerprint), "authority_id": identity.authority_id}
    fields = {name: values.get(name) for name in Presented._fields}
    return Presented(**fields | {"not_after": identity.not_after.timestamp()})


def test_the_certificate_that_was_ended_meanwhile_ends_nothing(committed_db):
    channel = factories.make_channel()
    first, second = (factories.make_identity(channel.enrollment_key) for _ in range(2))
    key = ChannelKey(channel.enrollment_key, "", False)
    message = {"Token": b"t" * 32, "PushMagic": "magic", "Topic": channel.topic}
    refused = []

    def update_late() -> None:
        try:
            with transaction.atomic():
                channels.update_token(message, key, presented_of(second))
        except IdentityRefused as error:
            refused.append(error)
        finally:
            connection.close()

    with transaction.atomic():
        Channel.objects.select_for_update().get(pk=channel.pk)
        late = threading.Thread(target=update_late)  # it was let in already, and now waits for the row
        late.start()
        late.join(0.3)
        channels.update_token(message, key, presented_of(first))
    late.join(10)
    assert [bool(refused), Identity.objects.get(is_active=True).pk] == [True, first.pk]


@pytest.mark.django_db
def test_one_token_update_after_the_other_works_on():
    channel = factories.make_channel()
    identity = factories.make_identity(channel.enrollment_key)
    key = ChannelKey(channel.enrollment_key, "", False)
    for _ in range(2):
        channels.update_token({"Token": b"t", "PushMagic": "m", "Topic": channel.topic}, key, presented_of(identity))
    assert Identity.objects.get(pk=identity.pk).is_active

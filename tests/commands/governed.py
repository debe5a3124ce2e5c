"""Somebody who asks for what destroys, and those it would reach."""

from datetime import timedelta

from django.utils import timezone

from commands.asking import ask
from devices.models import Channel
from devices.timeline import Actor
from tests import factories


def staff(name: str = "admin", **fields):
    joined = fields.pop("date_joined", timezone.now() - timedelta(days=30))
    user = factories.make_staff(username=name, is_superuser=True, **fields)
    type(user).objects.filter(pk=user.pk).update(date_joined=joined, password_set_at=joined)
    user.refresh_from_db()
    return user


def fleet(number: int):
    ids = [factories.make_channel(factories.make_device("ios")).pk for _ in range(number)]
    return Channel.objects.filter(pk__in=ids)


def erase(channels, user, **options):
    return ask("EraseDevice", {}, channels, actor=Actor.staff(user), reason="sold", **options)

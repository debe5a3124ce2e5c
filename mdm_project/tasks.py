"""Celery's periodic work on the staff-side records and the heartbeat of periodic work."""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from mdm_project import heartbeat
from mdm_project.models import Heartbeat, IdempotencyKey

# A client that repeats a request does so within minutes; a week also covers one that was switched off over a weekend.
IDEMPOTENCY_KEY_LIFETIME = timedelta(days=7)


@shared_task(name="mdm_project.forget_old_keys")
def forget_old_keys() -> None:
    IdempotencyKey.objects.filter(created_at__lt=timezone.now() - IDEMPOTENCY_KEY_LIFETIME).delete()


@shared_task(name="mdm_project.beat")
def beat() -> None:
    heartbeat.beat(Heartbeat.Part.TASKS)


@shared_task(name="mdm_project.forget_old_beats")
def forget_old_beats() -> None:
    heartbeat.forget_old_beats()

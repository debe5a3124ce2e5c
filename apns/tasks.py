"""Celery's way to the services of this app; both may run twice and at the same time."""

from celery import shared_task

from apns import services


@shared_task(name="apns.push_due")
def push_due():
    """Push to what is due; a full set means that more may be waiting, which the next message takes on."""
    if services.push_due() >= services.CLAIM_LIMIT:
        push_due.apply_async(expires=30)


@shared_task(name="apns.sweep_wakes")
def sweep_wakes():
    services.sweep_wakes()

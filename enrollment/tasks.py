"""Work of the worker for enrollments."""

from celery import shared_task

from enrollment import renewals


@shared_task(name="enrollment.renew_identities")
def renew_identities() -> None:
    """Note what became of renewals, and ask the devices whose certificates are due."""
    renewals.note_outcomes()
    renewals.renew_due()

"""Work of the worker for devices."""

from celery import shared_task

from devices import outbox


@shared_task(name="devices.drain_outbox")
def drain_outbox() -> None:
    """Handle what waits in the outbox."""
    batch = 500
    while outbox.drain(batch) == batch:
        pass

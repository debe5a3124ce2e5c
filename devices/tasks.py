"""Work of the worker for devices."""

from celery import shared_task

from devices import outbox, rejections


@shared_task(name="devices.drain_outbox")
def drain_outbox() -> None:
    """Handle what waits in the outbox."""
    batch = 500
    while outbox.drain(batch) == batch:
        pass


@shared_task(name="devices.delete_old_rejections")
def delete_old_rejections() -> None:
    """Delete refused messages past their retention."""
    rejections.delete_old_rejections()

"""Work of the worker for devices."""

from celery import shared_task

from devices import events, groups, outbox, rejections


@shared_task(name="devices.drain_outbox")
def drain_outbox() -> None:
    """Handle what waits in the outbox."""
    batch = 500
    while outbox.drain(batch) >= batch:
        pass


@shared_task(name="devices.delete_old_rejections")
def delete_old_rejections() -> None:
    """Delete refused messages past their retention."""
    rejections.delete_old_rejections()


@shared_task(name="devices.delete_old_events")
def delete_old_events() -> None:
    """Delete what is on the timeline for longer than its retention."""
    events.delete_old_events()


@shared_task(name="devices.regroup")
def regroup() -> None:
    """Work out every smart group anew, one transaction each: what rules say of the last days changes by itself."""
    for group_id in groups.smart_group_ids():
        groups.evaluate_groups([group_id])


@shared_task(name="devices.delete_done_outbox")
def delete_done_outbox() -> None:
    """Delete rows of the outbox that were handled."""
    outbox.delete_done()

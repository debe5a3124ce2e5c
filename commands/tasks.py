"""Work of the worker for commands and what came back."""

from celery import shared_task

from commands import results, schedule


@shared_task(name="commands.interpret_reports")
def interpret_reports() -> None:
    """Work out what reports mean until none waits, for half a minute at most."""
    results.drain_reports(time_limit_s=30)


@shared_task(name="commands.schedule_inventory")
def schedule_inventory() -> None:
    """Ask the devices whose inventory is due."""
    schedule.schedule_inventory()

"""Work of the worker for what devices should have."""

from celery import shared_task

from profiles import desired, rollout


@shared_task(name="profiles.recompute")
def recompute() -> None:
    """Compute everything that is wanted anew: a sweep that finds nothing as long as every change was told."""
    desired.recompute_desired()


@shared_task(name="profiles.check_rollouts")
def check_rollouts() -> None:
    """Halt rollouts that fail, and go on with those whose stage is over."""
    rollout.check_rollouts()

"""Limits that hold from the first minute; docs/governor.md says why these numbers."""

from commands.meanings import Danger

# By one person, by everybody (devices an hour), and how many at once need a second person.
LIMITS = {
    Danger.ERASE: (10, 25, 5),
    Danger.LOCK: (20, 50, None),
    Danger.PASSCODE: (30, 100, None),
    Danger.UNENROLL: (10, 25, 5),
    Danger.NETWORK: (10, 25, None),
}


def ensure_limits(sender, using: str, **kwargs) -> None:
    """Make the limit of every danger that has none (signal post_migrate); what was changed stays as it is."""
    from django.db import connections

    from commands.governor.models import GovernorLimit

    if GovernorLimit._meta.db_table not in connections[using].introspection.table_names():
        return
    there = set(GovernorLimit.objects.using(using).filter(role=None).values_list("danger", flat=True))
    GovernorLimit.objects.using(using).bulk_create(
        GovernorLimit(danger=danger, per_person=per_person, in_all=in_all, second_person_above=second)
        for danger, (per_person, in_all, second) in LIMITS.items()
        if danger not in there
    )

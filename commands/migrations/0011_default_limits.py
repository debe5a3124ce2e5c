"""Limits that hold from the first minute: devices an hour, by one person and in all; see docs/governor.md."""

from django.db import migrations

# danger: by one person, in all, more at once need a second person
LIMITS = {
    "erase": (10, 25, 5),
    "lock": (20, 50, None),
    "passcode": (30, 100, None),
    "unenroll": (10, 25, 5),
    "network": (10, 25, None),
}


def make_limits(apps, schema_editor):
    limit = apps.get_model("commands", "GovernorLimit")
    for danger, (per_person, in_all, second) in LIMITS.items():
        limit.objects.get_or_create(
            danger=danger, role=None,
            defaults={"per_person": per_person, "in_all": in_all, "second_person_above": second},
        )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("commands", "0010_governor_and_workflows")]
    operations = [migrations.RunPython(make_limits, migrations.RunPython.noop)]

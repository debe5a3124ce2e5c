"""What was done in part has a state of its own; a repeated answer to it is repeated for the hot path too."""

from importlib import import_module

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

first = import_module("commands.migrations.0008_hot_path_functions")
own_bodies = import_module("commands.migrations.0009_own_bodies")

BEFORE = own_bodies.with_own_bodies(first.REPORT)
ANSWERED, WITH_PARTLY = "IN (3, 4)", "IN (3, 4, 8)"


def with_partly(sql):
    assert sql.count(ANSWERED) == 3
    return sql.replace(ANSWERED, WITH_PARTLY)


class Migration(migrations.Migration):
    dependencies = [("commands", "0015_item_standing")]
    operations = [
        migrations.AlterField(
            "queuedcommand",
            "state",
            models.PositiveSmallIntegerField(
                choices=[
                    (0, "Pending"), (1, "Sent"), (2, "Not now"), (3, "Acknowledged"), (4, "Failed"), (5, "Cancelled"),
                    (6, "Expired"), (7, "Quarantined"), (8, "Partly done"),
                ],
                default=0, db_default=0,
            ),
        ),
        migrations.RemoveConstraint("queuedcommand", "finished_in_final_states"),
        # Rows that are there keep the narrower rule of before, so they need not be looked at under a lock.
        AddConstraintNotValid(
            "queuedcommand",
            models.CheckConstraint(
                condition=models.Q(("finished_at", None), ("state__in", (0, 1, 2)))
                | models.Q(("finished_at__isnull", False), ("state__in", (3, 4, 5, 6, 7, 8))),
                name="finished_in_final_states",
            ),
        ),
        migrations.RunSQL([with_partly(BEFORE)], [BEFORE]),
    ]

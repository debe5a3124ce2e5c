"""A target may have a body of its own: the functions of the hot path prefer it to the command's."""

from importlib import import_module

from django.db import migrations, models

before = import_module("commands.migrations.0008_hot_path_functions")

LEASE = "WHERE q.id = queued AND q.finished_at IS NULL;"
OWN_LEASE = "WHERE q.id = queued AND q.finished_at IS NULL RETURNING q.body_encrypted INTO body;"
BODY = "SELECT c.uuid, c.body_encrypted INTO"
OWN_BODY = "SELECT c.uuid, coalesce(body, c.body_encrypted) INTO"


def with_own_bodies(sql):
    assert LEASE in sql and BODY in sql
    return as_before(sql.replace(LEASE, OWN_LEASE).replace(BODY, OWN_BODY))


def as_before(sql):
    return sql.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


class Migration(migrations.Migration):
    dependencies = [("commands", "0008_hot_path_functions")]
    operations = [
        migrations.AddField(
            "queuedcommand",
            "body_encrypted",
            models.BinaryField(
                null=True, editable=False, help_text="the plist as this target gets it, where it has keys of its own"
            ),
        ),
        migrations.AddField(
            "command",
            "refused",
            models.JSONField(
                default=list, db_default=[], editable=False, help_text="who could not take it: reason and device ids"
            ),
        ),
        migrations.AddField(
            "command",
            "is_destructive",
            models.BooleanField(default=False, db_default=False, help_text="the governor permitted it"),
        ),
        migrations.RunSQL(
            [with_own_bodies(before.IDLE), with_own_bodies(before.REPORT)],
            [as_before(before.IDLE), as_before(before.REPORT)],
        ),
    ]

"""Notes of staff about devices."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# What was written stays as it is: a note may be withdrawn, once, and lose the account of its author.
GUARD = """
CREATE FUNCTION devices_note_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - '{withdrawn_at,withdrawn_by,user_id}'::text[]
        = to_jsonb(OLD) - '{withdrawn_at,withdrawn_by,user_id}'::text[]
        AND (NEW.user_id IS NULL OR NEW.user_id IS NOT DISTINCT FROM OLD.user_id)
        AND (OLD.withdrawn_at IS NULL
            OR (NEW.withdrawn_at = OLD.withdrawn_at AND NEW.withdrawn_by = OLD.withdrawn_by)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a note is not changed once it is written' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER devices_note_written_once BEFORE UPDATE ON devices_note
    FOR EACH ROW EXECUTE FUNCTION devices_note_written_once();
"""
UNGUARD = """
DROP TRIGGER devices_note_written_once ON devices_note;
DROP FUNCTION devices_note_written_once();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0009_search"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Note",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.TextField()),
                (
                    "ticket",
                    models.CharField(blank=True, help_text="a number (INC-4711) or an https address", max_length=500),
                ),
                ("author", models.CharField(editable=False, max_length=200)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("withdrawn_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("withdrawn_by", models.CharField(blank=True, editable=False, max_length=200)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notes", to="devices.device"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["device", "-id"], name="note_of_device")],
            },
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]

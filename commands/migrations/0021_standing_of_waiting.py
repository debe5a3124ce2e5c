"""The view of where every profile stands says "pending" while nobody knows yet whether the device can use it.

The words are those of profiles.models.desired.WAITS; why it waits is the cause.
"""

from importlib import import_module

from django.db import migrations

before = import_module("commands.migrations.0020_standing_of_ended")

REFUSED = "CASE WHEN i.refusal <> '' THEN 'not_applicable'"
WAITING = """CASE WHEN starts_with(i.refusal, 'waits for the device to say ') THEN 'pending'
         WHEN i.refusal <> '' THEN 'not_applicable'"""
VIEW = before.VIEW.replace(REFUSED, WAITING)


class Migration(migrations.Migration):
    dependencies = [("commands", "0020_standing_of_ended"), ("profiles", "0009_assignment_sends_anyway")]

    operations = [migrations.RunSQL(VIEW, before.VIEW)]

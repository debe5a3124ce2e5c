"""Values of date attributes that PostgreSQL cannot read: rules convert them in SQL, and one of them broke a rule for all.

Offsets of 16 hours and more become UTC; week dates, which Python reads too, become days.
"""

from datetime import UTC, datetime

from django.db import migrations

PROBLEMATIC = r"[+-](1[6-9]|2[0-3]):?[0-5][0-9](:?[0-5][0-9])?$|W"


def mend(apps, _schema_editor):
    values = apps.get_model("devices", "AttributeValue").objects
    for value in values.filter(attribute__kind="date", value__regex=PROBLEMATIC).order_by("pk").iterator():
        try:
            moment = datetime.fromisoformat(value.value)
        except ValueError:
            continue
        is_day = len(value.value) == len("2026-W01-1") and moment.tzinfo is None
        value.value = moment.date().isoformat() if is_day else moment.astimezone(UTC).isoformat()
        value.save(update_fields=["value"])


class Migration(migrations.Migration):
    dependencies = [("devices", "0017_answer_misfits")]
    operations = [migrations.RunPython(mend, migrations.RunPython.noop)]

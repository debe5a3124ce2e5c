"""Memberships of devices that have said that they enrolled automatically become such; nothing else ever set the kind."""

from django.db import migrations

SAID = """
UPDATE devices_enrollment e SET kind = 'ade' FROM devices_device d
WHERE d.id = e.device_id AND e.is_current AND e.kind = 'device' AND (d.is_ade_enrolled OR d.is_awaiting_configuration)"""


class Migration(migrations.Migration):
    dependencies = [("devices", "0020_sim_numbers")]
    operations = [migrations.RunSQL(SAID, migrations.RunSQL.noop)]

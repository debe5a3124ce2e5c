"""Extensions of PostgreSQL that searches use, and storage settings of the narrow tables that are written often."""

from django.contrib.postgres.operations import TrigramExtension, UnaccentExtension
from django.db import migrations

# Room for updates on the same page: last-seen rows change often and no index covers what changes.
FILL_FACTORS = "ALTER TABLE devices_channelcontact SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05)"


class Migration(migrations.Migration):
    dependencies = [("devices", "0001_initial")]
    operations = [
        TrigramExtension(),
        UnaccentExtension(),
        migrations.RunSQL(FILL_FACTORS, migrations.RunSQL.noop),
    ]

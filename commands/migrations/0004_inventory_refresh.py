"""When each channel was last asked for its inventory."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commands", "0003_cheaper_indexes"), ("devices", "0003_answers_of_users")]
    operations = [
        migrations.CreateModel(
            name="InventoryRefresh",
            fields=[
                (
                    "channel",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="inventory_refresh",
                        serialize=False,
                        to="devices.channel",
                    ),
                ),
                ("asked_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
    ]

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("devices", "0019_same_serial")]
    operations = [
        migrations.AddField(
            model_name="device",
            name="sim_numbers",
            field=models.TextField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="ICCID, IMEI, MEID, EID and digits of the telephone number of every SIM, each between line ends",
            ),
        ),
        migrations.RunSQL(
            "CREATE INDEX device_sim_numbers ON devices_device USING gin (sim_numbers gin_trgm_ops)"
            " WHERE sim_numbers <> ''",
            "DROP INDEX device_sim_numbers",
        ),
    ]

"""Indexes of devices.search: trigrams over what people know of a device, and over the people who use one."""

from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations

COLUMNS = (
    "serial_number", "udid", "name", "imei", "meid", "phone_number", "asset_tag", "wifi_mac", "bluetooth_mac",
    "ethernet_mac",
)
DEVICE = " || ' ' || ".join(f"coalesce({name}, '')" for name in COLUMNS)
PERSON = "coalesce(name, '') || ' ' || coalesce(email, '')"


class Migration(migrations.Migration):
    dependencies = [("devices", "0008_secrets_of_commands")]
    operations = [
        TrigramExtension(),
        migrations.RunSQL(
            [
                f"CREATE INDEX device_search ON devices_device USING gin (lower({DEVICE}) gin_trgm_ops)",
                f"CREATE INDEX person_search ON devices_person USING gin (lower({PERSON}) gin_trgm_ops)",
            ],
            ["DROP INDEX device_search", "DROP INDEX person_search"],
        ),
    ]

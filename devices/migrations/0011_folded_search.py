"""What is searched is kept folded (devices.folding): accents, capitals, curly apostrophes and the like make no difference.

The rule is a function of PostgreSQL's own Unicode decomposition, so it is immutable in truth and needs no extension; the
columns are the database's alone, generated when what they are made of changes.
"""

from django.db import migrations

COLUMNS = (
    "serial_number",
    "udid",
    "name",
    "imei",
    "meid",
    "phone_number",
    "asset_tag",
    "wifi_mac",
    "bluetooth_mac",
    "ethernet_mac",
)
# As migration 0009 had them.
OLD_DEVICE = " || ' ' || ".join(f"coalesce({name}, '')" for name in COLUMNS)
OLD_PERSON = "coalesce(name, '') || ' ' || coalesce(email, '')"
FOLDED_TEXT = r"""
CREATE FUNCTION folded_text(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN
lower(regexp_replace(normalize(
    replace(replace(replace(replace(replace(replace(
        translate(value, '‘’ʼ′‐‑‒–—−øØłŁđĐıħĦ', '''''''''------oOlLdDihH'),
    'ß', 'ss'), 'ẞ', 'ss'), 'æ', 'ae'), 'Æ', 'ae'), 'œ', 'oe'), 'Œ', 'oe'),
NFKD), '[\u0300-\u036f]', '', 'g'))
"""


def _on(table: str, name: str, columns: tuple[str, ...]) -> list[str]:
    # Each value between newlines, which no search holds: so "is it", "begins with it" and "contains it" are all patterns.
    lines = " || E'\\n' || ".join(f"coalesce({column}, '')" for column in columns)
    document = f"folded_text(E'\\n' || {lines} || E'\\n')"
    return [
        f"DROP INDEX {name}",
        f"ALTER TABLE {table} ADD COLUMN search_text text GENERATED ALWAYS AS ({document}) STORED",
        f"CREATE INDEX {name} ON {table} USING gin (search_text gin_trgm_ops)",
        f"CREATE INDEX {name}_nearest ON {table} USING gist (search_text gist_trgm_ops(siglen=64))",
    ]


def _off(table: str, name: str, document: str) -> list[str]:
    return [
        f"ALTER TABLE {table} DROP COLUMN search_text",
        f"CREATE INDEX {name} ON {table} USING gin (lower({document}) gin_trgm_ops)",
    ]


class Migration(migrations.Migration):
    dependencies = [("devices", "0010_notes")]
    operations = [
        migrations.RunSQL([FOLDED_TEXT], ["DROP FUNCTION folded_text(text)"]),
        migrations.RunSQL(
            _on("devices_device", "device_search", COLUMNS), _off("devices_device", "device_search", OLD_DEVICE)
        ),
        migrations.RunSQL(
            _on("devices_person", "person_search", ("name", "email")),
            _off("devices_person", "person_search", OLD_PERSON),
        ),
    ]

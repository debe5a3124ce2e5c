from django.db import migrations, models

from mdm_project.crypto import seal_body, unseal

BATCH = 2000


def encrypt(apps, schema_editor):
    """Encrypt the digests that there are, so that nothing is sent again for it."""
    model, last = apps.get_model("profiles", "ItemStatus"), 0
    rows = model.objects.exclude(rendered_digest=None).exclude(version=None).order_by("id")
    while batch := list(rows.filter(id__gt=last)[:BATCH]):
        for row in batch:
            row.rendered_digest_encrypted = seal_body(bytes(row.rendered_digest), _context(row))
        model.objects.bulk_update(batch, ["rendered_digest_encrypted"])
        last = batch[-1].pk


def decrypt(apps, schema_editor):
    model, last = apps.get_model("profiles", "ItemStatus"), 0
    rows = model.objects.exclude(rendered_digest_encrypted=None).exclude(version=None).order_by("id")
    while batch := list(rows.filter(id__gt=last)[:BATCH]):
        for row in batch:
            row.rendered_digest = unseal(row.rendered_digest_encrypted, _context(row))
        model.objects.bulk_update(batch, ["rendered_digest"])
        last = batch[-1].pk


def _context(row) -> str:
    return f"rendered-digest:{row.version_id}"


class Migration(migrations.Migration):
    dependencies = [
        ("profiles", "0005_rendered_digest"),
    ]

    operations = [
        migrations.AddField(
            model_name="itemstatus",
            name="rendered_digest_encrypted",
            field=models.BinaryField(help_text="SHA-256 of what was sent, where it has variables", null=True),
        ),
        migrations.RunPython(encrypt, decrypt),
        migrations.RemoveField(model_name="itemstatus", name="rendered_digest"),
    ]

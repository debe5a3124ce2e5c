"""Of every item: whether it is held, whether the device may have it, and when it removes itself."""

from django.db import migrations, models


def _flag(default: bool, help_text: str) -> models.BooleanField:
    return models.BooleanField(db_default=default, default=False, help_text=help_text)


DELIVERED = "the device acknowledged it once, or never answered a delivery"


class Migration(migrations.Migration):
    dependencies = [("profiles", "0007_desired_item_refusal")]

    operations = [
        migrations.AddField("itemstatus", "is_held", _flag(False, "the governor lets it go later")),
        migrations.AddField(
            "itemstatus", "is_ended", _flag(False, "removed by its own rule: not installed again in this version")
        ),
        # What was sent before may be there.
        migrations.AddField("itemstatus", "may_be_installed", _flag(True, DELIVERED)),
        migrations.AlterField("itemstatus", "may_be_installed", _flag(False, DELIVERED)),
        migrations.AddField(
            "itemstatus", "ends_at", models.DateTimeField(help_text="when the device removes it by itself", null=True)
        ),
        migrations.AddField(
            "itemstatus",
            "ends_after_s",
            models.FloatField(help_text="seconds from its installation until it removes itself", null=True),
        ),
        # The words by which the governor held a removal until now.
        migrations.RunSQL(
            "UPDATE profiles_itemstatus SET is_held = true WHERE state = 5 AND command_id IS NULL AND NOT is_stopped "
            "AND attempts = 0 AND next_attempt_at IS NOT NULL",
            migrations.RunSQL.noop,
        ),
    ]

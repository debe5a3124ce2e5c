"""A command keeps the name of the saved search it was meant for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("commands", "0011_limits_of_roles")]
    operations = [
        migrations.AddField(
            model_name="command",
            name="meant_for",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="what the devices were found by when it was asked, as text: a saved search",
                max_length=200,
            ),
        ),
    ]

"""A role that has limits is not deleted with them, and the removal of a limit may wait like other changes."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("commands", "0010_governor_and_workflows"),
    ]

    operations = [
        migrations.AddField(
            "limitchange", "removes", models.BooleanField(default=False, help_text="the limit of a role goes")
        ),
        migrations.AlterField(
            "governorlimit",
            "role",
            models.ForeignKey(
                blank=True,
                help_text="empty: everybody; the highest limit of somebody's roles counts",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="auth.group",
            ),
        ),
    ]

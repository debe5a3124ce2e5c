"""Workflows that were started together on many devices."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("commands", "0012_meant_for"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="WorkflowBatch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(help_text="name of its definition", max_length=40)),
                ("parameters_encrypted", models.BinaryField(help_text="what was entered, as JSON")),
                ("origin", models.CharField(max_length=10)),
                ("actor", models.CharField(help_text="who started it, as text", max_length=200)),
                ("reason", models.TextField(blank=True)),
                ("device_count", models.PositiveIntegerField(default=0)),
                ("left_out", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "workflow on many devices",
                "verbose_name_plural": "workflows on many devices",
                "default_permissions": (),
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="workflow",
            name="batch",
            field=models.ForeignKey(
                blank=True,
                help_text="of those started together on many devices",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="workflows",
                to="commands.workflowbatch",
            ),
        ),
    ]

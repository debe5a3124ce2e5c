"""A held action names the workflow that asked for it."""

import django.db.models.deletion
from django.db import migrations, models

# What is held at this moment is known to its workflow alone.
FILL = """
UPDATE commands_heldaction held SET workflow_id = workflow.id FROM commands_workflow workflow
WHERE held.finished_at IS NULL AND workflow.state = 'running' AND (workflow.memory ->> 'held_action')::bigint = held.id
"""


class Migration(migrations.Migration):
    dependencies = [("commands", "0013_workflow_batches")]

    operations = [
        migrations.AddField(
            model_name="heldaction",
            name="workflow",
            field=models.ForeignKey(
                blank=True,
                help_text="that asked for it, on its one device",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="held_actions",
                to="commands.workflow",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]

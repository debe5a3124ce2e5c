"""The view of how far every channel is with every profile; commands.standing says what it means.

Two halves, so that conditions on its columns reach the indexes of the tables: what is wanted, and what no longer is.
States of an item: 0 pending, 1 sent, 2 acknowledged, 3 verified, 4 failed, 5 removing, 6 removed; of a command that
waits in the queue: 0 pending, 2 not now. Channels of state 2 are disabled.
"""

import django.db.models.deletion
from django.db import migrations, models

ENROLLED = """JOIN devices_channel c ON c.id = i.channel_id AND c.state <> 2
    JOIN devices_enrollment e ON e.id = c.enrollment_id AND e.is_current AND e.state = 'enrolled'"""

IS_NEW = "(s.id IS NULL OR s.version_id IS DISTINCT FROM i.version_id OR s.state = 5 OR s.state = 6 AND NOT s.is_ended)"
IS_KEPT_BACK = "(a.rollout_state = 'halted' AND i.version_id = a.rollout_version_id)"

VIEW = f"""
CREATE VIEW commands_itemstanding AS
SELECT i.id, c.device_id, i.channel_id, i.identifier, i.profile_id, i.version_id, s.version_id AS sent_version_id,
    i.assignment_id, i.id AS wanted_id, s.id AS status_id,
    CASE WHEN i.refusal <> '' THEN 'not_applicable'
         WHEN {IS_NEW} THEN CASE WHEN {IS_KEPT_BACK} THEN 'held' ELSE 'pending' END
         WHEN s.state = 1 THEN CASE WHEN q.state IN (0, 2) THEN 'pending' ELSE 'sent' END
         ELSE (ARRAY['pending', '', 'acknowledged', 'verified', 'failed', '', 'removed'])[s.state + 1] END AS word,
    CASE WHEN i.refusal <> '' THEN NULL
         WHEN {IS_NEW} THEN CASE WHEN {IS_KEPT_BACK} THEN a.stage_started_at END
         WHEN s.state = 1 THEN CASE q.state WHEN 0 THEN q.queued_at WHEN 2 THEN q.not_now_at ELSE q.sent_at END
         ELSE s.updated_at END AS since,
    CASE WHEN i.refusal <> '' THEN i.refusal
         WHEN {IS_NEW} THEN CASE WHEN {IS_KEPT_BACK} THEN 'the rollout is halted: ' || a.halt_reason ELSE '' END
         ELSE s.error END AS cause
FROM profiles_desireditem i {ENROLLED}
JOIN profiles_assignment a ON a.id = i.assignment_id
LEFT JOIN profiles_itemstatus s ON s.channel_id = i.channel_id AND s.identifier = i.identifier
LEFT JOIN commands_queuedcommand q ON q.id = s.command_id AND s.state = 1
UNION ALL
SELECT -i.id, c.device_id, i.channel_id, i.identifier, i.profile_id, i.version_id, i.version_id,
    NULL, NULL, i.id,
    CASE WHEN i.state = 6 THEN 'removed'
         WHEN i.state = 5 AND i.is_stopped THEN 'failed'
         WHEN i.state = 5 AND i.is_held THEN 'held'
         ELSE 'removing' END,
    CASE WHEN i.state IN (5, 6) THEN i.updated_at END,
    CASE WHEN i.state IN (5, 6) THEN i.error ELSE '' END
FROM profiles_itemstatus i {ENROLLED}
WHERE NOT EXISTS (SELECT FROM profiles_desireditem d
                  WHERE d.channel_id = i.channel_id AND d.identifier = i.identifier)"""


def _to(model, related_name="+", *, null=True):
    return models.ForeignKey(
        db_constraint=False,
        null=null,
        on_delete=django.db.models.deletion.DO_NOTHING,
        related_name=related_name,
        to=model,
    )


WORDS = [
    ("pending", "Pending"),
    ("sent", "Sent"),
    ("acknowledged", "Acknowledged"),
    ("verified", "Verified"),
    ("failed", "Failed"),
    ("held", "Held"),
    ("removing", "Removing"),
    ("removed", "Removed"),
    ("not_applicable", "Not for this device"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("commands", "0014_held_of_workflow"),
        ("devices", "0014_secret_attributes"),
        ("profiles", "0008_life_of_items"),
    ]

    operations = [
        migrations.RunSQL(VIEW, "DROP VIEW commands_itemstanding"),
        migrations.CreateModel(
            name="ItemStanding",
            fields=[
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("identifier", models.TextField()),
                ("word", models.CharField(choices=WORDS, max_length=20)),
                ("since", models.DateTimeField(null=True)),
                ("cause", models.TextField()),
                ("device", _to("devices.device", "item_standings", null=False)),
                ("channel", _to("devices.channel", "item_standings", null=False)),
                ("profile", _to("profiles.profile", "item_standings")),
                ("version", _to("profiles.profileversion")),
                ("sent_version", _to("profiles.profileversion")),
                ("assignment", _to("profiles.assignment", "item_standings")),
                ("wanted", _to("profiles.desireditem")),
                ("status", _to("profiles.itemstatus")),
            ],
            options={
                "db_table": "commands_itemstanding",
                "ordering": ["id"],
                "default_permissions": (),
                "managed": False,
            },
        ),
    ]

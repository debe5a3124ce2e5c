"""The view of where every profile stands says of one that removed itself by its own rule that it is removed.

The numbers are explained in 0015_item_standing. Before this, such a profile counted as removed only where the device had
removed it already; now also while an earlier version of it is being taken away.
"""

from importlib import import_module

from django.db import migrations

before = import_module("commands.migrations.0015_item_standing")

ENROLLED = """JOIN devices_channel c ON c.id = i.channel_id AND c.state <> 2
    JOIN devices_enrollment e ON e.id = c.enrollment_id AND e.is_current AND e.state = 'enrolled'"""

# Its own rule removed this very version, or would: it is not wanted until there is another one.
IS_OVER = "coalesce(s.is_ended AND s.version_id = i.version_id, false)"
GOING = """CASE WHEN {item}.state = 6 THEN 'removed'
         WHEN {item}.state = 5 AND {item}.is_stopped THEN 'failed'
         WHEN {item}.state = 5 AND {item}.is_held THEN 'held'
         ELSE 'removing' END"""
IS_NEW = "(s.id IS NULL OR s.version_id IS DISTINCT FROM i.version_id OR s.state = 5 OR s.state = 6)"
IS_KEPT_BACK = "(a.rollout_state = 'halted' AND i.version_id = a.rollout_version_id)"

VIEW = f"""
CREATE OR REPLACE VIEW commands_itemstanding AS
SELECT i.id, c.device_id, i.channel_id, i.identifier, i.profile_id, i.version_id, s.version_id AS sent_version_id,
    i.assignment_id, i.id AS wanted_id, s.id AS status_id,
    CASE WHEN i.refusal <> '' THEN 'not_applicable'
         WHEN {IS_OVER} THEN {GOING.format(item="s")}
         WHEN {IS_NEW} THEN CASE WHEN {IS_KEPT_BACK} THEN 'held' ELSE 'pending' END
         WHEN s.state = 1 THEN CASE WHEN q.state IN (0, 2) THEN 'pending' ELSE 'sent' END
         ELSE (ARRAY['pending', '', 'acknowledged', 'verified', 'failed'])[s.state + 1] END AS word,
    CASE WHEN i.refusal <> '' THEN NULL
         WHEN {IS_OVER} THEN s.updated_at
         WHEN {IS_NEW} THEN CASE WHEN {IS_KEPT_BACK} THEN a.stage_started_at END
         WHEN s.state = 1 THEN CASE q.state WHEN 0 THEN q.queued_at WHEN 2 THEN q.not_now_at ELSE q.sent_at END
         ELSE s.updated_at END AS since,
    CASE WHEN i.refusal <> '' THEN i.refusal
         WHEN {IS_OVER} THEN s.error
         WHEN {IS_NEW} THEN CASE WHEN {IS_KEPT_BACK} THEN 'the rollout is halted: ' || a.halt_reason ELSE '' END
         ELSE s.error END AS cause
FROM profiles_desireditem i {ENROLLED}
JOIN profiles_assignment a ON a.id = i.assignment_id
LEFT JOIN profiles_itemstatus s ON s.channel_id = i.channel_id AND s.identifier = i.identifier
LEFT JOIN commands_queuedcommand q ON q.id = s.command_id AND s.state = 1
UNION ALL
SELECT -i.id, c.device_id, i.channel_id, i.identifier, i.profile_id, i.version_id, i.version_id,
    NULL, NULL, i.id,
    {GOING.format(item="i")},
    CASE WHEN i.state IN (5, 6) THEN i.updated_at END,
    CASE WHEN i.state IN (5, 6) THEN i.error ELSE '' END
FROM profiles_itemstatus i {ENROLLED}
WHERE NOT EXISTS (SELECT FROM profiles_desireditem d
                  WHERE d.channel_id = i.channel_id AND d.identifier = i.identifier)"""


class Migration(migrations.Migration):
    dependencies = [("commands", "0019_waits_for_person"), ("profiles", "0008_life_of_items")]

    operations = [migrations.RunSQL(VIEW, before.VIEW.replace("CREATE VIEW", "CREATE OR REPLACE VIEW"))]

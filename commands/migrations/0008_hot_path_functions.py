"""The functions behind the command endpoint; commands.hot_path says what they do and why they are functions.

To change one, add a migration that replaces it.
"""

from django.db import migrations

# Both return one row (state of the channel, whether push was given up, channel, queue row leased, CommandUUID, body), or
# none when the certificate is not pinned to the channel.
RESULT = """
    OUT channel_state smallint, OUT is_push_gone boolean, OUT channel bigint,
    OUT queued bigint, OUT command_uuid text, OUT body bytea"""

FIND_CHANNEL = """
    SELECT c.state, c.push_gone_at IS NOT NULL, c.id INTO channel_state, is_push_gone, channel
    FROM devices_identity i
    JOIN devices_channel c ON c.enrollment_key = i.enrollment_key AND c.user_key = for_user
    WHERE i.fingerprint = certificate AND i.enrollment_key = for_enrollment AND i.is_active;
    IF NOT FOUND THEN
        RETURN;
    END IF;"""

LEASE = """
    IF queued IS NOT NULL THEN
        UPDATE commands_queuedcommand q
        SET state = 1, deliveries = least(q.deliveries + 1, 32767), sent_at = now()
        WHERE q.id = queued AND q.finished_at IS NULL;
        IF FOUND THEN
            SELECT c.uuid, c.body_encrypted INTO command_uuid, body FROM commands_command c WHERE c.id = its_command;
        ELSE
            queued := NULL;  -- it was cancelled this very moment
        END IF;
    END IF;
    RETURN NEXT;"""

IDLE = f"""
CREATE FUNCTION espalier_idle(for_enrollment text, for_user text, certificate bytea, offers_not_now boolean, {RESULT})
RETURNS SETOF record LANGUAGE plpgsql AS $function$
DECLARE
    its_command bigint;
    seen timestamptz;
BEGIN
    {FIND_CHANNEL}
    -- Nothing that is written here must outlive a crash: a contact is noted again, a lease only means that the command
    -- may be offered once more. So this transaction does not wait for the disk; that of a report does.
    PERFORM set_config('synchronous_commit', 'off', true);
    SELECT t.seen_at INTO seen FROM devices_channelcontact t WHERE t.channel_id = channel;
    IF seen IS NULL OR seen < now() - interval '5 minutes' THEN
        INSERT INTO devices_channelcontact (channel_id, seen_at) VALUES (channel, now())
        ON CONFLICT (channel_id) DO UPDATE SET seen_at = excluded.seen_at;
    END IF;
    IF channel_state = 1 THEN
        SELECT q.id, q.command_id INTO queued, its_command FROM commands_queuedcommand q
        WHERE q.channel_id = channel AND q.finished_at IS NULL AND (offers_not_now OR q.state <> 2)
          AND (q.expires_at IS NULL OR q.expires_at > now())
        ORDER BY q.priority DESC, q.id LIMIT 1;
        IF queued IS NOT NULL AND offers_not_now THEN
            UPDATE commands_queuedcommand q SET state = 0
            WHERE q.channel_id = channel AND q.finished_at IS NULL AND q.state = 2 AND q.id <> queued;
        END IF;
    END IF;
    {LEASE}
END $function$"""

REPORT = f"""
CREATE FUNCTION espalier_report(for_enrollment text, for_user text, certificate bytea, answers text,
    becomes smallint, status_word text, report bytea, is_repaired boolean, {RESULT})
RETURNS SETOF record LANGUAGE plpgsql AS $function$
DECLARE
    its_command bigint;
    answered bigint;
    was smallint;
BEGIN
    {FIND_CHANNEL}
    SELECT q.id, q.state INTO answered, was FROM commands_queuedcommand q
    WHERE q.channel_id = channel AND q.command_id = (SELECT c.id FROM commands_command c WHERE c.uuid = answers);
    IF becomes = 2 AND was IN (0, 1, 2) THEN
        UPDATE commands_queuedcommand q
        SET state = 2, not_nows = least(q.not_nows + 1, 32767), not_now_at = coalesce(q.not_now_at, now())
        WHERE q.id = answered AND q.finished_at IS NULL;
    ELSE
        IF becomes <> 2 AND was NOT IN (3, 4) THEN
            UPDATE commands_queuedcommand q
            SET state = becomes, finished_at = now(),
                note = CASE q.state WHEN 5 THEN 'answered after it was cancelled'
                                    WHEN 6 THEN 'answered after it had expired' ELSE q.note END
            WHERE q.id = answered AND q.state NOT IN (3, 4);
        END IF;
        INSERT INTO commands_report
            (channel_id, queued_id, command_uuid, status, disposition, body_encrypted, was_repaired)
        VALUES (channel, answered, answers, status_word,
                CASE WHEN answered IS NULL THEN 3 WHEN was IN (5, 6) THEN 2 WHEN was IN (3, 4) THEN 1 ELSE 0 END,
                report, is_repaired);
    END IF;
    IF channel_state = 1 THEN
        SELECT q.id, q.command_id INTO queued, its_command FROM commands_queuedcommand q
        WHERE q.channel_id = channel AND q.finished_at IS NULL AND q.state <> 2
          AND (q.expires_at IS NULL OR q.expires_at > now())
        ORDER BY q.priority DESC, q.id LIMIT 1;
    END IF;
    {LEASE}
END $function$"""

DROP = "DROP FUNCTION IF EXISTS espalier_idle; DROP FUNCTION IF EXISTS espalier_report"


class Migration(migrations.Migration):
    dependencies = [("commands", "0007_failures_at_hand"), ("devices", "0004_profile_signer")]
    operations = [migrations.RunSQL([IDLE, REPORT], DROP)]

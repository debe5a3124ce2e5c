"""The SQL behind waking: requests, claims, outcomes and sweeps, each one statement for any number of channels.

Times are `clock_timestamp()`, not `now()`: a request made in a long transaction must be newer than a claim that came
before it, or it would be taken for answered.

Plans: waiting wishes are found by the partial index push_requested (oldest first, so that none starves), their
channels by primary key; outcomes by primary key. Rows that cannot be pushed never stay in that index: they are not
let in by REQUEST, leave it with their outcome, and CLEAR_HOPELESS removes what became hopeless in between.
"""

# APNs refused this very token; a new TokenUpdate brings another.
_TOKEN_REFUSED = """(s.status = 400 AND s.reason IN ('BadDeviceToken', 'DeviceTokenNotForTopic')
    AND c.token_updated_at <= s.attempted_at)"""

_HOPELESS = f"(c.state = 2 OR c.push_gone_at IS NOT NULL OR coalesce({_TOKEN_REFUSED}, false))"

# {channels}: SELECT of channel ids. One row a channel: many commands are one wish. A channel that is still enrolling
# keeps its wish until its token comes.
REQUEST = f"""
INSERT INTO apns_pushstate (channel_id, requested_at, reason, apns_id, failures, wakes)
SELECT c.id, clock_timestamp(), '', '', 0, 0
FROM ({{channels}}) AS target JOIN devices_channel c ON c.id = target.id
LEFT JOIN apns_pushstate s ON s.channel_id = c.id
WHERE NOT {_HOPELESS}
ORDER BY c.id
ON CONFLICT (channel_id) DO UPDATE SET requested_at = clock_timestamp()"""

CLAIM = f"""
WITH due AS (
    SELECT s.channel_id FROM apns_pushstate s JOIN devices_channel c ON c.id = s.channel_id
    WHERE s.requested_at IS NOT NULL
      AND (s.claimed_at IS NULL OR s.claimed_at < clock_timestamp() - interval '2 minutes')
      AND (s.next_attempt_at IS NULL OR s.next_attempt_at <= clock_timestamp())
      AND c.topic = %(topic)s AND c.state = 1 AND c.token IS NOT NULL AND c.push_magic <> '' AND NOT {_HOPELESS}
    ORDER BY s.requested_at, s.channel_id LIMIT %(limit)s
    FOR UPDATE OF s SKIP LOCKED
)
UPDATE apns_pushstate s SET claimed_at = (SELECT clock_timestamp())
FROM due JOIN devices_channel c ON c.id = due.channel_id
WHERE s.channel_id = due.channel_id
RETURNING s.channel_id, c.token, c.push_magic, s.claimed_at"""

# A wish stays when it was made again after the claim, when trying again helps, or when the token it failed with has
# been replaced since.
RECORD = """
WITH ours AS (
    -- Locked in one order, as REQUEST locks them: two sets never wait for each other.
    SELECT channel_id FROM apns_pushstate
    WHERE channel_id = ANY (%(channel_ids)s::bigint[]) AND claimed_at = %(claimed_at)s
    ORDER BY channel_id FOR UPDATE
)
UPDATE apns_pushstate s SET
    claimed_at = NULL,
    attempted_at = s.claimed_at,
    accepted_at = CASE WHEN v.status = 200 THEN s.claimed_at ELSE s.accepted_at END,
    status = v.status, reason = v.reason, apns_id = v.apns_id,
    failures = CASE WHEN v.status = 200 THEN 0 ELSE least(s.failures + 1, 32767) END,
    next_attempt_at = CASE WHEN v.backoff_s IS NOT NULL THEN clock_timestamp() + interval '1 second'
        * least(v.backoff_s * 2 ^ least(s.failures, 20), v.backoff_max_s) * (0.5 + random() / 2) END,
    requested_at = CASE
        WHEN s.requested_at > s.claimed_at OR v.is_still_wanted
             OR (v.status IS DISTINCT FROM 200 AND c.token_updated_at > s.claimed_at)
        THEN s.requested_at END
FROM unnest(%(channel_ids)s::bigint[], %(statuses)s::smallint[], %(reasons)s::text[], %(apns_ids)s::text[],
            %(backoffs_s)s::float8[], %(backoffs_max_s)s::float8[], %(are_still_wanted)s::boolean[])
     AS v(channel_id, status, reason, apns_id, backoff_s, backoff_max_s, is_still_wanted)
JOIN ours ON ours.channel_id = v.channel_id
JOIN devices_channel c ON c.id = v.channel_id
WHERE s.channel_id = v.channel_id"""

# Only the token that was pushed to is dead, and only when APNs learned it after the device last confirmed it.
MARK_GONE = """
UPDATE devices_channel c SET push_gone_at = coalesce(v.gone_at, clock_timestamp())
FROM unnest(%(channel_ids)s::bigint[], %(tokens)s::bytea[], %(gone_at)s::timestamptz[]) AS v(id, token, gone_at)
WHERE c.id = v.id AND c.token = v.token AND c.push_gone_at IS NULL
  AND coalesce(c.token_updated_at, '-infinity') < coalesce(v.gone_at, %(claimed_at)s)
RETURNING c.id, c.device_id, c.user_key <> ''"""

CLEAR_HOPELESS = f"""
UPDATE apns_pushstate s SET requested_at = NULL, claimed_at = NULL
FROM devices_channel c
WHERE c.id = s.channel_id AND s.requested_at IS NOT NULL AND {_HOPELESS}"""

# {waiting}: SELECT channel_id, first_queued_at of channels that have something to fetch. The pause counts from the
# last push, contact or command: an hour, then, as long as the device stays silent, six hours.
SWEEP = f"""
INSERT INTO apns_pushstate (channel_id, requested_at, reason, apns_id, failures, wakes)
SELECT id, clock_timestamp(), '', '', 0, wakes FROM (
    SELECT c.id,
        CASE WHEN t.seen_at > s.accepted_at THEN 1 ELSE least(coalesce(s.wakes, 0) + 1, 32767) END AS wakes,
        CASE WHEN t.seen_at > s.accepted_at OR coalesce(s.wakes, 0) = 0
             THEN %s ELSE %s END * interval '1 second' AS pause,
        greatest(w.first_queued_at, t.seen_at, s.attempted_at, s.accepted_at) AS since
    FROM ({{waiting}}) AS w JOIN devices_channel c ON c.id = w.channel_id
    LEFT JOIN apns_pushstate s ON s.channel_id = c.id
    LEFT JOIN devices_channelcontact t ON t.channel_id = c.id
    WHERE s.requested_at IS NULL AND c.state = 1 AND c.token IS NOT NULL AND NOT {_HOPELESS}
) AS silent
WHERE since < clock_timestamp() - pause
ORDER BY since, id LIMIT %s
ON CONFLICT (channel_id) DO UPDATE SET requested_at = clock_timestamp(), wakes = excluded.wakes
WHERE apns_pushstate.requested_at IS NULL"""

"""Whether the process is up (/healthz), and whether it can serve (/readyz, which names what fails).

A part that others depend on, Redis or a worker, is named without failing: web processes serve without.
"""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse
from psycopg_pool import PoolTimeout

from mdm_project.heartbeat import silences

REDIS_TIMEOUT_S = 1


def healthz(request):
    return JsonResponse({"status": "ok"})


def readyz(request):
    """Answer 503 only for what keeps this process from serving devices and people; the rest is named as degraded.

    Without Redis, workers or scheduler web processes still serve: to take them all out of a balancer makes it worse.
    """
    problem = _database_problem()
    if problem:
        return JsonResponse({"status": "not ready", "problems": {"database": problem}, "degraded": {}}, status=503)
    degraded = _degraded()
    return JsonResponse({"status": "degraded" if degraded else "ok", "problems": {}, "degraded": degraded})


def _degraded() -> dict[str, str]:
    problem = _redis_problem()
    degraded = {"redis": problem} if problem else {}
    for silence in silences():
        told = degraded.get(silence.part.value)
        degraded[silence.part.value] = f"{told}; {silence.words}" if told else silence.words
    return degraded


def _database_problem() -> str | None:
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (DatabaseError, PoolTimeout) as error:
        return f"cannot be reached: {type(error).__name__}"
    if waiting:
        return f"{len(waiting)} migrations are not applied, first {waiting[0][0]}"
    return None


def _redis_problem() -> str | None:
    try:
        client = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
        )
        with client:
            client.ping()
    except redis.RedisError as error:
        return f"cannot be reached: {type(error).__name__}"
    return None

"""Whether the process is up (/healthz) and whether it can do its work (/readyz, which names what fails)."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse
from psycopg_pool import PoolTimeout

REDIS_TIMEOUT_S = 1


def healthz(request):
    return JsonResponse({"status": "ok"})


def readyz(request):
    problems = {}
    for name, check in (("database", _database_problem), ("redis", _redis_problem)):
        problem = check()
        if problem:
            problems[name] = problem
    body = {"status": "not ready" if problems else "ok", "problems": problems}
    return JsonResponse(body, status=503 if problems else 200)


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

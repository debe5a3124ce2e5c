"""The environment of a test run: its workers do not get into each other's way."""

import os

from django.conf import settings
from django.db import connection


def test_each_worker_has_databases_and_a_port_of_its_own(committed_db):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    number = int(worker.removeprefix("gw") or 0) + 1

    assert os.environ["DJANGO_SETTINGS_MODULE"] == "tests.settings"
    assert settings.REDIS_URL.endswith(f"/{number}")
    assert connection.settings_dict["NAME"] == "_".join(filter(None, ["test_espalier", worker]))
    assert settings.PUBLIC_URL == f"http://127.0.0.1:{settings.PORT}"

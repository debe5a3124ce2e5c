"""The environment of a test run: its workers do not get into each other's way."""

import os

from django.conf import settings
from django.contrib.auth.models import Group as Role
from django.db import connection

from commands.governor.models import GovernorLimit
from tests import servers


def test_each_worker_has_databases_and_a_port_of_its_own(committed_db):
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    number = int(worker.removeprefix("gw") or 0) + 1

    assert os.environ["DJANGO_SETTINGS_MODULE"] == "tests.settings"
    assert settings.REDIS_URL.endswith(f"/{number}")
    assert connection.settings_dict["NAME"] == "_".join(filter(None, ["test_espalier", worker]))
    assert settings.PUBLIC_URL == f"http://127.0.0.1:{settings.PORT}"


def test_what_a_committed_test_changed_of_what_migrations_made_is_undone(_kept_tables, django_db_blocker):
    with django_db_blocker.unblock():
        before = list(GovernorLimit.objects.order_by("id").values())
        GovernorLimit.objects.filter(danger="erase").update(second_person_above=0)
        GovernorLimit.objects.filter(danger="lock").delete()
        Role.objects.create(name="Left behind")
        servers.restore(_kept_tables)
        assert list(GovernorLimit.objects.order_by("id").values()) == before
        assert not Role.objects.filter(name="Left behind").exists()

"""Fixtures of all tests; the servers behind them are in tests/environment.py and tests/servers.py."""

import pytest
from django.test.utils import setup_databases, teardown_databases

from commands.hot_path import CONNECTIONS

pytest_plugins = ["tests.servers"]


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, django_db_modify_db_settings):
    """Make the test database whatever tests were chosen (pytest-django's own asks for tests marked `django_db`)."""
    with django_db_blocker.unblock():
        config = setup_databases(verbosity=0, interactive=False, aliases={"default"})
    yield
    CONNECTIONS.close_idle()
    with django_db_blocker.unblock():
        teardown_databases(config, verbosity=0)

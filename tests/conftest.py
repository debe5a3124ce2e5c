"""Fixtures of all tests; the servers behind them are in tests/environment.py and tests/servers.py."""

from pathlib import Path

import pytest
from django.test.utils import setup_databases, teardown_databases

from commands.hot_path import CONNECTIONS

pytest_plugins = ["tests.servers"]

TESTS = Path(__file__).parent
LONG = ("bench", "browser", "stories")


def pytest_collection_modifyitems(items):
    """Let the files that take minutes go first, so that no worker is left alone with one at the end.

    A worker takes file after file in this order (--dist loadfile, --no-loadscope-reorder); within a file nothing moves.
    """
    items.sort(key=lambda item: not _is_long(item.path.relative_to(TESTS)))


def _is_long(path: Path) -> bool:
    """Say whether a file is one of processes, browsers or whole tables: those are in LONG, or in no folder."""
    return path.parts[0] in LONG or len(path.parts) == 1


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker, django_db_modify_db_settings):
    """Make the test database whatever tests were chosen (pytest-django's own asks for tests marked `django_db`)."""
    with django_db_blocker.unblock():
        config = setup_databases(verbosity=0, interactive=False, aliases={"default"})
    yield
    CONNECTIONS.close_idle()
    with django_db_blocker.unblock():
        teardown_databases(config, verbosity=0)

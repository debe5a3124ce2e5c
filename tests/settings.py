"""Settings of a test run: the project's own, read after the environment has been set for tests."""

from tests import environment

environment.prepare()

from mdm_project.settings import *  # noqa: E402, F403

APPROVER_AGE_HOURS = 0
PASSWORD_HASHERS = ["tests.hashing.QuickPasswordHasher"]

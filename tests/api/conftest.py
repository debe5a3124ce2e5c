"""Fixtures of the API's tests."""

import pytest

from tests.api.client import Caller


@pytest.fixture
def caller(db) -> Caller:
    """Somebody who may do everything."""
    return Caller()

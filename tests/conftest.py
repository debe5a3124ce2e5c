"""Fixtures of all tests; the servers behind them are in tests/environment.py and tests/servers.py."""

pytest_plugins = ["tests.servers"]

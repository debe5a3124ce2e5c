"""Where the captured messages are that this project is tried against but does not carry.

They lie beside a checkout in ../shared/fixtures; a test that needs them skips, saying so, where they are absent.
"""

from pathlib import Path

import pytest

CAPTURES = Path(__file__).resolve().parents[2] / "shared" / "fixtures"
APPLE_SCHEMA = CAPTURES.with_name("apple-schema")


def capture(name: str) -> bytes:
    """Return the bytes of one captured file, or skip the running test."""
    path = CAPTURES / name
    if not path.is_file():
        pytest.skip(f"captured message not here: {path}")
    return path.read_bytes()


def captures(folder: str, pattern: str = "*") -> list:
    """Return one parameter per captured file of a folder, for parametrize: its path below the captures.

    Without the captures there is one parameter that is marked as skipped, so that the absence is seen.
    """
    paths = sorted(path for path in (CAPTURES / folder).glob(pattern) if path.is_file())
    if not paths:
        missing = pytest.mark.skip(reason=f"captured messages not here: {CAPTURES / folder}")
        return [pytest.param(f"{folder}/{pattern}", marks=missing)]
    return [pytest.param(path.relative_to(CAPTURES).as_posix(), id=path.name) for path in paths]


def apple_schema() -> Path:
    """Return the folder of a checkout of Apple's schema, or skip the running test."""
    if not (APPLE_SCHEMA / "mdm").is_dir():
        pytest.skip(f"no checkout of Apple's schema here: {APPLE_SCHEMA}")
    return APPLE_SCHEMA

"""What is written in one place only: advisory locks, and what can be the id of a row."""

import re
from pathlib import Path

import pytest
from django.db import transaction

from mdm_project.locks import Lock, take, take_shared, try_to_take, try_to_take_text
from mdm_project.row_ids import is_row_id, row_id_of, row_ids_of

PROJECT = Path(__file__).resolve().parents[2]
APPS = ("apns", "commands", "devices", "enrollment", "mdm_project", "profiles", "software")
PLACES = {
    "mdm_project/locks.py": re.compile(r"advisory_xact_lock|pg_advisory"),
    "mdm_project/row_ids.py": re.compile(
        r"isdecimal\(\) and len\(\w+\) (<= 1[89]|< 19)|isdecimal\(\) or len\(.*\) > 18"
    ),
}


def test_locks_and_ids_are_written_nowhere_else():
    found = [
        f"{path.relative_to(PROJECT)}:{number}"
        for app in APPS
        for path in (PROJECT / app).rglob("*.py")
        if "migrations" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        for place, pattern in PLACES.items()
        if pattern.search(line) and str(path.relative_to(PROJECT)) != place
    ]
    assert found == []


def test_what_python_takes_for_a_number_and_an_address_must_not_is_no_id():
    assert not any(is_row_id(text) for text in ("+7", " 7", "0_7", "-7", "7.0", "²", "٧", "", "9" * 19, None))
    assert row_id_of("7") == 7 and row_id_of("+7") is None
    assert row_ids_of(["1", "x", "+2", "3"]) == [1, 3]


@pytest.mark.django_db
def test_locks_are_taken_and_told():
    with transaction.atomic():
        take(Lock.TURNS)
        take_shared(Lock.SWITCH)
        assert try_to_take(Lock.SCHEDULE) and try_to_take_text("kind", "text")
    assert len(set(Lock)) == len(Lock.__members__), "no number twice"

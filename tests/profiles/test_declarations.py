"""Declarations: composed, checked against Apple's schema, kept with a token that follows from their content."""

import pytest

from devices.models import Event
from devices.timeline import SYSTEM
from mdm_project.errors import Conflict
from profiles import catalogue
from profiles.catalogue.examples import maximal, minimal
from profiles.declarations import (
    InvalidDeclaration,
    change_declaration,
    create_declaration,
    delete_declaration,
    document_of,
    payload_of,
)
from profiles.errors import IdentifierTaken, StaleRevision
from profiles.models import Declaration
from tests import factories
from tests.console.form_fields import fields_of

TEST = "com.apple.configuration.management.test"
PASSCODE = "com.apple.configuration.passcode.settings"
LIST = "/console/profiles/declaration/"


@pytest.fixture
def console(client, db):
    client.force_login(factories.make_staff(is_superuser=True))
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("make", [minimal, maximal], ids=["minimal", "maximal"])
def test_every_declaration_of_the_schema_can_be_kept_and_read_again(make):
    from mdm_project import plist

    for entry in catalogue.declarations():
        payload = plist.to_json(make(entry))
        declaration = create_declaration(entry.label, entry.type, payload, actor=SYSTEM)
        assert payload_of(Declaration.objects.get(pk=declaration.pk)) == payload, entry.slug
    assert Declaration.objects.count() == len(catalogue.declarations())


@pytest.mark.django_db
def test_the_token_follows_from_the_content_and_from_nothing_else():
    first = create_declaration("One", TEST, {"Echo": "a", "ReturnStatus": "Installed"}, identifier="x", actor=SYSTEM)
    before = first.server_token
    same = change_declaration(first, None, payload={"ReturnStatus": "Installed", "Echo": "a"}, actor=SYSTEM)
    assert same.server_token == before
    assert change_declaration(first, None, name="Renamed", actor=SYSTEM).server_token == before
    other = change_declaration(first, None, payload={"Echo": "b"}, actor=SYSTEM)
    assert other.server_token != before
    assert document_of(other) == {
        "Type": TEST, "Identifier": "x", "ServerToken": other.server_token, "Payload": {"Echo": "b"},
    }  # fmt: skip


@pytest.mark.django_db
def test_what_apple_would_refuse_is_refused_by_key_and_nothing_is_kept():
    with pytest.raises(InvalidDeclaration) as wrong:
        create_declaration("P", PASSCODE, {"MinimumLength": "six"}, actor=SYSTEM)
    assert set(wrong.value.fields) == {"payload.MinimumLength"}
    with pytest.raises(InvalidDeclaration) as wrong:
        create_declaration("P", "com.example.thing", {}, actor=SYSTEM)
    assert set(wrong.value.fields) == {"type"}
    with pytest.raises(InvalidDeclaration):
        create_declaration("P", TEST, {"Echo": "x"}, identifier="with space", actor=SYSTEM)
    assert not Declaration.objects.exists()


@pytest.mark.django_db
def test_identifiers_are_taken_once_edits_are_not_lost_and_references_hold():
    declaration = create_declaration("One", TEST, {"Echo": "a"}, identifier="com.example.one", actor=SYSTEM)
    with pytest.raises(IdentifierTaken):
        create_declaration("Two", TEST, {"Echo": "a"}, identifier="com.example.one", actor=SYSTEM)
    change_declaration(declaration, 1, name="First", actor=SYSTEM)
    with pytest.raises(StaleRevision):
        change_declaration(declaration, 1, name="Second", actor=SYSTEM)
    activation = create_declaration(
        "On", "com.apple.activation.simple", {"StandardConfigurations": ["com.example.one"]}, actor=SYSTEM
    )
    with pytest.raises(Conflict, match="On refers to it"):
        delete_declaration(declaration, actor=SYSTEM)
    delete_declaration(activation, actor=SYSTEM)
    delete_declaration(declaration, actor=SYSTEM)
    kinds = set(Event.objects.values_list("kind", flat=True))
    assert kinds == {"declaration_created", "declaration_changed", "declaration_deleted"}


def test_a_declaration_is_composed_and_changed_in_the_console(console):
    page = console.get(f"{LIST}add/").content.decode()
    assert page.count("?type=com.apple.") == len(catalogue.declarations())
    data = {"name": "Codes", "v:/MinimumLength": "8", "v:/RequirePasscode": "true"}
    response = console.post(f"{LIST}add/?type={PASSCODE}", data)
    assert response.status_code == 302, response.content.decode()
    declaration = Declaration.objects.get()
    assert payload_of(declaration) == {"RequirePasscode": True, "MinimumLength": 8}

    page = console.get(response["Location"]).content.decode()
    assert "comes with declarative management" in page
    fields = fields_of(page)
    fields["v:/MinimumLength"] = "10"
    assert console.post(response["Location"], fields.dict()).status_code == 302
    declaration.refresh_from_db()
    assert (payload_of(declaration)["MinimumLength"], declaration.revision) == (10, 2)

    stale = console.post(response["Location"], fields.dict()).content.decode()
    assert "somebody else has changed this declaration meanwhile" in stale
    wrong = console.post(f"{LIST}add/?type={PASSCODE}", {"name": "Bad", "v:/MinimumLength": "many"}).content.decode()
    assert "MinimumLength: must be a whole number" in wrong
    assert console.post(f"{LIST}{declaration.pk}/delete/").status_code == 302
    assert not Declaration.objects.exists()

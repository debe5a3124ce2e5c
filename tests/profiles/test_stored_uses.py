"""An import of Apple's schema names the stored profiles and declarations of the types that change."""

import pytest

from devices.timeline import SYSTEM
from profiles.catalogue import Kind
from profiles.catalogue.changes import EntryChange
from profiles.catalogue.usage import stored_uses
from profiles.declarations import create_declaration
from tests.profiles.assigned import make_profile

TEST = "com.apple.configuration.management.test"


def change(kind: Kind, type_: str) -> EntryChange:
    return EntryChange("changed", kind, "slug", type_, "file.yaml")


@pytest.mark.django_db
def test_what_is_stored_of_a_type_that_changes_is_named_and_nothing_else():
    profile = make_profile()
    create_declaration("Echo", TEST, {"Echo": "x"}, identifier="com.example.echo", actor=SYSTEM)
    (payload_type,) = profile.payload_types
    changes = [change(Kind.PAYLOAD, payload_type), change(Kind.DECLARATION, TEST)]
    assert stored_uses(changes) == [
        "declaration Echo (com.example.echo)", f"profile {profile.name} ({profile.identifier})",
    ]  # fmt: skip
    assert stored_uses([change(Kind.PAYLOAD, "com.apple.nobody"), change(Kind.COMMAND, payload_type)]) == []
    assert stored_uses([]) == []

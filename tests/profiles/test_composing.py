"""Composing: drafts, revisions, and identifiers that stay."""

import pytest

from devices.models import Event, Outbox
from devices.timeline import SYSTEM
from mdm_project.errors import BadRequest, Conflict
from profiles import errors
from profiles.composing import add_payload, change_profile, create_profile, remove_payload, save_draft
from profiles.content import references
from profiles.models import Profile, RemovalPolicy
from profiles.versions import publish
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_new_profile_contains_only_what_was_set():
    profile = create_profile("Wi-Fi", actor=SYSTEM, identifier="com.example.wifi", consent_text="Agree?")

    assert profile.draft == {
        "PayloadIdentifier": "com.example.wifi",
        "PayloadUUID": profile.uuid,
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadContent": [],
        "PayloadDisplayName": "Wi-Fi",
        "PayloadScope": "System",
        "ConsentText": {"default": "Agree?"},
    }
    assert (profile.name, profile.consent_text, profile.draft_revision) == ("Wi-Fi", "Agree?", 1)
    assert Event.objects.get(kind="profile_created").data == {"profile": profile.pk}


def test_an_identifier_is_made_below_the_servers_name(settings):
    settings.PUBLIC_URL = "https://mdm.example.com"
    assert create_profile("One", actor=SYSTEM).identifier.startswith("com.example.mdm.profile.")

    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    assert create_profile("Two", actor=SYSTEM).identifier.startswith("espalier.profile.")


def test_an_identifier_is_given_once():
    create_profile("One", actor=SYSTEM, identifier="com.example.one")
    with pytest.raises(errors.IdentifierTaken):
        create_profile("Another", actor=SYSTEM, identifier="com.example.one")


def test_a_payload_gets_an_identity_and_keeps_it():
    profile = factories.make_profile(payloads=[])
    draft = profile.draft
    added = add_payload(draft, "dock", {"orientation": "left"})
    profile = save_draft(profile, draft, 1, SYSTEM)
    assert profile.payload_types == ["com.apple.dock"]
    assert profile.payload_slugs == {added["PayloadUUID"]: "dock"}

    # A form that sends only what it edits, under the UUID.
    edited = {"PayloadType": "com.apple.dock", "PayloadUUID": added["PayloadUUID"], "orientation": "right"}
    profile = save_draft(profile, profile.draft | {"PayloadContent": [edited]}, 2, SYSTEM)
    (payload,) = profile.draft["PayloadContent"]
    assert payload["PayloadIdentifier"] == added["PayloadIdentifier"]
    assert payload["orientation"] == "right"


def test_a_payload_that_apple_does_not_define_is_taken_as_it_is():
    profile = factories.make_profile(payloads=[])
    draft = profile.draft
    add_payload(draft, "com.example.editor", {"Color": "green"})
    profile = save_draft(profile, draft, 1, SYSTEM)

    assert profile.payload_types == ["com.example.editor"]
    assert profile.payload_slugs == {}


def test_a_slug_that_was_chosen_stays_while_it_fits_the_type():
    profile = factories.make_profile(payloads=[{"PayloadType": "com.apple.MCX", "PayloadUUID": "A"}])
    guessed = profile.payload_slugs["A"]
    chosen = next(slug for slug in mcx_slugs() if slug != guessed)

    profile = change_profile(profile, 1, SYSTEM, payload_slugs={"A": chosen})
    assert profile.payload_slugs == {"A": chosen}
    profile = change_profile(profile, 2, SYSTEM, name="Another")
    assert profile.payload_slugs == {"A": chosen}
    profile = change_profile(profile, 3, SYSTEM, payload_slugs={"A": "dock"})
    assert profile.payload_slugs["A"] in mcx_slugs()


def mcx_slugs() -> list[str]:
    from profiles import catalogue

    return [entry.slug for entry in catalogue.payloads_of_type("com.apple.MCX")]


def test_a_draft_saved_over_a_newer_one_is_refused_and_nothing_is_lost():
    profile = factories.make_profile()
    change_profile(profile, 1, SYSTEM, name="First")
    with pytest.raises(errors.StaleRevision) as refused:
        change_profile(profile, 1, SYSTEM, name="Second")

    assert refused.value.fields == {"revision": "revision 2 is the newest"}
    profile.refresh_from_db()
    assert (profile.name, profile.draft["PayloadDisplayName"], profile.draft_revision) == ("First", "First", 2)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"PayloadIdentifier": "another"}, "PayloadIdentifier"),
        ({"PayloadUUID": "another"}, "PayloadUUID"),
        ({"PayloadType": "another"}, "PayloadType"),
        ({"PayloadContent": {}}, "PayloadContent"),
        ({"PayloadContent": ["text"]}, "PayloadContent.0"),
        ({"PayloadContent": [{"orientation": "left"}]}, "PayloadContent.0.PayloadType"),
        ({"PayloadContent": [{"PayloadType": "a", "PayloadUUID": ""}]}, "PayloadContent.0.PayloadUUID"),
        ({"PayloadContent": [{"PayloadType": "a", "PayloadUUID": u} for u in "xX"]}, "PayloadContent.1.PayloadUUID"),
        ({"PayloadContent": [{"PayloadType": "a", "Nothing": None}]}, "PayloadContent.0.Nothing"),
        ({"PayloadDescription": "\x07"}, "PayloadDescription"),
    ],
)
def test_a_draft_that_could_not_be_a_profile_is_refused_with_its_key_path(change, path):
    profile = factories.make_profile()
    with pytest.raises(BadRequest) as refused:
        save_draft(profile, profile.draft | change, 1, SYSTEM)
    assert list(refused.value.fields) == [path]


def test_columns_follow_the_draft_and_facts_are_written_into_it():
    profile = factories.make_profile(description="old")
    content = profile.draft | {"PayloadDisplayName": "New", "ConsentText": {"default": "Yes?", "de": "Ja?"}}
    content.pop("PayloadDescription")
    profile = save_draft(profile, content, 1, SYSTEM)
    assert (profile.name, profile.description, profile.consent_text) == ("New", "", "Yes?")

    profile = change_profile(profile, 2, SYSTEM, consent_text="", organization="Example", scope="User")
    assert profile.draft["ConsentText"] == {"de": "Ja?"}
    assert (profile.draft["PayloadOrganization"], profile.draft["PayloadScope"]) == ("Example", "User")


def test_a_fact_that_only_repeats_a_column_is_not_written_into_a_draft_without_it():
    profile = factories.make_profile()
    draft = profile.draft
    del draft["PayloadScope"]
    profile = save_draft(profile, draft, 1, SYSTEM)

    profile = change_profile(profile, 2, SYSTEM, scope="System", name=profile.name)
    assert "PayloadScope" not in profile.draft


def test_the_scope_stays_once_a_version_is_published():
    profile = factories.make_profile()
    publish(profile, SYSTEM)
    with pytest.raises(Conflict):
        change_profile(profile, 1, SYSTEM, scope="User")
    with pytest.raises(Conflict):
        save_draft(profile, profile.draft | {"PayloadScope": "User"}, 1, SYSTEM)


def test_a_payload_in_use_is_not_taken_out():
    profile = factories.make_profile(payloads=[])
    draft = profile.draft
    certificate = add_payload(draft, "com.apple.security.root", {"PayloadContent": {"$data": "eA=="}})
    wifi = add_payload(draft, "com.apple.wifi.managed", {"EAPClientConfiguration": {}})
    wifi["EAPClientConfiguration"]["PayloadCertificateAnchorUUID"] = [certificate["PayloadUUID"]]

    path = ("PayloadContent", 1, "EAPClientConfiguration", "PayloadCertificateAnchorUUID", 0)
    assert references(draft) == {certificate["PayloadUUID"]: [path], wifi["PayloadUUID"]: []}
    with pytest.raises(errors.PayloadReferenced):
        remove_payload(draft, certificate["PayloadUUID"])
    remove_payload(draft, wifi["PayloadUUID"])
    remove_payload(draft, certificate["PayloadUUID"])
    assert draft["PayloadContent"] == []


def test_archiving_asks_for_the_desired_state_anew_and_is_refused_while_assigned():
    profile = factories.make_profile()
    assignment = profile.assignments.create()
    with pytest.raises(Conflict):
        change_profile(profile, 1, SYSTEM, is_archived=True)

    assignment.delete()
    Outbox.objects.all().delete()
    assert change_profile(profile, 1, SYSTEM, is_archived=True).is_archived
    assert list(Outbox.objects.values_list("kind", "payload")) == [("desired_changed", {"profile_ids": [profile.pk]})]
    assert not Profile.objects.active().exists()


def test_a_password_is_made_when_a_policy_asks_for_one_and_stays():
    policy = RemovalPolicy.objects.create(name="password", kind="password", password_length=20)
    profile = change_profile(factories.make_profile(), 1, SYSTEM, removal_policy=policy)
    sealed = bytes(profile.removal_password_encrypted)

    profile = change_profile(profile, 2, SYSTEM, removal_policy=None)
    profile = change_profile(profile, 3, SYSTEM, removal_policy=policy)
    assert bytes(profile.removal_password_encrypted) == sealed


@pytest.mark.parametrize("identifier", ["com.espalier.filevault", "com.espalier.enrollment.staff"])
def test_an_identifier_of_our_own_profiles_is_refused(identifier):
    with pytest.raises(BadRequest) as refused:
        create_profile("Mine", actor=SYSTEM, identifier=identifier)
    assert refused.value.fields.keys() == {"PayloadIdentifier"}
    assert not Profile.objects.exists()
    create_profile("Mine", actor=SYSTEM, identifier=f"{identifier.split('.')[-1]}.example")

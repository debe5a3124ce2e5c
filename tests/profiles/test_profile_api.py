"""The API's profiles: composing, importing, downloading, publishing, and secrets that stay hidden."""

import pytest
from rest_framework.test import APIClient

from devices.models import Event
from mdm_project import cms, plist
from profiles.masking import REDACTED
from profiles.models import Profile, RemovalPolicy
from tests import factories
from tests.api.client import ROOT, Caller
from tests.fixtures import capture

WIFI = {"PayloadType": "com.apple.wifi.managed", "SSID_STR": "One", "Password": "planted-secret"}
VIEW, CHANGE = "profiles.view_profile", "profiles.change_profile"


@pytest.fixture
def caller(db) -> Caller:
    return Caller()


@pytest.fixture
def viewer(db) -> Caller:
    """Somebody who may change profiles but not see what is secret in them."""
    return Caller(VIEW, CHANGE)


def made(caller, **keys) -> dict:
    response = caller.post("profiles/", {"name": "Wi-Fi", "payloads": [WIFI]} | keys)
    assert response.status_code == 201, response.content
    return response.json()


def test_a_profile_is_made_changed_published_and_compared(caller):
    profile = made(caller, identifier="com.example.wifi", scope="User")
    address = f"profiles/{profile['id']}/"
    assert (profile["revision"], profile["latest_version"], profile["has_unpublished_changes"]) == (1, None, True)
    assert profile["draft"]["PayloadContent"][0]["PayloadIdentifier"].startswith("com.example.wifi.")

    first = caller.post(f"{address}versions/", {"note": "the first"})
    assert (first.status_code, first.json()["number"], first.json()["note"]) == (201, 1, "the first")
    again = caller.post(f"{address}versions/", {})
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_publish")

    draft = profile["draft"]
    draft["PayloadContent"][0]["SSID_STR"] = "Two"
    changed = caller.patch(address, {"revision": 1, "draft": draft, "name": "Another"}).json()
    assert (changed["revision"], changed["name"], changed["latest_version"]) == (2, "Another", 1)
    stale = caller.patch(address, {"revision": 1, "name": "Late"})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale_revision")

    uuid = draft["PayloadContent"][0]["PayloadUUID"]
    changes = caller.get(f"{address}versions/1/diff/").json()
    assert (changes["from_version"], changes["to_version"]) == (1, None)
    expected = {
        ("PayloadDisplayName", "changed", "Wi-Fi", "Another"),
        (f"PayloadContent.{uuid}.SSID_STR", "changed", "One", "Two"),
    }
    assert {(c["path"], c["kind"], c["before"], c["after"]) for c in changes["changes"]} == expected
    assert caller.post(f"{address}versions/", {}).json()["number"] == 2
    assert caller.get(f"{address}versions/1/diff/", to=2).json()["changes"] == changes["changes"]

    back = caller.post(f"{address}rollback/", {"number": 1})
    assert (back.status_code, back.json()["number"]) == (201, 3)
    assert [version["number"] for version in caller.results(f"{address}versions/")] == [3, 2, 1]
    assert caller.get(f"{address}versions/3/").json()["content"]["PayloadContent"][0]["SSID_STR"] == "One"
    assert Event.objects.filter(actor__contains="token test", kind="profile_published").count() == 2


def test_versions_that_are_none_are_not_found_or_refused(caller):
    address = f"profiles/{made(caller)['id']}/"
    assert caller.get(f"{address}versions/1/").status_code == 404
    assert caller.get(f"{address}versions/99999999999999999999/").status_code == 404
    caller.post(f"{address}versions/", {})
    assert caller.get(f"{address}versions/1/diff/", to="9").status_code == 404
    assert caller.get(f"{address}versions/1/diff/", to="x").status_code == 400
    assert caller.get(f"{address}download/", version="x").status_code == 400
    assert caller.get(f"{address}download/", version="9").status_code == 404
    assert caller.get(f"{address}download/", signed="perhaps").status_code == 400
    assert caller.post(f"{address}rollback/", {"number": 9}).status_code == 404


def test_lists_filter_and_search(caller):
    made(caller, name="One", identifier="com.example.one")
    made(caller, name="Two", scope="User", payloads=[{"PayloadType": "com.apple.dock"}])

    assert [each["name"] for each in caller.results("profiles/")] == ["One", "Two"]
    assert [each["name"] for each in caller.results("profiles/", payload_type="com.apple.dock")] == ["Two"]
    assert [each["name"] for each in caller.results("profiles/", scope="User")] == ["Two"]
    assert [each["name"] for each in caller.results("profiles/", search="example.one")] == ["One"]
    assert "draft" not in caller.results("profiles/")[0]


def test_errors_name_the_key_path(caller):
    refused = caller.post("profiles/", {"name": "X", "payloads": [{"SSID_STR": "One"}]})
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["PayloadContent.0.PayloadType"])
    misspelt = caller.post("profiles/", {"name": "X", "identfier": "a"})
    assert (misspelt.status_code, list(misspelt.json()["fields"])) == (400, ["identfier"])
    made(caller, identifier="com.example.one")
    taken = caller.post("profiles/", {"name": "X", "identifier": "com.example.one"})
    assert (taken.status_code, taken.json()["code"]) == (409, "identifier_taken")
    profile = made(caller)
    unread = caller.patch(f"profiles/{profile['id']}/", {"name": "X"})
    assert (unread.status_code, list(unread.json()["fields"])) == (400, ["revision"])


# Secrets


def test_secrets_are_masked_and_survive_a_write_by_who_may_not_see_them(caller, viewer):
    address = f"profiles/{made(caller)['id']}/"
    caller.post(f"{address}versions/", {})
    seen = viewer.get(address).json()
    assert seen["draft"]["PayloadContent"][0]["Password"] == REDACTED

    seen["draft"]["PayloadContent"][0]["SSID_STR"] = "Two"
    answer = viewer.patch(address, {"revision": 1, "draft": seen["draft"]})
    assert answer.status_code == 200
    payload = caller.get(address).json()["draft"]["PayloadContent"][0]
    assert (payload["SSID_STR"], payload["Password"]) == ("Two", "planted-secret")

    payload["Password"] = "other-planted-secret"
    content = caller.get(address).json()["draft"] | {"PayloadContent": [payload]}
    caller.patch(address, {"revision": 2, "draft": content})
    for path in ("", "versions/", "versions/1/", "versions/1/diff/"):
        assert b"planted-secret" not in viewer.get(address + path).content, path
    refused = viewer.get(f"{address}download/")
    assert (refused.status_code, b"planted-secret" in refused.content) == (403, False)


def test_a_masked_value_does_not_move_to_where_it_would_be_shown(caller, viewer):
    profile = made(caller)
    payload = profile["draft"]["PayloadContent"][0] | {"Comment": REDACTED}
    refused = viewer.patch(
        f"profiles/{profile['id']}/", {"revision": 1, "draft": profile["draft"] | {"PayloadContent": [payload]}}
    )
    assert (refused.status_code, list(refused.json()["fields"])) == (400, ["PayloadContent.0.Comment"])


def test_the_removal_password_is_revealed_with_a_reason(caller, viewer):
    policy = RemovalPolicy.objects.create(name="password", kind="password")
    address = f"profiles/{made(caller, removal_policy=policy.pk)['id']}/"

    assert caller.post(f"{address}reveal-removal-password/", {}).status_code == 400
    assert viewer.post(f"{address}reveal-removal-password/", {"reason": "x"}).status_code == 403
    password = caller.post(f"{address}reveal-removal-password/", {"reason": "sold"}).json()["removal_password"]
    content = plist.loads(caller.get(f"{address}download/").content)
    assert content["PayloadContent"][-1]["RemovalPassword"] == password


# Files


def test_a_file_is_imported_and_downloaded_as_it_was(caller):
    data = capture("profiles/signed/quad9-ECS-https.mobileconfig")
    answer = caller.upload("profiles/import/?keep_identifiers=1", data)
    assert answer.status_code == 201
    assert answer.json()["identifier"] == "com.paulmillr.apple-dns"
    assert any("signed by" in warning for warning in answer.json()["warnings"])

    address = f"profiles/{answer.json()['id']}/download/"
    original = plist.loads(cms.read_signed(data).content)
    plain = caller.get(address)
    assert plist.loads(plain.content) == original
    assert plain.headers["Content-Type"] == "application/x-apple-aspen-config"
    content, _signer = cms.signed_content(caller.get(address, signed=1).content)
    assert plist.loads(content) == original

    again = caller.upload("profiles/import/?keep_identifiers=1", data)
    assert (again.status_code, again.json()["code"]) == (409, "identifier_taken")
    assert caller.upload("profiles/import/", data).json()["identifier"] != "com.paulmillr.apple-dns"


@pytest.mark.parametrize(
    "data", [b"not a profile", b"<plist><dict><key>A</key></dict></plist>", b"\x30\x03\x02\x01\x01", b"bplist00"]
)
def test_what_is_no_profile_gives_400(caller, data):
    answer = caller.upload("profiles/import/", data)

    assert answer.status_code == 400
    assert answer.json()["detail"]
    assert not Profile.objects.exists()


def test_an_import_says_what_lint_finds(caller):
    passcode = {
        "PayloadType": "com.apple.mobiledevice.passwordpolicy",
        "PayloadVersion": 1,
        "PayloadIdentifier": "com.example.passcode",
        "PayloadUUID": "8C00BA85-7AC9-4557-8A89-39C1F384F9A0",
        "minLength": 99,
    }
    answer = caller.upload("profiles/import/", factories.mobileconfig(PayloadContent=[passcode]))
    lint = answer.json()["lint"]
    assert answer.status_code == 201
    assert lint["counts"]["error"] == 1
    assert any("minLength" in finding["path"] for finding in lint["findings"])


def test_an_import_without_a_file_or_as_json_is_refused(caller):
    assert list(caller.client.post(f"{ROOT}profiles/import/", {}, format="multipart").json()["fields"]) == ["file"]
    assert caller.post("profiles/import/", {}).status_code == 415


def test_an_import_sent_twice_under_one_key_is_done_once(caller):
    data = factories.mobileconfig()
    first, second = (caller.upload("profiles/import/", data, **{"Idempotency-Key": "k"}) for _ in range(2))

    assert first.json()["id"] == second.json()["id"]
    assert Profile.objects.count() == 1


def test_a_version_is_downloaded_as_it_was_published(caller):
    profile = made(caller, name="One")
    address = f"profiles/{profile['id']}/"
    caller.post(f"{address}versions/", {})
    caller.patch(address, {"revision": 1, "name": "Two"})

    assert plist.loads(caller.get(f"{address}download/").content)["PayloadDisplayName"] == "Two"
    published = caller.get(f"{address}download/", version=1)
    assert plist.loads(published.content)["PayloadDisplayName"] == "One"
    assert 'filename="profile-' in published.headers["Content-Disposition"]


def test_clients_may_ask_for_the_type_that_is_served_and_errors_stay_json(caller):
    headers = {"Authorization": f"Bearer {caller.text}", "Accept": "application/x-apple-aspen-config"}
    client = APIClient(raise_request_exception=False, headers=headers)
    assert client.get(f"{ROOT}profiles/{made(caller)['id']}/download/").status_code == 200
    assert client.get(f"{ROOT}profiles/0/download/").json()["code"] == "not_found"


def test_writes_tell_what_lint_finds_and_errors_are_published_for_a_reason_alone(caller):
    """B23: the API took a number as an SSID, a length of 99 and a dangling reference without a word."""
    payloads = [
        WIFI | {"SSID_STR": 5, "PayloadCertificateUUID": "00000000-0000-0000-0000-000000000009"},
        {"PayloadType": "com.apple.mobiledevice.passwordpolicy", "minLength": 99},
    ]
    profile = made(caller, payloads=payloads)
    address, errors = f"profiles/{profile['id']}/", {"SSID_STR", "PayloadCertificateUUID", "minLength"}
    said = profile["lint"]
    assert {each["path"].split(".")[-1] for each in said["findings"] if each["level"] == "error"} == errors
    assert said["checked"] and any("addresses answer" in each for each in said["not_checked"])
    changed = caller.patch(address, {"revision": 1, "name": "Still wrong"}).json()
    assert changed["lint"]["counts"]["error"] == 3

    refused = caller.post(f"{address}versions/", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "lint_errors")
    assert {path.split(".")[-1] for path in refused.json()["fields"]} == errors
    assert caller.post(f"{address}versions/", {"force": True}).status_code == 400, "without a reason"
    forced = caller.post(f"{address}versions/", {"force": True, "reason": "Apple's schema is behind"})
    assert (forced.status_code, forced.json()["lint"]["counts"]["error"]) == (201, 3)
    assert Event.objects.get(kind="profile_published").data["reason"] == "Apple's schema is behind"

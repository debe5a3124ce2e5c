"""Lint, effective configuration, conflicts, removability and removal policies in the API."""

import pytest
from django.utils import timezone

from devices.models import InstalledProfile
from tests import factories
from tests.api.client import Caller
from tests.profiles.assigned import assign, make_group
from tests.profiles.test_effective import RESTRICTIONS, give, publish_new

pytestmark = pytest.mark.django_db
WIFI = {"PayloadType": "com.apple.wifi.managed", "SSID_STR": "Office", "Password": "hush"}
READING = ("profiles.view_profile", "devices.view_device")


@pytest.fixture
def caller(db) -> Caller:
    return Caller()


def test_a_draft_is_checked_against_the_devices_it_is_assigned_to(caller):
    phone = factories.make_channel(factories.make_device(os_version="13.1"))
    profile = factories.make_profile(payloads=[WIFI | {"DisableAssociationMACRandomization": True}])
    assign(profile, make_group(phone))

    answer = caller.post(f"profiles/{profile.pk}/lint/").json()
    assert answer["counts"] == {"error": 0, "warning": 1, "note": 0} and answer["devices"] == 1
    (found,) = answer["findings"]
    assert (found["code"], found["path"]) == ("too_old", "PayloadContent.0.DisableAssociationMACRandomization")
    first = [{"id": phone.device_id, "name": phone.device.name}]
    assert found["devices"] == {"count": 1, "of": 1, "first": first}


def test_a_draft_that_is_sent_is_checked_with_fixes_and_without_saying_what_is_secret():
    profile = factories.make_profile(payloads=[WIFI])
    reader = Caller(*READING, scopes=["read"])
    draft = reader.get(f"profiles/{profile.pk}/").json()["draft"]
    draft["PayloadContent"][0] |= {"HIDDEN_NETWORK": "yes"}
    assert draft["PayloadContent"][0]["Password"] == "[redacted]"

    answer = reader.post(f"profiles/{profile.pk}/lint/", {"draft": draft})
    (found,) = answer.json()["findings"]
    path = ["PayloadContent", 0, "HIDDEN_NETWORK"]
    assert found["fix"] == {
        "operation": "convert",
        "path": path,
        "words": "Make it true or false",
        "value": "boolean",
    }
    assert "hush" not in answer.content.decode()


def test_groups_are_tried_before_anything_is_assigned(caller):
    old, new = (factories.make_channel(factories.make_device(os_version=version)) for version in ("13.1", "18.0"))
    profile = factories.make_profile(payloads=[WIFI | {"DisableAssociationMACRandomization": True}])
    group = make_group(old, new)

    answer = caller.post(f"profiles/{profile.pk}/lint/", {"groups": [group.pk]}).json()
    assert answer["devices"] == 2 and [found["devices"]["count"] for found in answer["findings"]] == [1]
    unknown = caller.post(f"profiles/{profile.pk}/lint/", {"groups": [group.pk, 10**9]})
    assert (unknown.status_code, unknown.json()["fields"].keys()) == (400, {"groups"})


def test_a_version_is_checked_as_it_was_published(caller):
    profile = publish_new("Wi-Fi", WIFI | {"EncryptionType": "wpa2"})
    address = f"profiles/{profile.pk}/lint/?version="

    assert caller.post(address + "1").json()["counts"]["error"] == 1
    assert caller.post(address + "2").status_code == 404
    assert caller.post(address + "one").status_code == 400
    assert caller.post(address + "1", {"draft": {}}).json()["fields"].keys() == {"draft"}


@pytest.mark.parametrize("draft", [{}, {"PayloadContent": 1}, {"PayloadContent": [1]}, {"PayloadContent": [{}]}])
def test_any_draft_is_answered_with_findings(caller, draft):
    profile = factories.make_profile()

    answer = caller.post(f"profiles/{profile.pk}/lint/", {"draft": draft})
    assert answer.status_code == 200 and answer.json()["counts"]["error"]


def test_what_no_property_list_holds_is_refused(caller):
    profile = factories.make_profile()

    for body in ({"draft": []}, {"draft": {"a": {"$data": "!"}}}, {"unknown": 1}, {"groups": []}, []):
        answer = caller.post(f"profiles/{profile.pk}/lint/", body)
        assert answer.status_code == (200 if body == [] else 400), body


def test_the_effective_configuration_tells_value_source_and_what_was_overruled(caller):
    phone = factories.make_channel()
    give(
        phone,
        *(publish_new(name, RESTRICTIONS | {"allowCamera": value}) for name, value in (("A", True), ("B", False))),
    )

    answer = caller.get(f"devices/{phone.device_id}/effective-configuration/").json()
    (setting,) = answer["settings"]
    assert (setting["key"], setting["value"], setting["rule"], setting["state"]) == (
        "allowCamera", False, "strictest", "combined",
    )  # fmt: skip
    assert [(each["name"], each["outcome"]) for each in setting["sources"]] == [("A", "overruled"), ("B", "in_force")]
    assert [(each["name"], each["state"]) for each in answer["profiles"]] == [("A", "pending"), ("B", "pending")]
    assert answer["conflicts"] == 0


def test_secrets_are_hidden_in_both_answers_without_the_permission():
    mac = factories.make_channel(factories.make_device("macos"))
    app = {"PayloadType": "com.example.app"}
    give(mac, *(publish_new(name, app | {"Password": f"hush-{name}"}) for name in ("A", "B")))

    for permissions, sees in ((READING, False), ((*READING, "profiles.view_profile_secrets"), True)):
        reader = Caller(*permissions, scopes=["read"])
        for address in (f"devices/{mac.device_id}/effective-configuration/", "conflicts/"):
            assert ("hush-A" in reader.get(address).content.decode()) is sees, address


def test_conflicts_are_listed_by_page_and_for_one_profile(caller):
    phone = factories.make_channel()
    profiles = [publish_new(name, RESTRICTIONS | {"ratingRegion": name}) for name in ("us", "de", "at")]
    give(phone, *profiles)

    assert caller.get("conflicts/").json()["count"] == 3
    (page,) = caller.results("conflicts/", page_size=1)
    assert page["message"].startswith("at and ") or " and at " in page["message"]
    assert len(caller.results("conflicts/", profile=profiles[0].pk)) == 2
    assert caller.results("conflicts/", search="nothing like it") == []
    assert caller.get("conflicts/", profile="one").status_code == 400


def test_removability_explains_every_profile_of_a_device(caller):
    phone = factories.make_channel(factories.make_device(is_supervised=False))
    InstalledProfile.objects.create(
        channel=phone, device=phone.device, identifier="com.other", display_name="Other", is_managed=False,
        is_removal_disallowed=True, payloads=[{"PayloadType": "com.apple.eas.account"}], reported_at=timezone.now(),
    )  # fmt: skip

    (found,) = caller.results(f"devices/{phone.device_id}/removability/")
    assert (found["rule"], found["exception"], found["origin"]) == (6, "passcode", "unknown")
    assert found["who"] == found["ways"][0]["who"] == "Whoever knows the passcode of the device"
    assert found["how"] and found["goes_with"] and found["caveats"] and found["exchange"]
    assert caller.get("devices/999999/removability/").status_code == 404


def test_removal_policies_are_made_changed_and_deleted(caller):
    made = caller.post("removal-policies/", {"name": "A week", "kind": "duration", "duration_s": 604800})
    assert made.status_code == 201
    address = f"removal-policies/{made.json()['id']}/"

    wrong = caller.patch(address, {"kind": "date"})
    assert (wrong.status_code, wrong.json()["fields"].keys()) == (400, {"removal_date"})
    assert caller.patch(address, {"kind": "mdm_only"}).json()["duration_s"] is None
    assert caller.results("removal-policies/", kind="mdm_only")[0]["profiles"] == 0
    assert caller.post("removal-policies/", {"name": "A week", "kind": "user"}).status_code == 409
    assert caller.client.delete("/api/v1/" + address).status_code == 204
    assert caller.get(address).status_code == 404

"""The catalogue in the API."""

import pytest
from jsonschema import Draft202012Validator

from tests.api.client import Caller


@pytest.fixture
def reader(db) -> Caller:
    return Caller("profiles.view_cataloguetext", scopes=["read"])


def all_of(reader, path: str, **query) -> list[dict]:
    entries, page = [], 1
    while True:
        answer = reader.get(path, page=page, **query).json()
        entries += answer["results"]
        if answer["next"] is None:
            assert len(entries) == answer["count"]
            return entries
        page += 1


@pytest.mark.parametrize(
    ("name", "count"),
    [("payloads", 126), ("commands", 68), ("checkins", 9), ("declarations", 60), ("status-items", 63)],
)
def test_a_kind_is_listed_whole_with_its_keys(reader, name, count):
    entries = all_of(reader, f"catalog/{name}/")

    assert len(entries) == len({entry["slug"] for entry in entries}) == count
    assert [entry["slug"] for entry in entries] == sorted(entry["slug"] for entry in entries)
    assert sum(bool(entry["keys"]) for entry in entries) > count / 2
    bare = all_of(reader, f"catalog/{name}/", keys="false")
    assert all("keys" not in entry and entry["support"] is not None for entry in bare)


def test_a_type_is_shown_with_its_tree_of_keys(reader):
    wifi = reader.get("catalog/payloads/wifi-managed/").json()

    assert (wifi["type"], wifi["label"], wifi["group"]) == ("com.apple.wifi.managed", "Wi-Fi", "Network")
    assert wifi["support"]["iOS"]["introduced"] == "4.0"
    encryption = next(key for key in wifi["keys"] if key["name"] == "EncryptionType")
    assert "WPA2" in encryption["allowed"] and encryption["type"] == "string"
    eap = next(key for key in wifi["keys"] if key["name"] == "EAPClientConfiguration")
    assert "EAPClientConfiguration.UserName" in [key["path"] for key in eap["keys"]]
    assert reader.get("catalog/payloads/com.apple.wifi.managed/").json() == wifi


def test_the_schema_of_a_type_is_json_schema_2020_12(reader):
    schema = reader.get("catalog/commands/DeviceLock/schema/").json()

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid({"PIN": "123456"})
    assert not Draft202012Validator(schema).is_valid({"PIN": 123456})


@pytest.mark.parametrize("path", ["catalog/payloads/nothing/", "catalog/commands/nothing/schema/"])
def test_what_apple_does_not_define_is_not_found(reader, path):
    answer = reader.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_in_catalogue")


def test_a_payload_type_of_several_files_is_no_address(reader):
    assert reader.get("catalog/payloads/com.apple.MCX/").status_code == 404
    assert len(reader.results("catalog/payloads/", search="com.apple.MCX mcx-")) == 7


def test_lists_are_searched_filtered_and_ordered(reader):
    def slugs(**query) -> list[str]:
        return [entry["slug"] for entry in reader.results("catalog/payloads/", keys="false", page_size=200, **query)]

    assert slugs(search="SSID_STR") == ["wifi-managed"]
    assert "dock" in slugs(platform="macos") and "dock" not in slugs(platform="ipados")
    assert "security-wapi-identity" in slugs(platform="tvos")  # not stated, so not ruled out
    assert set(slugs(group="certificates")) >= {"security-root", "security-acme"}
    assert slugs(ordering="-slug") == list(reversed(slugs()))
    labels = [entry["label"] for entry in reader.results("catalog/payloads/", ordering="label", page_size=200)]
    assert labels == sorted(labels, key=str.lower)


@pytest.mark.parametrize("query", [{"platform": "android"}, {"ordering": "size"}])
def test_a_filter_that_means_nothing_is_refused(reader, query):
    answer = reader.get("catalog/payloads/", **query)

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == list(query)

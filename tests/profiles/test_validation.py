"""JSON Schema and validation: every type takes its smallest and largest value, and traps are told in plain words."""

import copy
from datetime import UTC, datetime

import pytest
from jsonschema import Draft202012Validator

from mdm_project import plist
from profiles.catalogue import Catalogue, Kind, Target, catalogue
from profiles.catalogue.entries import Entry
from profiles.catalogue.examples import maximal, minimal
from profiles.catalogue.schema import DIALECT, json_schema
from profiles.catalogue.store import SHIPPED
from profiles.catalogue.validation import errors_of, key_at, validate

CATALOGUE = Catalogue(SHIPPED)
ENTRIES = [pytest.param(entry, id=f"{kind}/{entry.slug}") for kind in Kind for entry in CATALOGUE.entries(kind)]


def payload(slug: str) -> Entry:
    return CATALOGUE.entry(Kind.PAYLOAD, slug)


def command(request_type: str) -> Entry:
    return CATALOGUE.entry(Kind.COMMAND, request_type)


def test_every_schema_is_valid_by_the_metaschema():
    for kind in Kind:
        for entry in CATALOGUE.entries(kind):
            schema = json_schema(entry)
            assert schema["$schema"] == DIALECT
            Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("entry", ENTRIES)
def test_the_smallest_and_the_largest_value_of_every_type_are_valid(entry):
    for value in (minimal(entry), maximal(entry)):
        assert [problem for problem in validate(entry, value) if problem.is_error] == []
        # As the published schema sees it, which speaks of data and dates in JSON.
        Draft202012Validator(json_schema(entry)).validate(plist.to_json(value))
        assert plist.loads(plist.dumps(value)) == value


def test_the_largest_value_has_every_key():
    for kind in Kind:
        for entry in CATALOGUE.entries(kind):
            value = maximal(entry)
            assert {key.name for key in entry.keys if not key.is_any} <= value.keys()
            for key in entry.walk():
                assert _reached(entry, value, key), f"{entry.slug} {key.key_path}"


def _reached(entry: Entry, value, key) -> bool:
    """Say whether a value has something at a key's path, in whichever place."""
    places = [value]
    for part in key.path:
        if isinstance(part, str) and part.startswith("[") and part != "[]":
            found = [i for place in places for i in place if part[1:-1] in i.values()]
        elif part == "[]":
            found = [item for place in places for item in place]
        elif part == "*":
            found = [item for place in places for item in place.values()]
        else:
            found = [place[part] for place in places if isinstance(place, dict) and part in place]
        if not found:
            return str(key.role) == "choice"  # an allowed value, not a place
        places = found
    return True


def test_a_value_without_what_is_required_is_refused_with_its_path():
    assert errors_of(payload("wifi-managed"), {"EncryptionType": "WPA2"}) == {}
    assert errors_of(payload("airprint"), {"AirPrint": [{"IPAddress": "10.0.0.1"}]}) == {
        "AirPrint.0.ResourcePath": "is required"
    }
    assert errors_of(command("RemoveProfile"), {}) == {"Identifier": "is required"}


@pytest.mark.parametrize(
    ("slug", "value", "path", "message"),
    [
        ("dock", {"tilesize": "large"}, "tilesize", "must be a whole number, not text"),
        ("dock", {"tilesize": 4}, "tilesize", "must be from 16 to 128"),
        ("dock", {"tilesize": 64.5}, "tilesize", "must be a whole number, not a number"),
        ("dock", {"autohide": 2}, "autohide", "must be true or false, not a whole number"),
        ("dock", {"autohide": "yes"}, "autohide", "must be true or false, not text"),
        ("dock", {"orientation": "top"}, "orientation", "must be one of bottom, left, right"),
        ("font", {"Font": "AAAA"}, "Font", "must be data, not text"),
        ("font", {"Font": {}}, "Font", "must be data, not a dictionary"),
        ("homescreenlayout", {"Dock": b"", "Pages": []}, "Dock", "must be a list, not data"),
        ("dnssettings-managed", {"DNSSettings": b"x"}, "DNSSettings", "must be a dictionary, not data"),
        ("mdm", {"CheckInURL": "http://a.example"}, "CheckInURL", "must be an address that begins with https://"),
        ("profileremovalpassword", {"RemovalPassword": 1}, "RemovalPassword", "must be text, not a whole number"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(slug, value, path, message):
    assert errors_of(payload(slug), value)[path] == message


def test_numbers_that_stand_for_yes_and_no_are_sent_as_numbers():
    vpn = payload("vpn-managed")
    key = next(k for k in vpn.walk() if k.type == "integer" and set(k.allowed) == {0, 1} and len(k.path) == 2)
    outer, inner = key.path

    def told(value) -> list[tuple]:
        problems = validate(vpn, {outer: {inner: value}})
        return [(p.level, p.message) for p in problems if p.key_path == key.key_path]

    assert told(1) == []
    assert told(True) == [("warning", "should be a whole number, not true or false")]
    assert told(2) == [("error", "must be one of 0, 1")]


@pytest.mark.parametrize(
    ("slug", "value", "message"),
    [
        ("dock", {"tilesize": 64.0}, "should be a whole number, not a number"),
        ("dock", {"autohide": 1}, "should be true or false, not a whole number"),
        ("dock", {"PayloadVersion": 1.0}, "should be a whole number, not a number"),
    ],
)
def test_the_right_number_in_the_wrong_type_is_a_warning(slug, value, message):
    """Profiles in use have these, Apple's own examples among them, and devices take one for the other."""
    [problem] = validate(payload(slug), value)

    assert (problem.code, problem.level, problem.message) == ("number_kind", "warning", message)
    assert errors_of(payload(slug), value) == {}


def test_single_values_may_be_allowed_besides_a_range():
    """Energy Saver's timers take 1 to 180 minutes, and 0 for never: both a list and a range are stated."""
    saver, at = payload("mcx-energysaver"), "com.apple.EnergySaver.desktop.ACPower"

    for minutes in (0, 1, 180):
        assert errors_of(saver, {at: {"Display Sleep Timer": minutes}}) == {}
    assert errors_of(saver, {at: {"Display Sleep Timer": 181}}) == {
        f"{at}.Display Sleep Timer": "must be 0 or from 1 to 180"
    }
    assert not saver.find((at, "Display Sleep Timer")).is_closed


def test_regular_expressions_match_from_end_to_end():
    """One of Apple's reads `^a|b$`, which by itself would take anything that begins well."""
    wifi = payload("wifi-managed")

    assert errors_of(wifi, {"RoamingConsortiumOIs": ["0011AA", "0011AA22B"]}) == {}
    for wrong in ("0011AA22", "0011AA\n", "x0011AA"):
        assert "RoamingConsortiumOIs.0" in errors_of(wifi, {"RoamingConsortiumOIs": [wrong]})


def test_how_often_an_item_comes_is_checked():
    scep = payload("security-scep")
    pair = scep.find("PayloadContent.Subject.[].[].[]")

    assert pair.repetition == (2, 2)
    wrong = {"PayloadContent": {"URL": "https://example.com", "Subject": [[["CN"]]]}}
    assert errors_of(scep, wrong)["PayloadContent.Subject.0.0"] == "must have 2 items"


def test_settings_are_told_apart_by_their_item():
    settings = command("Settings")
    assert len(settings.find("Settings").variants) == 20
    assert settings.find("Settings").discriminator == "Item"

    value = {"Settings": [{"Item": "Bluetooth", "Enabled": True}, {"Item": "DeviceName", "DeviceName": 5}]}
    assert errors_of(settings, value) == {"Settings.1.DeviceName": "must be text, not a whole number"}
    assert errors_of(settings, {"Settings": [{"Item": "Wallpaper"}]}).keys() == {"Settings.0.Image", "Settings.0.Where"}
    assert "Settings.0.Item" in errors_of(settings, {"Settings": [{"Enabled": True}]})
    assert "Settings.0.Item" in errors_of(settings, {"Settings": [{"Item": "Unheard"}]})


def test_a_setting_whose_item_apples_file_forgets_has_one_all_the_same():
    """As release 27.0 has DefaultApplications."""
    rows = [
        [0, "Settings", {"type": "array", "presence": "required"}],
        [1, "Bluetooth", {"type": "dictionary"}],
        [2, "Item", {"type": "string", "presence": "required", "allowed": ["Bluetooth"]}],
        [1, "DefaultApplications", {"type": "dictionary"}],
        [2, "WebBrowser", {"type": "string"}],
    ]
    settings = Entry(Kind.COMMAND, "settings-27", "Settings", "settings.yaml", {}, {"keys": rows})

    assert maximal(settings)["Settings"][1] == {"Item": "DefaultApplications", "WebBrowser": "text"}
    assert validate(settings, maximal(settings)) == []
    assert errors_of(settings, {"Settings": [{"Item": "DefaultApplications", "WebBrowser": 1}]}) == {
        "Settings.0.WebBrowser": "must be text, not a whole number"
    }


def test_allowed_values_of_a_string_may_have_support_of_their_own():
    queries = command("DeviceInformation").find("Queries.[]")
    udid = next(choice for choice in queries.choices if choice.name == "UDID")

    assert "UDID" in queries.allowed and queries.subkeys == ()
    assert udid.type == "string" and udid.role == "choice"
    assert not udid.availability("ios", "18.0", enrollment_kind="user").is_available
    assert errors_of(command("DeviceInformation"), {"Queries": ["UDID", "Nothing"]}).keys() == {"Queries.1"}


def nest(inner: str, around: dict, depth: int, last) -> list:
    """Return a list of one dictionary that has such a list again under a key, depth times, and last inside."""
    return last if depth == 0 else [around | {inner: nest(inner, around, depth - 1, last)}]


SUB_APP = {"bundleID": "com.example", "appID": b"x"}
FOLDER = {"Type": "Folder", "Title": "Folder"}


@pytest.mark.parametrize("last", [[], "not a list"])
def test_recursive_structures_are_checked_at_any_depth(last):
    expected = [] if last == [] else ["must be a list, not text"]
    apps = {"familyControlsEnabled": True, "allowList": nest("subApps", SUB_APP, 5, last)}
    assert list(errors_of(payload("applicationaccess-new"), apps).values()) == expected

    folder = [[{"Type": "Folder", "Pages": last}]]
    screens = {"Pages": [[{"Type": "Folder", "Pages": folder}]], "Dock": [{"Type": "Folder", "Pages": folder}]}
    problems = errors_of(payload("homescreenlayout"), screens)
    assert list(problems.values()) == expected * 2

    bookmarks = [{"Type": "Folder", "Title": "Folder", "Folder": nest("Folder", FOLDER, 4, last)}]
    group = {"GroupIdentifier": "one", "Title": "One", "Bookmarks": bookmarks}
    safari = CATALOGUE.entry(Kind.DECLARATION, "configuration-safari-bookmarks")
    assert list(errors_of(safari, {"ManagedBookmarks": [group]}).values()) == expected


def test_recursion_is_kept_as_a_reference():
    recursive = {
        (entry.slug, key.key_path, key.recursion.key_path)
        for kind in Kind
        for entry in CATALOGUE.entries(kind)
        for key in entry.walk()
        if key.recursion
    }

    assert recursive == {
        ("applicationaccess-new", "allowList.[].subApps", "allowList"),
        ("applicationaccess-new", "whiteList.[].subApps", "whiteList"),
        ("homescreenlayout", "Dock.[].Pages.[]", "Dock"),
        ("homescreenlayout", "Pages.[].[].Pages", "Pages"),
        (
            "configuration-safari-bookmarks",
            "ManagedBookmarks.[].Bookmarks.[].Folder.[]",
            "ManagedBookmarks.[].Bookmarks.[]",
        ),
    }
    deep = payload("applicationaccess-new").find("allowList.[].subApps.[].subApps.[].bundleID")
    assert deep.key_path == "allowList.[].bundleID"


def test_any_name_is_checked_by_what_the_entry_for_any_says():
    extensions = payload("system-extension-policy")

    assert errors_of(extensions, {"AllowedSystemExtensions": {"TEAMID": ["com.example.x"]}}) == {}
    assert errors_of(extensions, {"AllowedSystemExtensions": {"TEAMID": "com.example.x"}}) == {
        "AllowedSystemExtensions.TEAMID": "must be a list, not text"
    }
    assert errors_of(payload("firstethernet-managed"), {"ProxyServer": "proxy.example.com", "Anything": 1}) == {}
    assert payload("firstethernet-managed").find("ProxyServer").is_any


def test_unknown_keys_are_notes_at_any_depth():
    value = {"SSID_STR": "Office", "Future": 1, "QoSMarkingPolicy": {"Later": True}}
    problems = validate(payload("wifi-managed"), value)

    assert [(p.key_path, p.code, p.is_error) for p in problems] == [
        ("Future", "unknown_key", False),
        ("QoSMarkingPolicy.Later", "unknown_key", False),
    ]


def test_the_common_keys_belong_to_every_payload_and_none_is_asked_for():
    common = {"PayloadType": "com.apple.dock", "PayloadUUID": "u", "PayloadIdentifier": "i", "PayloadVersion": 1}

    assert validate(payload("dock"), common) == []
    assert validate(payload("dock"), {}) == []
    assert errors_of(payload("dock"), common | {"PayloadVersion": "1"}).keys() == {"PayloadVersion"}
    assert errors_of(payload("dock"), common | {"PayloadType": "com.apple.finder"}).keys() == {"PayloadType"}


def test_what_is_required_depends_on_platform_and_enrollment():
    token_update = CATALOGUE.entry(Kind.CHECKIN, "TokenUpdate")
    udid, enrollment_id = token_update.find("UDID"), token_update.find("EnrollmentID")
    message = minimal(token_update)

    assert udid.is_required and enrollment_id.is_required
    assert not udid.is_always_required and not enrollment_id.is_always_required
    in_user_enrollment = Target("ios", "18.0", enrollment_kind="user", channel="device")
    assert [p.key_path for p in validate(token_update, message, in_user_enrollment)] == ["EnrollmentID"]
    by_device = Target("ios", "18.0", enrollment_kind="device", channel="device")
    assert [p.key_path for p in validate(token_update, message, by_device)] == ["UDID"]


def test_values_that_devices_report_may_be_newer_than_the_catalogue():
    state = CATALOGUE.entry(Kind.STATUS_ITEM, "migration-assistant.state")

    assert "none" not in state.find(("migration-assistant.state",)).allowed
    assert errors_of(state, {"migration-assistant.state": "none"}) == {}
    assert json_schema(state)["properties"]["migration-assistant.state"]["examples"]


def test_data_and_dates_are_what_they_are():
    wifi = payload("mobiledevice-passwordpolicy")
    assert errors_of(wifi, {"maxInactivity": datetime(2026, 1, 1, tzinfo=UTC)}) == {
        "maxInactivity": "must be a whole number, not a date"
    }
    dated = next((entry, key) for entry in CATALOGUE.entries(Kind.PAYLOAD) for key in entry.keys if key.type == "date")
    entry, key = dated
    assert key.name not in errors_of(entry, {key.name: datetime(2026, 1, 1)})
    assert errors_of(entry, {key.name: "2026-01-01"})[key.name] == "must be a date, not text"


def test_what_is_no_dictionary_is_told():
    assert errors_of(payload("dock"), ["x"]) == {"value": "must be a dictionary, not a list"}


def test_the_key_of_a_place_is_found_among_variants():
    settings = command("Settings")
    value = {"Settings": [{"Item": "DeviceName", "DeviceName": "x"}]}

    assert key_at(settings, value, ("Settings", 0, "DeviceName")).key_path == "Settings.[DeviceName].DeviceName"
    assert key_at(settings, value, ("Settings", 0, "Unknown")) is None


def test_validation_changes_neither_the_value_nor_the_catalogue():
    entry = catalogue().entry(Kind.PAYLOAD, "wifi-managed")
    value, schema = maximal(entry), copy.deepcopy(json_schema(entry))
    before = copy.deepcopy(value)
    validate(entry, value)

    assert value == before
    assert json_schema(entry) == schema

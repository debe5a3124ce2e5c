"""What several payloads of a type come to, rule by rule."""

import pytest

from profiles.merging import Outcome, Rule, State, contributions_of, merge

RESTRICTIONS = "com.apple.applicationaccess"
PASSCODE = "com.apple.mobiledevice.passwordpolicy"


def merged(*payloads: dict, system: str = "iOS", shown: dict | None = None) -> dict:
    contributions = []
    for number, payload in enumerate(payloads):
        values = {"PayloadContent": [{"PayloadUUID": str(number)} | payload]}
        masked = {"PayloadContent": [values["PayloadContent"][0] | (shown or {})]}
        contributions += contributions_of(number, values, masked)
    return {(setting.payload_uuid or "", setting.key): setting for setting in merge(contributions, system)}


@pytest.mark.parametrize(
    ("kind", "key", "values", "result"),
    [
        (RESTRICTIONS, "allowCamera", (True, False), False),
        (RESTRICTIONS, "safariAllowPopups", (False, True), False),
        (RESTRICTIONS, "forceEncryptedBackup", (False, True), True),
        # Off unless allowed, so the default does not tell what is stricter.
        (RESTRICTIONS, "allowUnmanagedToReadManagedContacts", (True, False), False),
        (PASSCODE, "minLength", (6, 8), 8),
        (PASSCODE, "maxInactivity", (15, 5), 5),
        (PASSCODE, "forcePIN", (False, True), True),
        (PASSCODE, "allowSimple", (True, False), False),
        (PASSCODE, "pinHistory", (3, 5), 5),
    ],
)
def test_the_strictest_value_of_restrictions_and_passcode_rules_holds(kind, key, values, result):
    setting = merged(*({"PayloadType": kind, key: value} for value in values))["", key]

    assert (setting.rule, setting.state, setting.value) == (Rule.STRICTEST, State.COMBINED, result)
    outcomes = [Outcome.IN_FORCE if value == result else Outcome.OVERRULED for value in values]
    assert [voice.outcome for voice in setting.voices] == outcomes


@pytest.mark.parametrize(
    ("kind", "key", "values", "system"),
    [
        (RESTRICTIONS, "ratingRegion", ("us", "de"), "iOS"),
        (RESTRICTIONS, "allowCamera", (True, "no"), "iOS"),
        (PASSCODE, "minLength", (6, "eight"), "iOS"),
        ("com.apple.loginwindow", "LoginwindowText", ("a", "b"), "macOS"),
        ("com.example.app", "Server", ("a", "b"), "macOS"),
        ("com.apple.dock", "orientation", ("left", "right"), "macOS"),
    ],
)
def test_where_no_rule_decides_it_is_a_conflict_without_a_value(kind, key, values, system):
    setting = merged(*({"PayloadType": kind, key: value} for value in values), system=system)["", key]

    assert (setting.state, setting.value) == (State.CONFLICT, None)
    assert [voice.value for voice in setting.voices] == list(values)


def test_one_payload_a_device_disagrees_also_where_it_is_silent():
    docks = [{"PayloadType": "com.apple.dock", "orientation": "left"}, {"PayloadType": "com.apple.dock"}]

    assert merged(*docks, system="macOS")["", "orientation"].is_conflict
    notifications = {"PayloadType": "com.apple.notificationsettings", "NotificationSettings": []}
    assert {key[0] for key in merged(notifications, notifications, system="macOS")} == {"0", "1"}
    assert {key[0] for key in merged(notifications, notifications, system="iOS")} == {""}


def test_networks_apply_each_by_itself_and_equal_values_agree():
    wifi = [{"PayloadType": "com.apple.wifi.managed", "SSID_STR": name} for name in ("a", "b")]
    by_itself = merged(*wifi)

    assert {key: (setting.rule, setting.value) for key, setting in by_itself.items()} == {
        ("0", "SSID_STR"): (Rule.BY_ITSELF, "a"),
        ("1", "SSID_STR"): (Rule.BY_ITSELF, "b"),
    }
    camera = {"PayloadType": RESTRICTIONS, "allowCamera": False}
    assert merged(camera, camera)["", "allowCamera"].state is State.AGREED
    assert merged(camera)["", "allowCamera"].state is State.ALONE


def test_values_that_may_not_be_seen_are_compared_and_not_shown():
    app = [{"PayloadType": "com.example.app", "Password": value} for value in ("one", "one", "two")]
    hidden = {"Password": "[redacted]"}

    agreed = merged(*app[:2], shown=hidden)["", "Password"]
    differ = merged(*app, shown=hidden)["", "Password"]
    assert (agreed.state, agreed.value) == (State.AGREED, "[redacted]")
    assert differ.is_conflict and {voice.value for voice in differ.voices} == {"[redacted]"}

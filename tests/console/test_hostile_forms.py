"""Forms as an attacker fills them in: the rule preview, composing, declarations. An answer, never a 5xx."""

import json

import pytest

from devices.models import CustomAttribute
from tests import factories

PREVIEW = "/console/devices/group/preview/"
ODD_VALUES = [None, True, -1, 10**30, 1.5, "", "x" * 5000, "\0", "\ud800", [], {}, [[]], [None], {"a": 1}]


@pytest.mark.parametrize("kind", CustomAttribute.Kind.values)
def test_an_attribute_of_any_kind_is_previewed_or_refused(console, kind):
    CustomAttribute.objects.create(name="odd", kind=kind)
    factories.make_device("ios")
    wrong = []
    for word in ("is", "is not", "<", "in", "contains", "is set", "within days", "has"):
        for value in ODD_VALUES:
            rule = json.dumps({"fact": "attribute", "of": "odd", "is": word, "value": value})
            response = console.post(PREVIEW, {"rule": rule})
            if response.status_code >= 500:
                wrong.append((word, str(value)[:20], response.status_code))
    assert wrong == []


@pytest.mark.parametrize("rule", [
    "[" * 100_000, '{"not":' * 50_000, "NaN", "1e999", "9" * 10_000,
    '{"fact": "battery_level", "is": "<", "value": 1e999}',
    '{"fact": "battery_level", "is": "<", "value": NaN}', '{"fact": "name", "is": "is", "value": "\\u0000"}',
    '{"fact": "name", "is": "is", "value": "\\ud800"}', '"\\ud800"', '{"\\ud800": 1}', "x" * 600_000,
], ids=range(12))  # fmt: skip
def test_a_rule_that_is_none_is_refused_and_previewed_without_an_error_of_ours(console, rule):
    assert console.post(PREVIEW, {"rule": rule}).status_code < 500


@pytest.mark.parametrize(
    "address",
    ["/console/commands/command/compose/settings/preview/", "/console/commands/command/compose/mirroring-request/",
     "/console/profiles/declaration/add/?type=com.apple.configuration.management.test"],
)  # fmt: skip
def test_a_form_with_odd_fields_is_shown_again_or_refused(console, address):
    odd = {
        "v:/ScanTime": "9" * 10_000, "v:/DestinationName": "a\0b", "i:/Settings": ["0!", "!", "0!No", "\0", "/", "~"],
        "v:": "x", "y:": "plist", "i:": ["*", "*0", "*~"], "n:/*0": "a\0", "y:/*0": "plist", "n:/*": "x",
        "v:/*0": "<array>" * 20_000, "y:/*": "real", "v:/*": "nan", "v:/Echo": "\ufffe\x01", "name": "n\0",
        "confirm": "١",
        "k:/Password": "x.s", "u:/Image": "../../etc/passwd", "group": "9" * 50, "e:/Settings": "1",
    }  # fmt: skip
    assert console.post(address, odd).status_code < 500

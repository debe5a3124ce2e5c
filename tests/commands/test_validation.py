"""What of a command is refused before it is sent: structure, Apple's schema, and what the command means."""

import pytest

from commands.validation import InvalidCommand, check_command, check_structure
from profiles import catalogue
from profiles.catalogue import examples
from tests import factories


def errors(request_type, payload, **options) -> dict[str, str]:
    with pytest.raises(InvalidCommand) as told:
        check_command(request_type, payload, **options)
    return told.value.fields


@pytest.mark.parametrize(
    "request_type", ["", "Erase Device", "1Lock", "../EraseDevice", "Lock\n", "É" * 3, "x" * 200, 7]
)
def test_a_request_type_is_letters_and_digits(request_type):
    assert "request_type" in errors(request_type, {})


@pytest.mark.parametrize("key", ["RequestType", "CommandUUID", "Command"])
def test_what_the_server_sets_cannot_be_brought_along(key):
    assert errors("ProfileList", {key: "EraseDevice"}) == {f"payload.{key}": "is set by the server"}


def test_the_payload_is_a_dictionary():
    with pytest.raises(InvalidCommand):
        check_structure("ProfileList", ["a"])


@pytest.mark.parametrize(
    ("request_type", "payload", "path"),
    [
        ("InstallProfile", {}, "payload.Payload"),
        ("InstallProfile", {"Payload": "text"}, "payload.Payload"),
        ("RemoveProfile", {}, "payload.Identifier"),
        ("RemoveProfile", {"Identifier": 7}, "payload.Identifier"),
        ("DeviceInformation", {}, "payload.Queries"),
        ("DeviceInformation", {"Queries": "OSVersion"}, "payload.Queries"),
        ("Settings", {}, "payload.Settings"),
        ("DeviceLock", {"PIN": "12345"}, "payload.PIN"),
        ("EraseDevice", {"PIN": "12345a"}, "payload.PIN"),
        ("EraseDevice", {"ObliterationBehavior": "Sometimes"}, "payload.ObliterationBehavior"),
        ("ScheduleOSUpdate", {"Updates": [{"InstallAction": "Soon"}]}, "payload.Updates.0.InstallAction"),
    ],
)
def test_what_apples_schema_refuses_is_named_by_its_key_path(request_type, payload, path):
    assert path in errors(request_type, payload)


def test_allowed_values_are_named():
    told = errors("EraseDevice", {"ObliterationBehavior": "Sometimes"})["payload.ObliterationBehavior"]
    assert "ObliterateWithWarning" in told and "DoNotObliterate" in told


def test_a_key_that_apples_schema_does_not_have_is_refused_unless_it_is_wished():
    told = errors("RestartDevice", {"Notify": True})
    assert list(told) == ["payload.Notify"]
    check_command("RestartDevice", {"Notify": True}, allows_unknown=True)


def test_allowing_unknown_keys_allows_nothing_else():
    assert "payload.Queries" in errors("DeviceInformation", {"Queries": 7, "New": 1}, allows_unknown=True)


def test_keys_that_are_filled_in_for_each_device_are_not_missed():
    check_command("ClearPasscode", {})
    check_command("RotateFileVaultKey", {})


def test_a_command_newer_than_the_schema_is_let_through_where_it_is_wished():
    check_command("BrandNewCommand", {"Anything": [1, {"a": b"b"}]}, allows_unknown=True)


@pytest.mark.parametrize("entry", catalogue.commands(), ids=lambda entry: entry.type)
def test_the_examples_of_every_command_pass_the_schema(entry):
    """Nothing that Apple's schema allows may be refused by reading it wrongly."""
    for make in (examples.minimal, examples.maximal):
        try:
            check_command(entry.type, make(entry))
        except InvalidCommand as error:
            # An example knows the schema only; what a command means beyond it is said by its meaning.
            from commands.meanings import meaning_of

            assert {f"payload.{path}" for path in meaning_of(entry.type).check(make(entry))} == set(error.fields)


@pytest.mark.parametrize(
    "content", [b"", b"\x00\x01\x02", b"<plist><dict/></plist>", b"not a profile", factories.mobileconfig()[:-40]]
)
def test_a_profile_that_no_device_can_read_is_not_sent(content):
    assert list(errors("InstallProfile", {"Payload": content})) == ["payload.Payload"]


def test_a_readable_profile_is_sent_signed_or_not():
    check_command("InstallProfile", {"Payload": factories.mobileconfig()})

"""Variables: what counts as one, how dollars are escaped, and values by device in few statements."""

import pytest

from devices.models import AttributeValue, CustomAttribute
from profiles.variables import Use, fill, unknown_variables, used_variables, values_for
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$UDID", "u-1"),
        ("a$UDID-b", "au-1-b"),
        ("$UDIDs", "u-1s"),
        ("$UDID_$UDID", "u-1_u-1"),
        ("$UDID_", "u-1_"),
        ("$$UDID", "$UDID"),
        ("$$$UDID", "$u-1"),
        ("$$$$UDID", "$$UDID"),
        ("$UDID2", "$UDID2"),
        ("$$UNKNOWN $UNKNOWN", "$UNKNOWN $UNKNOWN"),
        ("costs $5, $$5, pa$$word, $, $$", "costs $5, $$5, pa$$word, $, $$"),
        ("$udid $Udid $U", "$udid $Udid $U"),
        ("no dollars", "no dollars"),
    ],
)
def test_dollars_and_words(text, filled):
    assert fill({"Key": [text]}, {"UDID": "u-1"}) == {"Key": [filled]}


def test_a_long_run_of_dollars_is_read_once():
    text = "$" * 1_000_000
    assert fill(text, {"UDID": "u-1"}) == text


def test_a_value_is_not_read_for_variables_again():
    assert fill("$DEVICE_NAME", {"DEVICE_NAME": "$UDID $$UDID", "UDID": "u-1"}) == "$UDID $$UDID"


def test_only_text_values_are_touched_and_never_what_identifies_a_payload():
    content = {
        "PayloadIdentifier": "$UDID",
        "PayloadUUID": "$UDID",
        "PayloadDisplayName": "$UDID",
        "Number": 1,
        "PayloadContent": [{"PayloadUUID": "$UDID", "PayloadType": "$UDID", "$UDID": b"$UDID"}],
    }
    filled = fill(content, {"UDID": "u-1"})

    assert filled == content | {"PayloadDisplayName": "u-1"}
    assert used_variables(content) == ["UDID"]


def test_words_that_are_no_variables_are_named_with_their_key_paths():
    CustomAttribute.objects.create(name="building", label="Building")
    content = {"PayloadContent": [{"Text": "$BUILDING $FLOOR", "List": ["$$ROOM", "$ROOM"]}]}

    assert used_variables(content) == ["BUILDING"]
    unknown = unknown_variables(content)
    assert unknown == [
        Use(("PayloadContent", 0, "Text"), "FLOOR"),
        Use(("PayloadContent", 0, "List", 1), "ROOM"),
    ]
    assert unknown[0].key_path == "PayloadContent.0.Text"


def test_values_of_many_channels_take_two_statements(django_assert_num_queries):
    building = CustomAttribute.objects.create(name="building-a", label="Building")
    person = factories.make_person(name="Anna", email="anna@example.com")
    channels = [factories.make_channel(factories.make_device(person=person)) for _ in range(3)]
    user_channel = factories.make_channel(channels[0].device, user_key="U1")
    bare = factories.make_channel(factories.make_device(udid=None, serial_number=None, name="Bell\x07"))
    AttributeValue.objects.create(device=channels[0].device, attribute=building, value="North")

    names = ["UDID", "SERIAL_NUMBER", "DEVICE_NAME", "USER_NAME", "USER_EMAIL", "BUILDING_A"]
    with django_assert_num_queries(2):
        values = values_for([*channels, user_channel, bare], names)
    device = channels[0].device
    assert values[channels[0].pk] == {
        "UDID": device.udid,
        "SERIAL_NUMBER": device.serial_number,
        "DEVICE_NAME": device.name,
        "USER_NAME": "Anna",
        "USER_EMAIL": "anna@example.com",
        "BUILDING_A": "North",
    }
    assert values[user_channel.pk]["USER_NAME"] == "Anna Gardener"
    assert "BUILDING_A" not in values[channels[1].pk]
    assert values[bare.pk] == {"DEVICE_NAME": "Bell"}


def test_the_value_of_a_secret_attribute_is_for_devices_only():
    channel = factories.make_channel()
    value = factories.make_secret_value(channel.device, "wifi-key", "correct horse")

    assert values_for([channel], ["WIFI_KEY"]) == {channel.pk: {"WIFI_KEY": "correct horse"}}
    assert values_for([channel], ["WIFI_KEY"], for_people=True) == {channel.pk: {"WIFI_KEY": "[redacted]"}}
    AttributeValue.objects.filter(pk=value.pk).update(value_encrypted=b"damaged")
    assert values_for([channel], ["WIFI_KEY"]) == {channel.pk: {}}, "as if there were none: nothing wrong is sent"

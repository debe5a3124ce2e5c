"""Tags and custom attributes: values checked by kind, many at once, from CSV; rules hear of them."""

import pytest

from devices import attributes, groups, outbox, secret_attributes
from devices.attribute_import import import_attributes
from devices.models import AttributeValue, CustomAttribute, Device, Event, Tag
from devices.secret_attributes import text_of
from devices.timeline import SYSTEM
from mdm_project.errors import BadRequest, Conflict
from tests import factories

pytestmark = pytest.mark.django_db


def define(name: str, kind: str = "text") -> CustomAttribute:
    return attributes.define_attribute(name, kind=kind, actor=SYSTEM)


def values(device: Device) -> dict[str, str]:
    return dict(device.attribute_values.values_list("attribute__name", "value"))


def changed_devices() -> list[list[int]]:
    rows = outbox.Outbox.objects.filter(kind="inventory_changed").order_by("id")
    return [row.payload["device_ids"] for row in rows]


def test_an_attribute_is_defined_once_and_its_name_is_usable_as_a_variable():
    attribute = attributes.define_attribute("cost-center", label="Cost center", kind="number", actor=SYSTEM)

    assert (attribute.label, attribute.kind) == ("Cost center", "number")
    assert define("room").label == "room"
    for taken in ("cost-center", "COST_CENTER"):
        with pytest.raises(Conflict):
            define(taken)
    for name, kind, field in (("two words", "text", "name"), ("", "text", "name"), ("size", "colour", "kind")):
        with pytest.raises(BadRequest) as refused:
            define(name, kind)
        assert field in refused.value.fields


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("text", " Lab 9 ", "Lab 9"),
        ("number", 7, "7"),
        ("number", "07.50", "7.5"),
        ("number", -0.25, "-0.25"),
        ("number", "100", "100"),
        ("number", 1e-7, "0.0000001"),
        ("date", "2026-01-31", "2026-01-31"),
        ("date", "2026-01-31T10:00:00+01:00", "2026-01-31T10:00:00+01:00"),
        ("boolean", True, "true"),
        ("boolean", "No", "false"),
        ("version", "1.10.2", "1.10.2"),
    ],
)
def test_values_are_kept_as_text_in_the_form_of_their_kind(kind, given, kept):
    device = factories.make_device()
    define("it", kind)

    assert attributes.set_attributes({device.pk: {"it": given}}, actor=SYSTEM) == 1
    assert values(device) == {"it": kept}
    assert attributes.set_attributes({device.pk: {"it": kept}}, actor=SYSTEM) == 0


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("text", 7),
        ("text", "a\0"),
        ("text", "a" * 1001),
        ("number", "seven"),
        ("number", "nan"),
        ("number", True),
        ("number", [1]),
        ("number", "1e400"),
        ("date", "31.1.2026"),
        ("date", "2026-02-30"),
        ("boolean", 1),
        ("boolean", []),
        ("version", "beta"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_and_nothing_is_set(kind, given):
    device = factories.make_device()
    define("it", kind)
    define("other")

    with pytest.raises(BadRequest) as refused:
        attributes.set_attributes({device.pk: {"other": "good", "it": given, "third": "x"}}, actor=SYSTEM)
    assert refused.value.fields.keys() == {f"{device.pk}.it", f"{device.pk}.third"}
    assert values(device) == {}


def test_values_of_many_devices_are_set_changed_and_removed_at_once(django_assert_max_num_queries):
    devices = [factories.make_device() for _ in range(20)]
    define("room")
    define("floor", "number")
    attributes.set_attributes({device.pk: {"room": "old", "floor": 1} for device in devices}, actor=SYSTEM)
    outbox.Outbox.objects.all().delete()
    wanted = {device.pk: {"room": "new", "floor": None} for device in devices[1:]}

    with django_assert_max_num_queries(12):
        assert attributes.set_attributes(wanted | {devices[0].pk: {"room": "old"}}, actor=SYSTEM) == 19

    assert values(devices[0]) == {"room": "old", "floor": "1"}
    assert values(devices[1]) == {"room": "new"}
    assert changed_devices() == [[device.pk for device in devices[1:]]]
    event = Event.objects.filter(device=devices[1]).order_by("-id").first()
    assert event.summary == "room is now new, floor is now empty"


def test_an_attribute_that_a_rule_uses_is_not_deleted():
    device = factories.make_device()
    used, unused = define("room"), define("floor")
    attributes.set_attributes({device.pk: {"floor": "1"}}, actor=SYSTEM)
    groups.create_group(
        "Lab", kind="smart", rule={"not": {"fact": "attribute", "of": "room", "is": "is set"}}, actor=SYSTEM
    )

    with pytest.raises(Conflict, match="room is used by the rule of group Lab"):
        attributes.delete_attribute(used, actor=SYSTEM)
    attributes.delete_attribute(unused, actor=SYSTEM)
    assert list(CustomAttribute.objects.values_list("name", flat=True)) == ["room"]
    assert not AttributeValue.objects.exists()


def test_tags_are_put_on_devices_and_taken_off(django_assert_max_num_queries):
    devices = [factories.make_device() for _ in range(20)]
    ids = [device.pk for device in devices]
    attributes.set_tags(devices[0], ["loaner", " lab "], actor=SYSTEM)
    assert set(devices[0].tags.values_list("name", flat=True)) == {"loaner", "lab"}
    attributes.set_tags(devices[0], ["loaner"], actor=SYSTEM)
    assert set(devices[0].tags.values_list("name", flat=True)) == {"loaner"}

    with django_assert_max_num_queries(10):
        assert attributes.add_tags(ids, ["loaner", "new"], actor=SYSTEM) == 20
    assert attributes.add_tags(ids, ["loaner"], actor=SYSTEM) == 0
    assert Tag.objects.get(name="loaner").devices.count() == 20
    assert attributes.remove_tags(ids[:5], ["loaner", "unheard of"], actor=SYSTEM) == 5
    assert Tag.objects.get(name="loaner").devices.count() == 15
    assert [len(changed) for changed in changed_devices()] == [1, 1, 20, 5]
    summaries = Event.objects.filter(device=devices[0]).order_by("id").values_list("summary", flat=True)
    assert list(summaries) == ["tagged lab, loaner", "no longer tagged lab", "tagged new", "no longer tagged loaner"]
    for bad in ("", "a" * 61, "a\nb"):
        with pytest.raises(BadRequest):
            attributes.add_tags(ids, [bad], actor=SYSTEM)


def test_a_table_sets_attributes_by_serial_number():
    one, two = factories.make_device(), factories.make_device()
    hidden = factories.make_device()
    define("room")
    define("floor", "number")
    attributes.set_attributes({two.pk: {"room": "old"}}, actor=SYSTEM)
    text = (
        "\ufeffserial_number,room,floor\r\n"
        f'{one.serial_number},"Lab, left",2\r\n'
        f"{two.serial_number},,up\r\n"
        "\r\n"
        f"NOBODY,x,1\r\n{hidden.serial_number},x,1\r\n"
    )

    imported = import_attributes(text, Device.objects.exclude(pk=hidden.pk), actor=SYSTEM)

    assert imported.changed == 2
    assert imported.unknown == sorted(["NOBODY", hidden.serial_number])
    assert imported.problems == ["line 3: floor must be a number"]
    assert values(one) == {"room": "Lab, left", "floor": "2"}
    assert values(two) == values(hidden) == {}


@pytest.mark.parametrize(
    "text",
    ["", "room,serial_number\na,b", "serial_number,size\na,b", 'serial_number,room\n"a', "serial_number,room\na,b,c"],
)
def test_what_is_no_table_of_attributes_is_refused(text):
    define("room")

    with pytest.raises(BadRequest):
        import_attributes(text, Device.objects.all(), actor=SYSTEM)


# Secret attributes

WIFI = "correct horse 4711"


def define_secret(name: str = "wifi-key", kind: str = "text") -> CustomAttribute:
    return attributes.define_attribute(name, kind=kind, is_secret=True, actor=SYSTEM)


def stored(device: Device) -> AttributeValue:
    return device.attribute_values.select_related("attribute").get()


def told() -> str:
    return " | ".join(Event.objects.order_by("id").values_list("summary", flat=True))


def test_the_value_of_a_secret_attribute_is_encrypted_and_not_in_the_timeline():
    device = factories.make_device()
    define_secret()

    assert attributes.set_attributes({device.pk: {"wifi-key": WIFI}}, actor=SYSTEM) == 1
    row = stored(device)
    assert row.value == "" and WIFI.encode() not in bytes(row.value_encrypted)
    assert text_of(row) == WIFI and WIFI not in str(row)
    assert "wifi-key has a new value" in told() and WIFI not in told()
    for same in (WIFI, "[redacted]"):
        assert attributes.set_attributes({device.pk: {"wifi-key": same}}, actor=SYSTEM) == 0
    assert attributes.set_attributes({device.pk: {"wifi-key": "another"}}, actor=SYSTEM) == 1
    assert text_of(stored(device)) == "another"
    assert attributes.set_attributes({device.pk: {"wifi-key": None}}, actor=SYSTEM) == 1
    assert not AttributeValue.objects.exists()


def test_a_secret_value_does_not_open_in_another_row():
    one, two = factories.make_device(), factories.make_device()
    define_secret()
    attributes.set_attributes({one.pk: {"wifi-key": WIFI}, two.pk: {"wifi-key": "other"}}, actor=SYSTEM)

    two.attribute_values.update(value_encrypted=stored(one).value_encrypted)
    assert text_of(stored(two)) is None


def test_a_secret_value_of_the_wrong_kind_is_refused_without_quoting_it():
    device = factories.make_device()
    for kind in ("number", "date", "boolean", "version"):
        define_secret(f"of-{kind}", kind)
        with pytest.raises(BadRequest) as refused:
            attributes.set_attributes({device.pk: {f"of-{kind}": WIFI}}, actor=SYSTEM)
        assert WIFI not in f"{refused.value.detail} {refused.value.fields}"


def test_a_table_sets_secret_attributes_and_its_report_quotes_none():
    one, two = factories.make_device(), factories.make_device()
    define_secret()
    define_secret("code", "number")
    text = (
        "serial_number,wifi-key,code\n"
        f"{one.serial_number},{WIFI},planted-code\n"
        f"{two.serial_number},[redacted],\nNOBODY,{WIFI},1\n"
    )

    imported = import_attributes(text, Device.objects.all(), actor=SYSTEM)

    assert imported.changed == 1 and imported.unknown == ["NOBODY"]
    assert imported.problems == ["line 2: code must be a number", "line 3: wifi-key must be the value itself"]
    assert text_of(stored(one)) == WIFI
    assert WIFI not in told()


def test_an_attribute_becomes_secret_with_the_values_it_has_and_stays_so(django_assert_max_num_queries, monkeypatch):
    monkeypatch.setattr(secret_attributes, "BATCH", 8)
    devices = [factories.make_device() for _ in range(20)]
    attribute = define("wifi-key")
    attributes.set_attributes({device.pk: {"wifi-key": f"{WIFI}-{device.pk}"} for device in devices}, actor=SYSTEM)

    with django_assert_max_num_queries(14):
        secret_attributes.make_secret(attribute, actor=SYSTEM)

    attribute.refresh_from_db()
    assert attribute.is_secret
    assert not AttributeValue.objects.exclude(value="").exists()
    assert text_of(stored(devices[19])) == f"{WIFI}-{devices[19].pk}"
    assert "attribute wifi-key is secret now; 20 values encrypted" in told()
    before = Event.objects.count()
    secret_attributes.make_secret(attribute, actor=SYSTEM)
    assert Event.objects.count() == before, "a second time changes nothing"


def test_an_attribute_that_a_rule_uses_is_not_made_secret():
    device = factories.make_device()
    used = define("room")
    attributes.set_attributes({device.pk: {"room": "Lab"}}, actor=SYSTEM)
    groups.create_group(
        "Lab", kind="smart", rule={"fact": "attribute", "of": "room", "is": "is", "value": "Lab"}, actor=SYSTEM
    )

    with pytest.raises(Conflict, match="room is used by the rule of group Lab; rules cannot look at secrets"):
        secret_attributes.make_secret(used, actor=SYSTEM)
    used.refresh_from_db()
    assert not used.is_secret and stored(device).value == "Lab"


def test_a_secret_value_is_revealed_for_a_reason_and_the_timeline_says_so():
    device = factories.make_device()
    define_secret()
    define("room")
    attributes.set_attributes({device.pk: {"wifi-key": WIFI}}, actor=SYSTEM)

    with pytest.raises(BadRequest):
        secret_attributes.reveal_attribute(stored(device), actor=SYSTEM, reason=" ")
    assert secret_attributes.reveal_attribute(stored(device), actor=SYSTEM, reason="a visitor") == WIFI
    event = Event.objects.get(kind="secret_revealed")
    assert event.summary == "wifi-key (custom attribute) revealed: a visitor" and event.device_id == device.pk
    other = factories.make_device()
    attributes.set_attributes({other.pk: {"room": "Lab"}}, actor=SYSTEM)
    with pytest.raises(BadRequest, match="room is not secret"):
        secret_attributes.reveal_attribute(stored(other), actor=SYSTEM, reason="curious")

"""Finding a device by whatever somebody on the telephone can read out, with typing errors.

Texts are compared folded (devices.folding). What is the text comes first, then what begins with it, then what contains
it; only where nothing does, what resembles it (pg_trgm), the likest first whatever the number. The database keeps what
is looked in as ``search_text`` of devices and people, each value between newlines, with a GIN index for what contains a
text and a GiST index for what is nearest to it (migration 0011).
"""

import re

from django.db.models import FloatField, Q
from django.db.models.expressions import RawSQL

from devices.folding import fold
from devices.models import Device, Person

MAX_TEXT = 100
CANDIDATES = 60
SHORTEST = 4
# One wrong letter in a serial number of ten costs three of its eleven trigrams, two letters that changed places in a
# word of six cost four of its seven.
FARTHEST = 0.58
COLUMNS = (
    "serial_number", "udid", "name", "imei", "meid", "phone_number", "asset_tag", "wifi_mac", "bluetooth_mac",
    "ethernet_mac",
)  # fmt: skip
_LOOKALIKES = str.maketrans("oil", "011")
_HEX = re.compile(r"[0-9a-f]{12}\Z")
_DIALLED = re.compile(r"\+?[0-9 ()./\-]+\Z")
SHORTEST_NUMBER = 6
# What its SIMs are called is beside search_text (of which the database makes a whole table anew), with its own index.
_DEVICES = (
    "SELECT id FROM devices_device WHERE search_text LIKE ANY(%s)"
    " UNION SELECT id FROM devices_device WHERE sim_numbers LIKE ANY(%s) AND sim_numbers <> ''"
)
_OF_PEOPLE = (
    "SELECT id FROM devices_device WHERE person_id IN (SELECT id FROM devices_person WHERE search_text LIKE ANY(%s))"
)
_ENROLLED = "SELECT device_id FROM devices_enrollment WHERE key = ANY(%s)"


def find_devices(text: str, user, limit: int = 20) -> list[Device]:
    """Return the devices that somebody may see and most likely means, the likeliest first; none for an empty text."""
    text = plain(text)
    if not text:
        return []
    visible = Device.objects.visible_to(user)
    forms = _forms(text)
    ids = _found(visible, forms) or nearest(visible, text)
    complete = Device.objects.filter(pk__in=ids).with_enrollment().with_last_seen().select_related("person")
    return sorted(complete, key=lambda device: _rank(device, text, forms))[:limit]


def containing(text: str) -> Q:
    """Return the condition that a device, its user or an enrollment id of its contains a text; none an empty."""
    folded, text = plain(text), text.replace("\x00", "").strip()
    if not folded:
        return Q(pk__in=[])
    inside, keys = _patterns("%{}%", _forms(folded)), [text, text.lower(), text.upper()]
    statement = f"{_DEVICES} UNION {_OF_PEOPLE} UNION {_ENROLLED}"
    return Q(pk__in=RawSQL(statement, [inside, inside, inside, keys]))


def nearest(visible, text: str) -> list[int]:
    """Return the ids of those of a queryset's devices, not more than CANDIDATES, that a text resembles most."""
    text = plain(text)
    # The domain of an address is the same for the whole company: it tells nobody apart and makes all alike.
    name = text.partition("@")[0]
    text = name if len(name) >= SHORTEST else text
    if len(text) < SHORTEST:
        return []
    people = _nearest(Person.objects.all(), "devices_person", text)
    theirs = visible.filter(person__in=people).order_by("id").values_list("pk", flat=True)[:CANDIDATES]
    return list(dict.fromkeys([*_nearest(visible, "devices_device", text), *theirs]))


def is_exact(device: Device, text: str) -> bool:
    """Say whether the text is one of the device's values, not only like one."""
    text = plain(text)
    return _rank(device, text, _forms(text))[0] == 0


def plain(text: str) -> str:
    """Return a text that somebody typed in the form in which it is looked for."""
    return " ".join(fold(text.replace("\x00", "")[:MAX_TEXT]).split())[:MAX_TEXT]


def _found(visible, forms: list[str]) -> list[int]:
    """Hundreds of one batch of devices contain a text: then equal ones and beginnings are asked for on their own."""
    found: dict[int, None] = {}
    for statement, number in ((_DEVICES, 2), (_OF_PEOPLE, 1)):
        for pattern in ("%{}%", "%\n{}\n%", "%\n{}%"):
            rows = visible.filter(pk__in=RawSQL(statement, [_patterns(pattern, forms)] * number)).order_by("id")
            ids = list(rows.values_list("pk", flat=True)[:CANDIDATES])
            found |= dict.fromkeys(ids)
            if pattern == "%{}%" and len(ids) < CANDIDATES:
                break
    return list(found)


def _nearest(rows, table: str, text: str) -> list[int]:
    distance = RawSQL(f"{table}.search_text <->> %s", [text], output_field=FloatField())
    likest = rows.order_by().annotate(distance=distance).order_by("distance").values_list("pk", "distance")
    return [pk for pk, far in likest[:CANDIDATES] if far <= FARTHEST]


def _forms(text: str) -> list[str]:
    """Return the ways in which the same may be stored: numbers with spaces, telephone numbers, hardware addresses."""
    forms = [text]
    bare = re.sub(r"[\s:.\-]", "", text)
    if _HEX.match(bare):
        forms.append(":".join(bare[i : i + 2] for i in range(0, 12, 2)))
    if bare != text and bare.lstrip("+").isdigit():
        forms.append(bare)
    return list(dict.fromkeys([*forms, *_dialled(text)]))


def _dialled(text: str) -> list[str]:
    """Return the digits of a telephone number: "+1 (202) 555-8613" and "001 202..." as 1202..., "0151..." as 151...

    Stored ones begin with the code of the country, so what is dialled before it, or instead of it, is left out.
    """
    if not _DIALLED.match(text):
        return []
    digits = re.sub(r"\D", "", text)
    return [digits, digits.lstrip("0")] if len(digits.lstrip("0")) >= SHORTEST_NUMBER else []


def _patterns(pattern: str, forms: list[str]) -> list[str]:
    return [pattern.format(re.sub(r"([\\%_])", r"\\\1", form)) for form in forms]


def _rank(device: Device, text: str, forms: list[str]) -> tuple:
    """Sort by how well the best of its values fits, then by name."""
    values = [fold(getattr(device, name) or "") for name in COLUMNS] + device.sim_numbers.split("\n")
    if device.person is not None:
        values += [fold(device.person.name), fold(device.person.email)]
    worst = min(_fit(value, form) for value in values for form in forms)
    return worst, -_likeness(values, text), device.name.lower(), device.pk


def _fit(value: str, form: str) -> int:
    if value == form:
        return 0
    if value.startswith(form):
        return 1
    return 2 if form in value else 4


def _likeness(values: list[str], text: str) -> float:
    """Return the share of the text's trigrams that the likest value has; 1 for what only looks like another letter."""
    if text.translate(_LOOKALIKES) in (value.translate(_LOOKALIKES) for value in values):
        return 1.0
    wanted = _trigrams(text)
    return max((len(wanted & _trigrams(value)) / len(wanted) for value in values if value), default=0)


def _trigrams(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}

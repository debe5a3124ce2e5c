"""Finding a device by whatever somebody on the telephone can read out, with typing errors.

Exact and beginning matches come first, then what contains the text, then what resembles it (pg_trgm). Both statements
use a trigram index each (migration 0009): one over the columns of a device, one over the name and address of a person.
"""

import re

from django.db import connection, transaction
from django.db.models import BooleanField, FloatField, Q
from django.db.models.expressions import RawSQL

from devices.models import Device, Person

MAX_TEXT = 100
CANDIDATES = 60
NEAR = 2000
SHORTEST = 4
LIKENESS = "0.45"
COLUMNS = (
    "serial_number", "udid", "name", "imei", "meid", "phone_number", "asset_tag", "wifi_mac", "bluetooth_mac",
    "ethernet_mac",
)  # fmt: skip
# As in the indexes, or they are not used.
DEVICE_TEXT = "lower(" + " || ' ' || ".join(f"coalesce(devices_device.{name}, '')" for name in COLUMNS) + ")"
PERSON_TEXT = "lower(coalesce(devices_person.name, '') || ' ' || coalesce(devices_person.email, ''))"
_HEX = re.compile(r"[0-9a-f]{12}\Z")


def find_devices(text: str, user, limit: int = 20) -> list[Device]:
    """Return the devices that somebody may see and most likely means, the likeliest first; none for an empty text.

    What contains the text is looked for first, equal values before all others; what only resembles it, where nothing
    does. Among more than NEAR that resemble it the likest may be missed.
    """
    text = " ".join(text.replace("\x00", "").lower().split())[:MAX_TEXT]
    if not text:
        return []
    forms = _forms(text)
    visible = Device.objects.visible_to(user).with_enrollment().with_last_seen().select_related("person")
    found = _containing(visible, forms)
    if not found and len(text) >= SHORTEST:
        found = _resembling(visible, text)
    return sorted(found.values(), key=lambda device: _rank(device, text, forms))[:limit]


def _containing(visible, forms: list[str]) -> dict[int, Device]:
    """A fleet bought in one batch has hundreds with the same beginning, so the equal one is asked for by itself."""
    inside = visible.filter(_contains(DEVICE_TEXT, forms)).order_by("id")
    found = {device.pk: device for device in inside.filter(_equal(forms))[:CANDIDATES]}
    people = Person.objects.filter(_contains(PERSON_TEXT, forms)).order_by("id").values_list("pk", flat=True)
    theirs = visible.filter(person__in=list(people[:NEAR])).order_by("id")
    for devices in (inside[:CANDIDATES], theirs[:CANDIDATES]):
        for device in devices:
            found.setdefault(device.pk, device)
    return found


def _resembling(visible, text: str) -> dict[int, Device]:
    with transaction.atomic():
        with connection.cursor() as cursor:
            # One wrong letter in a serial number of ten costs three of its eleven trigrams.
            cursor.execute("SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)", [LIKENESS])
        near = list(visible.filter(_resembles(DEVICE_TEXT, text)).order_by().values_list("pk", flat=True)[:NEAR])
        people = Person.objects.filter(_resembles(PERSON_TEXT, text)).order_by().values_list("pk", flat=True)[:NEAR]
        theirs = visible.filter(person__in=_nearest(Person, PERSON_TEXT, text, list(people)))[:CANDIDATES]
        likest = visible.filter(pk__in=_nearest(Device, DEVICE_TEXT, text, near))
        return {device.pk: device for devices in (likest, theirs) for device in devices}


def _nearest(model, document: str, text: str, ids: list[int]) -> list[int]:
    distance = RawSQL(f"%s <<-> {document}", [text], output_field=FloatField())
    nearest = model.objects.filter(pk__in=ids).order_by(distance, "id").values_list("pk", flat=True)
    return list(nearest[:CANDIDATES])


def is_exact(device: Device, text: str) -> bool:
    """Say whether the text is one of the device's values, not only like one."""
    text = " ".join(text.lower().split())
    return _rank(device, text, _forms(text))[0] == 0


def _equal(forms: list[str]) -> Q:
    """A serial number, a name and so on that is the text: found whatever else resembles it."""
    condition = Q()
    for form in forms:
        for name in COLUMNS:
            condition |= Q(**{f"{name}__iexact": form})
    return condition


def _forms(text: str) -> list[str]:
    """Return the ways in which the same may be stored: apostrophes, numbers with spaces, hardware addresses."""
    forms = [text]
    if "'" in text:
        forms.append(text.replace("'", "\u2019"))
    bare = re.sub(r"[\s:.\-]", "", text)
    if _HEX.match(bare):
        forms.append(":".join(bare[i : i + 2] for i in range(0, 12, 2)))
    if bare != text and bare.lstrip("+").isdigit():
        forms.append(bare)
    return forms


def _contains(document: str, forms: list[str]) -> RawSQL:
    patterns = ["%" + form.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%" for form in forms]
    return RawSQL(f"{document} LIKE ANY(%s)", [patterns], output_field=BooleanField())


def _resembles(document: str, text: str) -> RawSQL:
    return RawSQL(f"%s <%% {document}", [text], output_field=BooleanField())


def _rank(device: Device, text: str, forms: list[str]) -> tuple:
    """Sort by how well the best of its values fits, then by name."""
    values = [str(getattr(device, name) or "").lower() for name in COLUMNS]
    if device.person is not None:
        values += [device.person.name.lower(), device.person.email.lower()]
    worst = 4
    for form in forms:
        for value in values:
            if value == form:
                worst = min(worst, 0)
            elif value.startswith(form):
                worst = min(worst, 1)
            elif form in value:
                worst = min(worst, 2)
    return worst, -_likeness(values, text), device.name.lower(), device.pk


def _likeness(values: list[str], text: str) -> float:
    """Return the share of the text's trigrams that the likest value has."""
    wanted = _trigrams(text)
    return max((len(wanted & _trigrams(value)) / len(wanted) for value in values if value), default=0)


def _trigrams(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}

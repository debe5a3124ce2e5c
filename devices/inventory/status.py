"""Status reports of declarative management: one merged document a channel, as the device last told each part of it.

A report that is not full has only what changed; a full one replaces what was known. The document is kept encrypted,
like reports; what may be seen of it is an Answer. What it says is not worked out yet.

Apple: developer.apple.com/documentation/devicemanagement/statusreport
"""

import json

from django.db import transaction
from django.utils import timezone

from devices.inventory.answers import storable
from devices.models import Answer, Channel, DeclarativeStatus
from mdm_project.crypto import CannotDecrypt, seal_body, unseal

KEY = "DeclarativeManagement"
# Below this every list is the whole state of its kind; elsewhere lists have elements that come and go one by one.
_WHOLE = ("management", "declarations")


def keep_status(channel: Channel, report: dict) -> None:
    """Merge a status report into what the channel has told; two at the same moment are merged one after the other."""
    with transaction.atomic():
        DeclarativeStatus.objects.get_or_create(channel=channel, defaults={"reported_at": timezone.now()})
        status = DeclarativeStatus.objects.select_for_update().get(channel=channel)
        merged = merge_status(document_of(status), report)
        status.document_encrypted = seal_body(json.dumps(merged).encode(), _context(status))
        status.reported_at = timezone.now()
        status.save(update_fields=["document_encrypted", "reported_at"])
        Answer.objects.update_or_create(
            device_id=channel.device_id,
            user_key=channel.user_key,
            request_type=KEY,
            defaults={"content": storable(merged), "answered_at": status.reported_at},
        )


def document_of(status: DeclarativeStatus) -> dict:
    """Return the merged document; an empty one where there is none yet, or none that opens."""
    if not status.document_encrypted:
        return {}
    try:
        return json.loads(unseal(status.document_encrypted, _context(status)))
    except CannotDecrypt:
        return {}


def merge_status(known: dict, report: dict) -> dict:
    """Return what is known after a report: ``{"StatusItems": {...}, "Errors": [...]}``. Neither is changed.

    An error stands until its status item is told again, or another error of the same item comes.
    """
    told, errors = _dictionary(report.get("StatusItems")), _errors(report)
    if report.get("FullReport") is True:
        return {"StatusItems": _merged({}, told, ()), "Errors": errors}
    named = [error.get("StatusItem") for error in errors]
    standing = [
        error
        for error in _errors(known)
        if error.get("StatusItem") not in named and not _is_told(told, error.get("StatusItem"))
    ]
    return {"StatusItems": _merged(_dictionary(known.get("StatusItems")), told, ()), "Errors": standing + errors}


def _merged(known: dict, told: dict, path: tuple[str, ...]) -> dict:
    result = dict(known)
    for name, value in told.items():
        before, below = known.get(name), (*path, name)
        if isinstance(value, dict):
            result[name] = _merged(before if isinstance(before, dict) else {}, value, below)
        elif isinstance(value, list) and path[:2] != _WHOLE and _are_named(value):
            result[name] = _upserted(before if isinstance(before, list) and _are_named(before) else [], value)
        else:
            result[name] = value
    return result


def _are_named(items: list) -> bool:
    """Say whether each element has an identifier by which it is told of again."""
    return all(isinstance(item, dict) and isinstance(item.get("identifier"), str) for item in items)


def _upserted(before: list[dict], told: list[dict]) -> list[dict]:
    """Replace elements of the same identifier, add new ones, and take away what is told as removed."""
    by_name = {item["identifier"]: item for item in before}
    for item in told:
        if item.get("_removed") is True:
            by_name.pop(item["identifier"], None)
        else:
            by_name[item["identifier"]] = item
    return list(by_name.values())


def _is_told(items: dict, name) -> bool:
    """Say whether a status item, by its dotted name, is in a report, where names are nested."""
    found: object = items
    for part in name.split(".") if isinstance(name, str) else ():
        if not isinstance(found, dict) or part not in found:
            return False
        found = found[part]
    return isinstance(name, str)


def _errors(document: dict) -> list[dict]:
    errors = document.get("Errors")
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _dictionary(value) -> dict:
    return value if isinstance(value, dict) else {}


def _context(status: DeclarativeStatus) -> str:
    return f"declarative-status:{status.channel_id}"

"""Secrets in profiles, hidden from who may not see them, and kept when a hidden value comes back in a write.

Owns what differs for profiles from the rule of devices.redaction: certificates are no secret, and a write may carry
REDACTED where the secret stays as it is. All content is in the JSON form of mdm_project.plist.
"""

from cryptography import x509

from devices.redaction import REDACTED, redact
from mdm_project import plist
from mdm_project.errors import BadRequest
from profiles.content import Path, dotted

__all__ = ["REDACTED", "has_secrets", "mask", "restore"]

_CERTIFICATES = frozenset(
    {"com.apple.security.root", "com.apple.security.pem", "com.apple.security.pkcs1", "com.apple.security.der"}
)


def mask(content: dict) -> dict:
    """Return the content with REDACTED for every secret in it."""
    values = plist.from_json(content)
    shown = redact(values)
    for payload, masked in zip(_payloads(values), _payloads(shown), strict=True):
        if _is_certificate(payload):
            masked["PayloadContent"] = payload["PayloadContent"]
    return plist.to_json(shown)


def has_secrets(content: dict) -> bool:
    """Tell whether there is anything to hide."""
    return mask(content) != content


def _payloads(values: dict) -> list[dict]:
    payloads = values.get("PayloadContent")
    return [each for each in payloads if isinstance(each, dict)] if isinstance(payloads, list) else []


def _is_certificate(payload: dict) -> bool:
    """Tell whether a payload says it is a certificate and is nothing more: its type alone would let out a key."""
    data = payload.get("PayloadContent")
    if payload.get("PayloadType") not in _CERTIFICATES or not isinstance(data, bytes) or b"PRIVATE KEY" in data:
        return False
    try:
        load = x509.load_pem_x509_certificate if data.lstrip().startswith(b"-----") else x509.load_der_x509_certificate
        load(data)
    except (ValueError, x509.InvalidVersion):
        return False
    return True


def restore(content, stored, path: Path = ()):
    """Return the content with the stored secret wherever it says REDACTED; raises BadRequest where none is stored.

    Payloads are matched by PayloadUUID, everything else by key and place.
    """
    if content == REDACTED:
        if stored is None:
            raise BadRequest("A hidden value is kept only where it was.", fields={dotted(path): "no value is stored"})
        return stored
    if isinstance(content, dict):
        known = stored if isinstance(stored, dict) else {}
        return {key: restore(item, known.get(key), (*path, key)) for key, item in content.items()}
    if isinstance(content, list):
        return [restore(item, _counterpart(item, index, stored), (*path, index)) for index, item in enumerate(content)]
    return content


def _counterpart(item, index: int, stored):
    if not isinstance(stored, list):
        return None
    if isinstance(item, dict) and item.get("PayloadUUID"):
        same = [each for each in stored if isinstance(each, dict) and each.get("PayloadUUID") == item["PayloadUUID"]]
        return same[0] if same else None
    return stored[index] if index < len(stored) else None

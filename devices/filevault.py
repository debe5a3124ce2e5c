"""FileVault recovery keys: the key pair a Mac encrypts its own to, the profile that says so, and opening what comes.

One RSA pair a Mac, kept for ever: an old answer can still be read. What a device sends is believed to be a recovery
key only if it has the form of one.

Apple: developer.apple.com/documentation/devicemanagement/fderecoverykeyescrow
"""

import re
import uuid

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from django.db import transaction

from devices.models import Device, EscrowKey
from devices.own_profiles import FILEVAULT
from mdm_project import pki, plist
from mdm_project.crypto import seal, unseal
from mdm_project.enveloped import Recipient, open_enveloped
from mdm_project.errors import BadRequest

FOREIGN_KEY = "recovery_key_not_ours"  # the kind of an event
_FORM = re.compile(rb"[A-Z0-9]{4}(?:-[A-Z0-9]{4}){5}")
_NAMESPACE = uuid.UUID("4f1c5f0e-6f0b-4c8e-9a3d-6d5a4b0f7c21")


class UnreadableRecoveryKey(BadRequest):
    """The recovery key was encrypted to another certificate, or is none."""

    code = "unreadable_recovery_key"


def escrow_certificate(device: Device | int) -> bytes:
    """Return the certificate (DER) for a Mac's recovery keys; the first call makes it."""
    device_id = device.pk if isinstance(device, Device) else device
    row = EscrowKey.objects.filter(device=device_id).first()
    return bytes((row or _make(device_id)).certificate_der)


def _make(device_id: int) -> EscrowKey:
    with transaction.atomic():
        # One of two that come at once waits, and finds the other's. Not against those who write rows of the device.
        device = Device.objects.select_for_update(no_key=True).get(pk=device_id)
        row = EscrowKey.objects.filter(device=device).first()
        if row is not None:
            return row
        certificate, key = pki.make_escrow_pair(f"FileVault escrow {device.serial_number or device_id}")
        row = EscrowKey(device=device, certificate_der=certificate.public_bytes(Encoding.DER))
        encoded = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        row.key_encrypted = seal(encoded, row.key_context)
        row.save(force_insert=True)
        return row


def open_recovery_key(device_id: int, cms: bytes) -> bytes:
    """Return the recovery key in a CMS message of a Mac; raises UnreadableRecoveryKey."""
    rows = EscrowKey.objects.filter(device=device_id)
    recipients = [
        Recipient(
            x509.load_der_x509_certificate(bytes(row.certificate_der)),
            load_der_private_key(unseal(bytes(row.key_encrypted), row.key_context), None),
        )
        for row in rows
    ]
    if not recipients:
        raise UnreadableRecoveryKey("the recovery key is encrypted to a certificate that is not ours")
    try:
        opened = open_enveloped(cms, recipients)
    except BadRequest:
        raise UnreadableRecoveryKey("the recovery key is encrypted to a certificate that is not ours") from None
    key = opened.content.strip().strip(b"\0")
    if not _FORM.fullmatch(key):
        raise UnreadableRecoveryKey("what was opened does not have the form of a recovery key")
    return key


def filevault_profile(device: Device, *, bypass_attempts: int, location: str = "Espalier") -> bytes:
    """Return the profile (plist) that turns FileVault on at a login and has the recovery key handed to us.

    The same Mac gets the same identifiers and UUIDs, so installing it again replaces it.
    """
    certificate_uuid = _uuid(device, "certificate")
    payloads = [
        {
            "PayloadType": "com.apple.security.pkcs1",
            "PayloadContent": escrow_certificate(device),
            "PayloadCertificateFileName": "filevault-escrow.cer",
            "PayloadDisplayName": "FileVault escrow certificate",
        },
        {
            "PayloadType": "com.apple.security.FDERecoveryKeyEscrow",
            "Location": location,
            "EncryptCertPayloadUUID": certificate_uuid,
            "DeviceKey": device.serial_number or "",
            "PayloadDisplayName": "Recovery key escrow",
        },
        {
            "PayloadType": "com.apple.MCX.FileVault2",
            "Enable": "On",
            "Defer": True,
            "DeferForceAtUserLoginMaxBypassAttempts": bypass_attempts,
            "DeferDontAskAtUserLogout": True,
            "ShowRecoveryKey": False,
            "UseRecoveryKey": True,
            "PayloadDisplayName": "FileVault",
        },
    ]
    names = ("certificate", "escrow", "filevault")
    for name, payload in zip(names, payloads, strict=True):
        payload |= {
            "PayloadIdentifier": f"{FILEVAULT}.{name}",
            "PayloadUUID": _uuid(device, name),
            "PayloadVersion": 1,
        }
    return plist.dumps(
        {
            "PayloadType": "Configuration",
            "PayloadVersion": 1,
            "PayloadIdentifier": FILEVAULT,
            "PayloadUUID": _uuid(device, "profile"),
            "PayloadDisplayName": "FileVault",
            "PayloadDescription": "Encrypts this Mac and keeps its recovery key with your administrators.",
            "PayloadScope": "System",
            "PayloadContent": payloads,
        }
    )


def _uuid(device: Device, name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{device.pk}:{name}")).upper()

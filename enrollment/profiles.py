"""The enrollment profile: the configuration profile that makes a device a managed one.

Owns its content. Who may have it, and with which challenge, is decided in services. Apple: MDM (com.apple.mdm), SCEP
(com.apple.security.scep), CertificateRoot (com.apple.security.root).
"""

import hashlib
import uuid

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings

from devices import authorities
from devices.models import Enrollment
from devices.own_profiles import ENROLLMENT_PREFIX
from enrollment.models import EnrollmentProfile
from mdm_project import cms, plist

SIGN_AND_ENCRYPT = 5
KEY_BITS = 2048


def signed_enrollment_profile(
    profile: EnrollmentProfile, *, challenge: str, topic: str, enrollment: Enrollment | None = None
) -> bytes:
    """Return an enrollment profile as signed bytes.

    With an enrollment it is the renewal of that one: it repeats what the device was given, since a device refuses a
    profile that would change its URLs, its topic or its capabilities, or add access rights.
    """
    content = enrollment_profile_plist(profile, challenge=challenge, topic=topic, enrollment=enrollment)
    signer, authority = authorities.profile_signer(), authorities.issuing_authority()
    return cms.sign(plist.dumps(content), signer.certificate, signer.key, [authority.certificate])


def enrollment_profile_plist(
    profile: EnrollmentProfile, *, challenge: str, topic: str, enrollment: Enrollment | None = None
) -> dict:
    """Return the content of an enrollment profile; identifiers stay the same for one slug, so it replaces itself."""
    identifier = f"{ENROLLMENT_PREFIX}.{profile.slug}"
    authority = authorities.issuing_authority().certificate
    scep = _scep_payload(profile, identifier, authority, challenge)
    mdm = _mdm_payload(profile, identifier, topic, scep["PayloadUUID"], enrollment)
    root = _payload(identifier, "ca", "com.apple.security.root", profile)
    # The same root keeps its UUID, so that a renewal does not look like another certificate.
    root["PayloadUUID"] = _stable_uuid(hashlib.sha256(authority.public_bytes(Encoding.DER)).digest())
    root["PayloadContent"] = authority.public_bytes(Encoding.DER)
    return {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": _new_uuid(),
        "PayloadDisplayName": f"{profile.organization}: device management",
        "PayloadDescription": profile.description or f"Lets {profile.organization} manage this device.",
        "PayloadOrganization": profile.organization,
        "PayloadContent": [root, scep, mdm],
    }


def _payload(identifier: str, part: str, payload_type: str, profile: EnrollmentProfile) -> dict:
    names = {"ca": "Certificate authority", "scep": "Device identity", "mdm": "Device management"}
    return {
        "PayloadType": payload_type,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{identifier}.{part}",
        "PayloadUUID": _new_uuid(),
        "PayloadDisplayName": names[part],
        "PayloadOrganization": profile.organization,
    }


def _scep_payload(profile: EnrollmentProfile, identifier: str, authority: x509.Certificate, challenge: str) -> dict:
    return _payload(identifier, "scep", "com.apple.security.scep", profile) | {
        "PayloadContent": {
            "URL": f"{settings.PUBLIC_URL}/scep",
            "Name": authority.subject.rfc4514_string(),
            "Subject": [[["O", profile.organization]], [["CN", f"{profile.slug} {_new_uuid()}"]]],
            "Challenge": challenge,
            "Keysize": KEY_BITS,
            "Key Type": "RSA",
            "Key Usage": SIGN_AND_ENCRYPT,
            "KeyIsExtractable": False,
        }
    }


def _mdm_payload(
    profile: EnrollmentProfile, identifier: str, topic: str, identity_uuid: str, enrollment: Enrollment | None
) -> dict:
    return _payload(identifier, "mdm", "com.apple.mdm", profile) | {
        "IdentityCertificateUUID": identity_uuid,
        "Topic": topic,
        "ServerURL": enrollment.server_url if enrollment else f"{settings.PUBLIC_URL}/mdm/connect",
        "CheckInURL": enrollment.check_in_url if enrollment else f"{settings.PUBLIC_URL}/mdm/checkin",
        "SignMessage": True,
        "CheckOutWhenRemoved": profile.check_out_when_removed,
        "AccessRights": enrollment.access_rights if enrollment else profile.access_rights,
        "ServerCapabilities": enrollment.capabilities if enrollment else profile.server_capabilities,
    }


def _new_uuid() -> str:
    return str(uuid.uuid4()).upper()


def _stable_uuid(content: bytes) -> str:
    return str(uuid.UUID(bytes=content[:16], version=4)).upper()

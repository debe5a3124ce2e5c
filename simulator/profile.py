"""Configuration profiles and enrollment profiles, read and judged as a device does.

Owns the structure of a profile, its signature, the rules of the com.apple.mdm payload and those for updating it in
place. Does not install anything. Apple: TopLevel, com.apple.mdm, com.apple.security.scep.
"""

import plistlib
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding

from simulator import cms, plists
from simulator.chains import INSTALLATION, MDM, PAYLOAD, PROFILE, Refused, refuse

CONTENT_TYPE = "application/x-apple-aspen-config"
MDM_PAYLOAD, FONT_PAYLOAD = "com.apple.mdm", "com.apple.font"
FONTS = (b"\x00\x01\x00\x00", b"OTTO", b"true")  # one TrueType or OpenType font; no collections, no web fonts
IDENTITY_PAYLOADS = ("com.apple.security.scep", "com.apple.security.acme", "com.apple.security.pkcs12")
ROOT_PAYLOADS = ("com.apple.security.root", "com.apple.security.pem", "com.apple.security.pkcs1")
PER_USER, BOOTSTRAP_TOKEN = "com.apple.mdm.per-user-connections", "com.apple.mdm.bootstraptoken"
ALL_RIGHTS = 8191
IMMUTABLE = {
    "ServerURL": "server URL",
    "CheckInURL": "check-in URL",
    "Topic": "topic",
    "EnrollmentMode": "enrollment mode",
    "AssignedManagedAppleID": "managed Apple Account",
    "RequiredAppIDForMDM": "required app",
}


@dataclass(frozen=True)
class Configuration:
    """A structurally sound profile: raw bytes as received, its dictionary, and who signed it (DER, signer first)."""

    data: bytes
    content: dict
    signer_certificates: tuple[bytes, ...] = ()

    @property
    def identifier(self) -> str:
        return self.content["PayloadIdentifier"]

    @property
    def name(self) -> str:
        return self.content.get("PayloadDisplayName") or self.identifier

    @property
    def payloads(self) -> list[dict]:
        return self.content["PayloadContent"]

    def of_type(self, *types: str) -> list[dict]:
        return [payload for payload in self.payloads if payload["PayloadType"] in types]


def read_configuration(data: bytes, identity: cms.Identity | None = None) -> Configuration:
    """Parse a profile, signed or not, and check what every device checks; raise Refused.

    identity decrypts an encrypted profile; without one such a profile is refused.
    """
    plain, signers = _unwrap(data)
    try:
        content = plists.read_dictionary(plain)
    except plists.PlistError as error:
        raise refuse(PROFILE, 1000, f"The profile is invalid: {error}") from error
    if content.get("IsEncrypted") or "EncryptedPayloadContent" in content:
        content = content | {"PayloadContent": _decrypt(content, identity)}
    _check_top_level(content)
    for payload in content["PayloadContent"]:
        _check_payload(payload)
    uuids = [content["PayloadUUID"], *(payload["PayloadUUID"] for payload in content["PayloadContent"])]
    if len(set(uuids)) != len(uuids):
        raise refuse(PROFILE, 1007, "The profile contains non-unique payload UUIDs.")
    return Configuration(data, content, signers)


def _unwrap(data: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    if data[:1] != b"\x30":
        return data, ()
    try:
        signed = cms.open_signed(data)
    except cms.CmsError as error:
        raise refuse(PROFILE, 1004, f"The profile's signature is invalid: {error}") from error
    others = [one for one in signed.certificates if one != signed.signer]
    return signed.content, tuple(one.public_bytes(Encoding.DER) for one in (signed.signer, *others))


def _decrypt(content: dict, identity: cms.Identity | None) -> list:
    encrypted = content.get("EncryptedPayloadContent")
    if identity is None or not isinstance(encrypted, bytes):
        raise refuse(PROFILE, 1006, "The profile could not be decrypted.")
    try:
        return plistlib.loads(cms.open_envelope(encrypted, identity))
    except (cms.CmsError, plistlib.InvalidFileException) as error:
        raise refuse(PROFILE, 1006, f"The profile could not be decrypted: {error}") from error


def _check_top_level(content: dict) -> None:
    _need(content, "PayloadType", str, PROFILE)
    if content["PayloadType"] != "Configuration":
        raise refuse(INSTALLATION, 4011, "The profile is not a configuration profile.")
    _need(content, "PayloadVersion", int, PROFILE)
    if content["PayloadVersion"] != 1:
        raise refuse(PROFILE, 1001, "The profile's version is not supported.")
    _need(content, "PayloadIdentifier", str, PROFILE)
    _need(content, "PayloadUUID", str, PROFILE)
    _need(content, "PayloadContent", list, PROFILE)


def _check_payload(payload) -> None:
    if not isinstance(payload, dict):
        raise refuse(PAYLOAD, 2000, "The payload is malformed.")
    _need(payload, "PayloadType", str, PAYLOAD)
    _need(payload, "PayloadVersion", int, PAYLOAD)
    _need(payload, "PayloadIdentifier", str, PAYLOAD)
    _need(payload, "PayloadUUID", str, PAYLOAD)
    if payload["PayloadType"] == FONT_PAYLOAD:
        _need(payload, "Font", bytes, PAYLOAD)
        if not payload["Font"].startswith(FONTS):
            raise refuse(PAYLOAD, 2003, "The field “Font” is invalid: the data is not a TrueType or OpenType font.")


def _need(content: dict, key: str, kind: type, domain: str) -> None:
    base = 1000 if domain == PROFILE else 2000
    if key not in content or content[key] == "":
        raise refuse(domain, base + 2, f"The required field “{key}” is missing.")
    if not isinstance(content[key], kind) or isinstance(content[key], bool) is not (kind is bool):
        raise refuse(domain, base + 3, f"The field “{key}” is invalid.")


@dataclass(frozen=True)
class Enrollment:
    """What an accepted enrollment profile obliges a device to."""

    configuration: Configuration
    mdm: dict
    identity_payload: dict

    @property
    def topic(self) -> str:
        return self.mdm["Topic"]

    @property
    def server_url(self) -> str:
        return self.mdm["ServerURL"]

    @property
    def check_in_url(self) -> str:
        return self.mdm.get("CheckInURL", self.server_url)

    @property
    def signs_messages(self) -> bool:
        return self.mdm.get("SignMessage", False)

    @property
    def access_rights(self) -> int:
        return self.mdm.get("AccessRights", 0)

    @property
    def is_user_enrollment(self) -> bool:
        return self.mdm.get("EnrollmentMode") == "BYOD"

    @property
    def checks_out(self) -> bool:
        return self.mdm.get("CheckOutWhenRemoved", False)

    @cached_property
    def capabilities(self) -> frozenset[str]:
        return frozenset(self.mdm.get("ServerCapabilities", ()))

    @property
    def roots(self) -> list[bytes]:
        return [payload["PayloadContent"] for payload in self.configuration.of_type(*ROOT_PAYLOADS)]


def read_enrollment(configuration: Configuration, *, allow_http: bool = False) -> Enrollment:
    """Check the MDM payload of a profile as strictly as a device; raise Refused.

    Plain http is accepted for this machine only, unless allowed.
    """
    found = configuration.of_type(MDM_PAYLOAD)
    if len(found) != 1:
        raise refuse(MDM, 12001, f"The profile must contain exactly one MDM payload; it has {len(found)}.")
    mdm = found[0]
    for key in ("IdentityCertificateUUID", "Topic", "ServerURL"):
        _need(mdm, key, str, PAYLOAD)
    for key in ("SignMessage", "CheckOutWhenRemoved", "UseDevelopmentAPNS", "PinningRevocationCheckRequired"):
        if key in mdm:
            _need(mdm, key, bool, PAYLOAD)
    for key in ("ServerURL", "CheckInURL"):
        _check_url(mdm, key, allow_http)
    if not mdm["Topic"].startswith("com.apple.mgmt."):
        raise refuse(MDM, 12022, "The topic of the MDM payload is invalid.")
    _check_access_rights(mdm)
    _check_capabilities(mdm)
    _check_pins(configuration, mdm)
    return Enrollment(configuration, mdm, _identity_payload(configuration, mdm))


def _check_url(mdm: dict, key: str, allow_http: bool) -> None:
    if key not in mdm:
        return
    _need(mdm, key, str, PAYLOAD)
    url = urlsplit(mdm[key])
    is_local = url.hostname in ("localhost", "127.0.0.1", "::1")
    if not url.hostname or not (url.scheme == "https" or (url.scheme == "http" and (is_local or allow_http))):
        raise refuse(MDM, 12011, f"The field “{key}” of the MDM payload must be an https URL.")


def _check_access_rights(mdm: dict) -> None:
    if mdm.get("EnrollmentMode") == "BYOD":
        if "AccessRights" in mdm:
            raise refuse(MDM, 12000, "The MDM payload must not specify access rights for a user enrollment.")
        return
    _need(mdm, "AccessRights", int, PAYLOAD)
    rights = mdm["AccessRights"]
    lacks_inspection = (rights & 2 and not rights & 1) or (rights & 128 and not rights & 64)
    if not 0 < rights <= ALL_RIGHTS or lacks_inspection:
        raise refuse(MDM, 12000, "The MDM payload specifies invalid access rights.")


def _check_capabilities(mdm: dict) -> None:
    capabilities = mdm.get("ServerCapabilities", [])
    if not isinstance(capabilities, list) or not all(isinstance(one, str) for one in capabilities):
        raise refuse(PAYLOAD, 2003, "The field “ServerCapabilities” is invalid.")


def _check_pins(configuration: Configuration, mdm: dict) -> None:
    present = {payload["PayloadUUID"] for payload in configuration.of_type(*ROOT_PAYLOADS)}
    for key in ("ServerURLPinningCertificateUUIDs", "CheckInURLPinningCertificateUUIDs"):
        if set(mdm.get(key, ())) - present:
            raise refuse(MDM, 12005, f"A certificate named by “{key}” is not in the profile.")


def _identity_payload(configuration: Configuration, mdm: dict) -> dict:
    for payload in configuration.of_type(*IDENTITY_PAYLOADS):
        if payload["PayloadUUID"] == mdm["IdentityCertificateUUID"]:
            return payload
    raise refuse(MDM, 12016, "The identity certificate of the MDM payload could not be found.")


def check_update(current: Enrollment, new: Enrollment) -> None:
    """Check that a profile may replace the installed enrollment profile; raise Refused with the device's words."""
    if new.configuration.identifier != current.configuration.identifier:
        raise only_one()
    for key, words in IMMUTABLE.items():
        if new.mdm.get(key) != current.mdm.get(key):
            raise refuse(MDM, 12012, f"Update to MDM profile contains different {words}")
    if new.access_rights & ~current.access_rights:
        raise refuse(MDM, 12012, "Update to MDM profile contains additional access rights")
    if (PER_USER in new.capabilities) != (PER_USER in current.capabilities):
        raise refuse(MDM, 12012, "Update to MDM profile contains different server capabilities")


def only_one() -> Refused:
    """Make the refusal of a second enrollment."""
    return refuse(MDM, 12001, "Only one MDM payload per device: this device is already enrolled.")

"""From a draft or version to what a device or a person gets: plist bytes, for one device, signed or encrypted.

Owns the removal policy's keys, filling variables, the PayloadUUID of what devices get, signing and encrypting. What a
version contains was fixed when it was published, policy included. Downloads keep variables as they are written and the
profile's own PayloadUUID, so that they can be imported again.

Apple: developer.apple.com/documentation/devicemanagement/toplevel, .../profileremovalpassword
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils.crypto import salted_hmac

from devices.authorities import issuing_authority, profile_signer
from devices.models import Channel, Identity
from mdm_project import cms, plist
from mdm_project.crypto import CannotDecrypt, seal_body, unseal
from mdm_project.enveloped import envelope
from profiles import variables
from profiles.content import payloads_of
from profiles.errors import CannotEncrypt, RenderFailed
from profiles.models import Profile, ProfileVersion, RemovalPolicy
from profiles.removal_passwords import removal_password

REMOVAL_PASSWORD_TYPE = "com.apple.profileRemovalPassword"
_REMOVAL_KEYS = ("PayloadRemovalDisallowed", "HasRemovalPasscode", "RemovalDate", "DurationUntilRemoval")


def composed(profile: Profile) -> dict:
    """Return the content that publishing now would give: the draft under the removal policy, in JSON form.

    Without a policy the draft is as it is; with one, what it said about removal gives way.
    """
    draft = profile.draft
    policy = profile.removal_policy
    if policy is None:
        return draft
    kept = {key: value for key, value in draft.items() if key not in _REMOVAL_KEYS}
    kept["PayloadContent"] = [each for each in payloads_of(draft) if each.get("PayloadType") != REMOVAL_PASSWORD_TYPE]
    if policy.kind == RemovalPolicy.Kind.PASSWORD:
        return _with_password(profile, kept)
    return kept | plist.to_json(_policy_keys(policy))


def _policy_keys(policy: RemovalPolicy) -> dict:
    match policy.kind:
        case RemovalPolicy.Kind.MDM_ONLY:
            return {"PayloadRemovalDisallowed": True}
        case RemovalPolicy.Kind.DATE if policy.removal_date:
            return {"RemovalDate": policy.removal_date.replace(microsecond=0)}
        case RemovalPolicy.Kind.DURATION if policy.duration_s:
            return {"DurationUntilRemoval": float(policy.duration_s)}
    return {"PayloadRemovalDisallowed": False}


def _with_password(profile: Profile, content: dict) -> dict:
    password = removal_password(profile)
    content["PayloadRemovalDisallowed"] = True
    if password is None:  # the policy asks for one since a moment ago; publishing makes it
        return content
    payload = {
        "PayloadType": REMOVAL_PASSWORD_TYPE,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{profile.identifier}.removal-password",
        # The same in every version, so that devices see one payload.
        "PayloadUUID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{profile.identifier} removal password")).upper(),
        "RemovalPassword": password,
    }
    return content | {"HasRemovalPasscode": True, "PayloadContent": [*content["PayloadContent"], payload]}


# For devices

# Names of PayloadUUIDs that stand for a content.
_CONTENTS = uuid.UUID("7a2d1e0c-52ab-5a0b-9a5e-3f0c6b1d8e47")


@dataclass(frozen=True)
class Rendered:
    """What a channel gets, or why it can't be given.

    ``content`` has a PayloadUUID of its own for every version and every set of values, so that a device's list of
    profiles proves which one it has. ``digest`` is the SHA-256 of what was filled in, before that.
    """

    channel: Channel | None
    content: dict = field(default_factory=dict)
    digest: bytes = b""
    error: RenderFailed | None = None

    @property
    def uuid(self) -> str:
        return self.content.get("PayloadUUID", "")

    @cached_property
    def body(self) -> bytes | None:
        return None if self.error else plist.dumps(self.content)


def render(version: ProfileVersion, channel: Channel | None = None) -> bytes:
    """Return the plist for a channel; without one only where the version uses no variables, so all get the same.

    Raises RenderFailed, naming variable and device.
    """
    (rendered,) = render_each(version, [channel])
    if rendered.error:
        raise rendered.error
    return rendered.body


def render_each(version: ProfileVersion, channels: Iterable[Channel | None]) -> Iterator[Rendered]:
    """Render for many channels; what one lacks does not keep the others from theirs.

    None stands for no channel in particular, which has no values. Without variables all share one content.
    """
    channels = list(channels)
    values = plist.from_json(version.content)
    if not version.variables:
        same = _rendered(None, _fill(version, values, None, {}))
        yield from (replace(same, channel=channel) for channel in channels)
        return
    known = [channel for channel in channels if channel is not None]
    by_channel = variables.values_for(known, version.variables) if known else {}
    for channel in channels:
        try:
            filled = _fill(version, values, channel, by_channel.get(channel.pk, {}) if channel else {})
        except RenderFailed as error:
            yield Rendered(channel, error=error)
        else:
            yield _rendered(channel, filled)


def _rendered(channel: Channel | None, filled: dict) -> Rendered:
    digest = sha256(plist.dumps(filled)).digest()
    return Rendered(channel, filled | {"PayloadUUID": _uuid_of(digest)}, digest)


def _uuid_of(digest: bytes) -> str:
    """Return the PayloadUUID of a content: always the same, and telling nothing of what is in it.

    It stands in every list of profiles, so it is made with a key: by a bare digest, values that are secret and short
    could be guessed. Payloads inside keep their UUIDs, by which devices know what is updated and what replaced.
    """
    keyed = salted_hmac("profiles.rendering.uuid", digest, algorithm="sha256")
    return str(uuid.uuid5(_CONTENTS, keyed.hexdigest())).upper()


def seal_digest(version: ProfileVersion, digest: bytes) -> bytes:
    """Return what is kept of a body that was rendered for some channels, to know it again: its digest, encrypted."""
    return seal_body(digest, _digest_context(version))


def is_known(version: ProfileVersion, digest: bytes, sealed: bytes | None) -> bool:
    """Tell whether a digest is that of what was sent; one that can no longer be opened is not."""
    if sealed is None:
        return False
    try:
        return unseal(sealed, _digest_context(version)) == digest
    except CannotDecrypt:
        return False


def _digest_context(version: ProfileVersion) -> str:
    return f"rendered-digest:{version.pk}"


def _fill(version: ProfileVersion, content: dict, channel: Channel | None, values: dict[str, str]) -> dict:
    missing = [name for name in version.variables if name not in values]
    if missing:
        names = ", ".join(f"${name}" for name in missing)
        whom = f"{channel.device} ({channel})" if channel else "no device in particular"
        raise RenderFailed(f"{names} has no value for {whom}.", fields=dict.fromkeys(missing, "no value"))
    return variables.fill(content, values)


def encrypt_for(version: ProfileVersion, channel: Channel) -> bytes:
    """Return the profile as only this device can read it: its payloads encrypted to the device's identity.

    Raises CannotEncrypt where there is no RSA identity (elliptic curves would need a key agreement that not every OS
    has), RenderFailed.
    """
    content = plist.loads(render(version, channel))
    payloads = plist.dumps(content.pop("PayloadContent", []))
    content |= {"IsEncrypted": True, "EncryptedPayloadContent": envelope(payloads, _identity_certificate(channel))}
    return plist.dumps(content)


def _identity_certificate(channel: Channel) -> x509.Certificate:
    identities = Identity.objects.filter(enrollment_key=channel.enrollment_key, is_active=True)
    identity = identities.exclude(certificate_der=None).order_by("-id").first()
    if identity is None:
        raise CannotEncrypt(f"The certificate of {channel.device} is not known.")
    certificate = x509.load_der_x509_certificate(bytes(identity.certificate_der))
    if not isinstance(certificate.public_key(), rsa.RSAPublicKey):
        raise CannotEncrypt(f"The identity of {channel.device} is no RSA key, and only to those is encrypted.")
    return certificate


# For people


def sign(body: bytes) -> bytes:
    """Sign a profile with the installation's certificate; the authority travels with it."""
    signer = profile_signer()
    return cms.sign(body, signer.certificate, signer.key, [issuing_authority().certificate])


def download(source: Profile | ProfileVersion, *, is_signed: bool = False) -> bytes:
    """Return the .mobileconfig of a version, or of a profile as publishing now would make it, variables as written."""
    content = composed(source) if isinstance(source, Profile) else source.content
    body = plist.dumps(plist.from_json(content))
    return sign(body) if is_signed else body

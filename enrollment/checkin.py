"""Check-in: how a device introduces itself, keeps in touch and leaves. One handler per MessageType.

A handler returns (status, content type, bytes) or raises an error of the tree. Every message but Authenticate must
come under a certificate that is pinned to the device it names. Behaviour: Apple, "Check-in" of Device Management.
"""

from collections.abc import Callable
from json import dumps, loads

from django.conf import settings
from django.db import transaction

from apns.models import PushCertificate
from apns.services import request_wake
from commands.leaving import who_asked_to_leave
from commands.queue import clear_queue
from devices import channels, escrow
from devices.channels import Terms, require_pinned
from devices.contacts import note_check_in
from devices.identity import Presented
from devices.inventory.answers import storable
from devices.inventory.status import keep_status
from devices.keys import ChannelKey, channel_key
from devices.models import Channel, Enrollment, EscrowedSecret, Identity
from devices.same_serial import tell_of_another
from devices.timeline import record_event
from enrollment.models import ScepChallenge
from mdm_project import plist
from mdm_project.errors import BadRequest, Gone, NotFound, Refused

Response = tuple[int, str, bytes]

PLIST = "application/xml; charset=utf-8"
JSON = "application/json"
EMPTY: Response = (200, PLIST, b"")
MAX_PUSH_TOKEN_BYTES = 1024
# The token of "nothing is declared for you": it never changes, so a device that has it never syncs again.
NO_DECLARATIONS_TOKEN = "none"


class UnknownMessage(BadRequest):
    code = "unknown_message_type"


class UnknownTopic(Refused):
    code = "unknown_topic"


class InvalidMessage(BadRequest):
    code = "invalid_message"


def answer_check_in(body: bytes, presented: Presented) -> Response:
    """Answer one check-in message; raises errors of the tree for what must be refused."""
    message, _ = plist.loads_report(body)
    message_type = message.get("MessageType")
    handler = HANDLERS.get(message_type) if isinstance(message_type, str) else None
    if handler is None:
        raise UnknownMessage(f"MessageType {message_type!r} is not known here")
    key = channel_key(message)
    try:
        answer = handler(message, key, presented)
    except (Gone, NotFound):  # declined, and still the device
        note_check_in(key)
        raise
    note_check_in(key)
    return answer


def _field(message: dict, name: str, kind: type, *, max_length: int = 1000):
    value = message.get(name)
    if not isinstance(value, kind) or not value:
        raise InvalidMessage(f"{message['MessageType']} needs {name}", fields={name: "is missing or of a wrong type"})
    if len(value) > max_length or (kind is str and "\0" in value):
        raise InvalidMessage(f"{name} is too long or unreadable", fields={name: "is too long or unreadable"})
    return value


def _device_channel_only(message: dict, key: ChannelKey) -> None:
    if key.user:
        raise InvalidMessage(f"{message['MessageType']} belongs to the device channel")


# Joining and leaving


@transaction.atomic
def authenticate(message: dict, key: ChannelKey, presented: Presented) -> Response:
    """Begin an enrollment, or go on with the one whose identity is being renewed.

    A known device enrolls anew: its queue, push token, unlock token and bootstrap token of before are void, and the
    channel is closed until the TokenUpdate. One transaction, so that no half of it is ever seen.
    """
    _device_channel_only(message, key)
    topic = _field(message, "Topic", str)
    if not PushCertificate.objects.filter(topic=topic).exists():
        raise UnknownTopic(f"no push certificate here has the topic {topic}")
    identity = channels.pin_identity(key, presented)
    if _is_renewal(identity, key):
        record_event("identity_renewed", "renews its client certificate", device=_device_id(key), actor="device")
        return EMPTY
    channel = channels.begin_enrollment(message, key, topic, _terms_of(identity))
    tell_of_another(channel.device_id)
    ids = list(Channel.objects.filter(enrollment_key=key.enrollment).values_list("id", flat=True))
    clear_queue(ids, "the device enrolled again")
    came_back = Enrollment.objects.filter(key=key.enrollment, is_current=False).exists()
    summary = f"asks to enroll{' again' if came_back else ''}, certificate {identity.serial_hex}"
    record_event("authenticated", summary, device=channel.device_id, actor="device")
    return EMPTY


def _is_renewal(identity: Identity, key: ChannelKey) -> bool:
    """Tell a renewal from a new enrollment: the certificate was issued to go on, and the membership still runs."""
    if not identity.is_renewal:
        return False
    return Enrollment.objects.filter(key=key.enrollment, is_current=True, state=Enrollment.State.ENROLLED).exists()


def _device_id(key: ChannelKey) -> int | None:
    device_channels = Channel.objects.filter(enrollment_key=key.enrollment, user_key="")
    return device_channels.values_list("device_id", flat=True).first()


def _terms_of(identity: Identity) -> Terms:
    """What the enrollment profile behind an identity gave; the defaults for one from outside."""
    urls = {"server_url": f"{settings.PUBLIC_URL}/mdm/connect", "check_in_url": f"{settings.PUBLIC_URL}/mdm/checkin"}
    challenge = None
    if identity.challenge_id:
        challenge = ScepChallenge.objects.select_related("profile").filter(pk=identity.challenge_id).first()
    if challenge is None or challenge.profile is None:
        return Terms(**urls)
    profile = challenge.profile
    return Terms(
        profile_slug=profile.slug,
        access_rights=profile.access_rights,
        capabilities=tuple(profile.server_capabilities),
        **urls,
    )


@transaction.atomic
def token_update(message: dict, key: ChannelKey, presented: Presented) -> Response:
    """Keep the push token of a channel; the first one completes the enrollment."""
    require_pinned(key, presented)
    _field(message, "Topic", str)
    _field(message, "PushMagic", str)
    _field(message, "Token", bytes, max_length=MAX_PUSH_TOKEN_BYTES)
    channel = channels.update_token(message, key, presented)
    # What was queued while the channel had no token, or a dead one, was not pushed for.
    request_wake(Channel.objects.filter(pk=channel.pk, queue__finished_at=None, queue__isnull=False).distinct())
    return EMPTY


@transaction.atomic
def check_out(message: dict, key: ChannelKey, presented: Presented) -> Response:
    """End the membership, or close the channel of one user."""
    require_pinned(key, presented)
    asked_by = "" if key.user else who_asked_to_leave(key.enrollment)
    clear_queue(channels.check_out(key, asked_by=asked_by), "the device left management")
    return EMPTY


# Users of Macs


def user_authenticate(message: dict, key: ChannelKey, presented: Presented) -> Response:
    """Decline to manage network users (410, Apple's word for it), or let them in with an empty digest challenge."""
    require_pinned(key, presented)
    if not key.user or settings.USER_AUTHENTICATE != "empty_digest":
        raise Gone("users are not managed by this server")
    if message.get("DigestResponse"):
        return EMPTY
    return 200, PLIST, plist.dumps({"DigestChallenge": ""})


# Tokens


@transaction.atomic
def set_bootstrap_token(message: dict, key: ChannelKey, presented: Presented) -> Response:
    """Escrow the bootstrap token of a Mac; without one in it, forget the one that was kept."""
    require_pinned(key, presented)
    _device_channel_only(message, key)
    device_id = _device_id(key)
    token = message.get("BootstrapToken")
    if isinstance(token, bytes) and len(token) > escrow.MAX_SECRET_BYTES:
        raise InvalidMessage("the bootstrap token is too long", fields={"BootstrapToken": "is too long"})
    if isinstance(token, bytes) and token:
        escrow.keep_secret(device_id, EscrowedSecret.Kind.BOOTSTRAP_TOKEN, token)
        record_event("bootstrap_token_kept", "bootstrap token escrowed", device=device_id, actor="device")
        return EMPTY
    escrow.end_secrets(device_id, EscrowedSecret.Kind.BOOTSTRAP_TOKEN)
    record_event("bootstrap_token_cleared", "bootstrap token withdrawn", device=device_id, actor="device")
    return EMPTY


def get_bootstrap_token(message: dict, key: ChannelKey, presented: Presented) -> Response:
    """Return the escrowed bootstrap token; an empty body when there is none."""
    require_pinned(key, presented)
    _device_channel_only(message, key)
    token = escrow.current_value(_device_id(key), EscrowedSecret.Kind.BOOTSTRAP_TOKEN)
    if token is None:
        return EMPTY
    return 200, PLIST, plist.dumps({"BootstrapToken": token})


def get_token(message: dict, key: ChannelKey, presented: Presented) -> Response:
    """Refuse: no service gives out such tokens here yet."""
    require_pinned(key, presented)
    service = _field(message, "TokenServiceType", str)
    raise NotFound(f"no token of {service} can be given out: the service is not set up")


# Declarative management


def declarative_management(message: dict, key: ChannelKey, presented: Presented) -> Response:
    """Answer the declarative endpoints for a device that nothing is declared for."""
    require_pinned(key, presented)
    endpoint = _field(message, "Endpoint", str)
    if endpoint == "status":
        _keep_status(message, key)
        return 200, JSON, b""
    document = _DOCUMENTS.get(endpoint)
    if document is None:
        if endpoint.startswith("declaration/"):
            raise NotFound("this declaration does not exist")
        raise InvalidMessage(f"the endpoint {endpoint!r} is not known")
    return 200, JSON, document


def _json(document: dict) -> bytes:
    return dumps(document, separators=(",", ":")).encode()


_DOCUMENTS = {
    "tokens": _json({"SyncTokens": {"DeclarationsToken": NO_DECLARATIONS_TOKEN, "Timestamp": "2026-01-01T00:00:00Z"}}),
    "declaration-items": _json(
        {
            "Declarations": {"Activations": [], "Assets": [], "Configurations": [], "Management": []},
            "DeclarationsToken": NO_DECLARATIONS_TOKEN,
        }
    ),
}


def _keep_status(message: dict, key: ChannelKey) -> None:
    try:
        report = loads(message.get("Data") or b"null")
        storable(report)
    except (ValueError, TypeError, RecursionError) as error:  # not JSON, not UTF-8, too many digits, too deep
        raise InvalidMessage("the status report is not JSON") from error
    channel = Channel.objects.filter(enrollment_key=key.enrollment, user_key=key.user).first()
    if channel is not None and isinstance(report, dict):
        keep_status(channel, report)


HANDLERS: dict[str, Callable[[dict, ChannelKey, Presented], Response]] = {
    "Authenticate": authenticate,
    "TokenUpdate": token_update,
    "CheckOut": check_out,
    "UserAuthenticate": user_authenticate,
    "SetBootstrapToken": set_bootstrap_token,
    "GetBootstrapToken": get_bootstrap_token,
    "GetToken": get_token,
    "DeclarativeManagement": declarative_management,
}

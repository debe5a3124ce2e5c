"""Records for tests, made by plain functions: what is not given is plausible and unique. Nothing here is pushed."""

import hashlib
import itertools
import uuid
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from apns.models import PushCertificate
from commands.asking import ask
from commands.governor.models import HeldAction
from commands.models import Command, QueuedCommand, Report, report_context
from commands.workflows.batches import start_batch
from commands.workflows.models import WorkflowBatch
from devices.attributes import define_attribute, set_attributes
from devices.models import (
    AttributeValue,
    CertificateAuthority,
    Channel,
    ChannelContact,
    Device,
    Enrollment,
    Identity,
    Person,
)
from devices.timeline import SYSTEM, Actor
from enrollment.models import EnrollmentProfile
from mdm_project import plist
from mdm_project.crypto import seal, seal_body
from mdm_project.models import User
from profiles.composing import create_profile
from profiles.models import ItemStatus, Profile

TOPIC = "com.apple.mgmt.External.6d2f9f1c-0a6e-4c6e-9d6a-6a1b2c3d4e5f"
_MODELS = {
    "ios": ("iPhone17,1", "iPhone", "18.5"),
    "ipados": ("iPad16,3", "iPad", "18.5"),
    "macos": ("Mac16,1", "MacBook Pro", "15.5"),
    "tvos": ("AppleTV14,1", "Apple TV", "18.5"),
    "visionos": ("RealityDevice14,1", "Apple Vision Pro", "2.5"),
    "watchos": ("Watch7,1", "Apple Watch", "11.5"),
    "": ("", "", ""),
}
_numbers = itertools.count(1)


def make_person(**fields) -> Person:
    number = next(_numbers)
    return Person.objects.create(**{"name": f"Person {number}", "email": f"person{number}@example.com"} | fields)


def make_device(platform: str = "ios", **fields) -> Device:
    """Make a piece of hardware without an enrollment."""
    number = next(_numbers)
    model, model_name, version = _MODELS[platform]
    plausible = {
        "udid": str(uuid.uuid4()).upper(),
        "serial_number": f"TEST{number:08d}",
        "name": f"{model_name} {number}",
        "platform": platform,
        "model": model,
        "model_name": model_name,
        "os_version": version,
        "os_version_parts": [int(part) for part in version.split(".") if part],
        "build_version": "22F76",
    }
    return Device.objects.create(**plausible | fields)


def make_enrollment(device: Device | None = None, **fields) -> Enrollment:
    """Make a membership, enrolled unless told otherwise; its channel is made by `make_channel`."""
    device = device or make_device()
    plausible = {
        "key": device.udid or str(uuid.uuid4()).upper(),
        "state": Enrollment.State.ENROLLED,
        "topic": TOPIC,
        "server_url": "https://mdm.example.com/mdm/connect",
        "check_in_url": "https://mdm.example.com/mdm/checkin",
        "capabilities": ["com.apple.mdm.per-user-connections"],
        "enrolled_at": timezone.now(),
    }
    return Enrollment.objects.create(device=device, **plausible | fields)


def make_channel(
    device: Device | None = None, *, enrollment: Enrollment | None = None, user_key="", **fields
) -> Channel:
    """Make a device channel (or with ``user_key`` a user's) that can be pushed to and was just heard of.

    Without an enrollment it takes the current one of the device, or makes one. ``seen_at=None`` makes no contact.
    """
    seen_at = fields.pop("seen_at", timezone.now())
    if enrollment is None and device is not None:
        enrollment = device.enrollments.filter(is_current=True).order_by("-id").first()
    enrollment = enrollment or make_enrollment(device)
    plausible = {
        "state": Channel.State.ENABLED,
        "topic": enrollment.topic,
        "token": hashlib.sha256(f"{enrollment.key}:{user_key}".encode()).digest(),
        "push_magic": str(uuid.uuid4()).upper(),
        "token_updated_at": timezone.now(),
    }
    if user_key:
        plausible |= {"user_id": user_key, "user_short_name": "anna", "user_long_name": "Anna Gardener"}
    identity = {"enrollment_key": enrollment.key, "user_key": user_key}
    channel = Channel.objects.create(device=enrollment.device, enrollment=enrollment, **identity, **plausible | fields)
    if seen_at is not None:
        ChannelContact.objects.create(channel=channel, seen_at=seen_at)
    return channel


def make_fleet(number: int) -> QuerySet[Device]:
    """Enroll many iPhones with a handful of statements; return them in the order of their names."""
    first = next(_numbers)
    devices = Device.objects.bulk_create(
        Device(udid=f"UDID-{first}-{n}", serial_number=f"F{first:06d}{n:05d}", name=f"iPhone {n:05d}", platform="ios",
               os_version="18.5")
        for n in range(number)
    )  # fmt: skip
    enrollments = Enrollment.objects.bulk_create(
        Enrollment(device=device, key=device.udid, state=Enrollment.State.ENROLLED, topic=TOPIC,
                   server_url="https://mdm.example.com", check_in_url="https://mdm.example.com",
                   enrolled_at=timezone.now())
        for device in devices
    )  # fmt: skip
    channels = Channel.objects.bulk_create(
        Channel(device=each.device, enrollment=each, enrollment_key=each.key, state=Channel.State.ENABLED,
                topic=each.topic, token=each.key.encode(), push_magic=each.key)
        for each in enrollments
    )  # fmt: skip
    ChannelContact.objects.bulk_create(ChannelContact(channel=each, seen_at=timezone.now()) for each in channels)
    return Device.objects.filter(pk__in=[device.pk for device in devices]).order_by("name")


def make_command(request_type: str = "DeviceInformation", payload: dict | None = None, **fields) -> Command:
    """Make a command for nobody yet; ``payload`` are the keys beside RequestType."""
    command_uuid = fields.pop("uuid", None) or str(uuid.uuid4()).upper()
    body = {"CommandUUID": command_uuid, "Command": {"RequestType": request_type} | (payload or {})}
    plausible = {
        "body_encrypted": seal_body(plist.dumps(body), f"command:{command_uuid}"),
        "origin": Command.Origin.SYSTEM,
        "actor": "test",
    }
    return Command.objects.create(uuid=command_uuid, request_type=request_type, **plausible | fields)


def make_batch(device: Device) -> WorkflowBatch:
    """Start a workflow for a lost device as one on many, for whom it is the only one."""
    devices = Device.objects.filter(pk=device.pk)
    return start_batch("lost_device", devices, {"message": "Call"}, actor=SYSTEM, reason="lost", confirmed=1)


def make_queued(
    channel: Channel | None = None, command: Command | str = "DeviceInformation", **fields
) -> QueuedCommand:
    """Put a command (or a new one of that request type) into the queue of a channel, without a push."""
    channel = channel or make_channel()
    if isinstance(command, str):
        command = make_command(command)
    if fields.get("state", QueuedCommand.State.PENDING) not in QueuedCommand.WAITING:
        fields.setdefault("finished_at", timezone.now())
    queued = QueuedCommand.objects.create(channel=channel, command=command, **fields)
    Command.objects.filter(pk=command.pk).update(target_count=command.targets.count())
    return queued


def make_held(number: int = 6) -> HeldAction:
    """Have the erasing of some devices held: above five it waits for a second person."""
    channels = [make_channel().pk for _ in range(number)]
    user = make_staff(is_superuser=True)
    asked = ask(
        "EraseDevice", {}, Channel.objects.filter(pk__in=channels), actor=Actor.staff(user), reason="sold",
        confirmed=number,
    )  # fmt: skip
    return asked.held


def make_report(
    channel: Channel | None = None,
    answer: dict | None = None,
    *,
    request_type: str = "DeviceInformation",
    status: str = "Acknowledged",
    queued: QueuedCommand | None = None,
    body: bytes | None = None,
    **fields,
) -> Report:
    """Store the answer to a command as the hot path does: raw, encrypted, its queue row finished, not interpreted yet.

    ``answer`` are the keys beside Status, UDID and CommandUUID; ``body`` replaces the whole message.
    """
    channel = channel or (queued.channel if queued else make_channel())
    queued = queued or make_queued(channel, request_type)
    envelope = {"Status": status, "UDID": channel.enrollment_key, "CommandUUID": queued.command.uuid}
    raw = plist.dumps(envelope | (answer or {})) if body is None else body
    is_done = status in ("Acknowledged", "Error", "CommandFormatError")
    state = QueuedCommand.State.ACKNOWLEDGED if status == "Acknowledged" else QueuedCommand.State.FAILED
    if is_done:
        QueuedCommand.objects.filter(pk=queued.pk).update(state=state, finished_at=timezone.now())
    plausible = {
        "command_uuid": queued.command.uuid,
        "disposition": Report.Disposition.RESULT,
        "body_encrypted": seal_body(raw, report_context(channel.enrollment_key, channel.user_key)),
    }
    return Report.objects.create(channel=channel, queued=queued, status=status, **plausible | fields)


def make_staff(*permissions: str, is_superuser: bool = False, **fields) -> User:
    """Make somebody who may sign in to the console, with permissions named ``app.codename``; password ``password``."""
    from django.contrib.auth.models import Permission

    username = fields.pop("username", f"staff{next(_numbers)}")
    user = User.objects.create_user(username, password="password", is_staff=True, is_superuser=is_superuser, **fields)
    for name in permissions:
        app, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    return user


def make_enrollment_profile(**fields) -> EnrollmentProfile:
    number = next(_numbers)
    plausible = {"name": f"Profile {number}", "slug": f"profile-{number}", "requires_sign_in": False}
    return EnrollmentProfile.objects.create(**plausible | fields)


def make_profile(**fields) -> Profile:
    """Make a configuration profile with one payload, unpublished; ``payloads`` for others."""
    number = next(_numbers)
    wifi = {"PayloadType": "com.apple.wifi.managed", "SSID_STR": f"Network {number}"}
    plausible = {"name": f"Wi-Fi {number}", "identifier": f"com.example.wifi.{number}", "payloads": [wifi]}
    return create_profile(actor=SYSTEM, **plausible | fields)


def mobileconfig(**keys) -> bytes:
    """Return a configuration profile as somebody else's tool makes it: XML, unsigned."""
    number = next(_numbers)
    dock = {
        "PayloadType": "com.apple.dock",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"com.example.dock.{number}.payload",
        "PayloadUUID": str(uuid.uuid4()).upper(),
        "orientation": "left",
    }
    envelope = {
        "PayloadContent": [dock],
        "PayloadDisplayName": f"Dock {number}",
        "PayloadIdentifier": f"com.example.dock.{number}",
        "PayloadType": "Configuration",
        "PayloadUUID": str(uuid.uuid4()).upper(),
        "PayloadVersion": 1,
    }
    return plist.dumps(envelope | keys)


def make_authority(**fields) -> CertificateAuthority:
    """Make the row of an outside authority; its certificate is not a real one."""
    number = next(_numbers)
    plausible = {
        "name": f"Authority {number}",
        "kind": CertificateAuthority.Kind.OUTSIDE,
        "certificate_pem": "",
        "fingerprint": hashlib.sha256(f"authority {number}".encode()).digest(),
        "not_before": timezone.now() - timedelta(days=1),
        "not_after": timezone.now() + timedelta(days=3650),
    }
    return CertificateAuthority.objects.create(**plausible | fields)


def make_identity(enrollment_key: str = "", **fields) -> Identity:
    """Make the row of an identity, pinned when a key is given; its certificate is not a real one."""
    number = next(_numbers)
    plausible = {
        "fingerprint": hashlib.sha256(f"identity {number}".encode()).digest(),
        "origin": Identity.Origin.SCEP,
        "serial_hex": f"{number:x}",
        "subject": f"CN=device {number}",
        "key_hash": hashlib.sha256(f"key {number}".encode()).digest(),
        "not_before": timezone.now() - timedelta(days=1),
        "not_after": timezone.now() + timedelta(days=365),
        "enrollment_key": enrollment_key,
        "pinned_at": timezone.now() if enrollment_key else None,
    }
    authority = fields.pop("authority", None) or make_authority()
    return Identity.objects.create(authority=authority, **plausible | fields)


def make_push_certificate(**fields) -> PushCertificate:
    """Make the row of a push certificate; neither certificate nor key are real ones."""
    topic = fields.pop("topic", TOPIC)
    plausible = {
        "name": "Push certificate",
        "certificate_pem": "",
        "key_encrypted": seal(b"not a key", f"push-key:{topic}"),
        "fingerprint": hashlib.sha256(topic.encode()).digest(),
        "not_before": timezone.now() - timedelta(days=1),
        "not_after": timezone.now() + timedelta(days=300),
        "is_default": True,
    }
    return PushCertificate.objects.create(topic=topic, **plausible | fields)


def make_locked_profile(channel: Channel, password: str = "let-me-remove-it", **fields) -> Profile:
    """Make a profile with a removal password that is verified to be on a device."""
    profile = make_profile(**fields)
    profile.removal_password_encrypted = seal(password.encode(), profile.password_context)
    profile.save(update_fields=["removal_password_encrypted"])
    ItemStatus.objects.create(
        channel=channel, identifier=profile.identifier, profile=profile, state=ItemStatus.State.VERIFIED
    )
    return profile


def make_secret_value(device: Device, name: str, text: str = "correct horse") -> AttributeValue:
    """Make a secret attribute that a device has a value of."""
    define_attribute(name, is_secret=True, actor=SYSTEM)
    set_attributes({device.pk: {name: text}}, actor=SYSTEM)
    return AttributeValue.objects.select_related("attribute").get(device=device, attribute__name=name)

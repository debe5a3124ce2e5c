"""What a device is, and what proves, describes and remembers it."""

from devices.models.access import AccessLimit
from devices.models.authority import CertificateAuthority, Identity
from devices.models.device import Channel, ChannelContact, Device, Enrollment, Person
from devices.models.group import AttributeValue, CustomAttribute, Group, Membership, Tag
from devices.models.inventory import (
    Answer,
    AvailableUpdate,
    DeclarativeStatus,
    InstalledApplication,
    InstalledCertificate,
    InstalledProfile,
)
from devices.models.note import Note
from devices.models.record import Event, Outbox, RejectedMessage
from devices.models.saved_search import DefaultSearch, SavedSearch
from devices.models.secret import EscrowedSecret, EscrowKey, LastLocation
from devices.models.serial import SerialVerdict
from devices.models.snooze import Snooze

__all__ = [
    "AccessLimit",
    "Answer",
    "AttributeValue",
    "AvailableUpdate",
    "CertificateAuthority",
    "Channel",
    "ChannelContact",
    "CustomAttribute",
    "DeclarativeStatus",
    "DefaultSearch",
    "Device",
    "Enrollment",
    "EscrowKey",
    "EscrowedSecret",
    "Event",
    "Group",
    "Identity",
    "LastLocation",
    "InstalledApplication",
    "InstalledCertificate",
    "InstalledProfile",
    "Membership",
    "Note",
    "Outbox",
    "Person",
    "RejectedMessage",
    "SavedSearch",
    "SerialVerdict",
    "Snooze",
    "Tag",
]

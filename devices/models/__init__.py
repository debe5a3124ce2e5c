"""What a device is, and what proves, describes and remembers it."""

from devices.models.authority import CertificateAuthority, Identity
from devices.models.device import Channel, ChannelContact, Device, Enrollment, Person
from devices.models.inventory import (
    Answer,
    AvailableUpdate,
    InstalledApplication,
    InstalledCertificate,
    InstalledProfile,
)
from devices.models.record import Event, Outbox, RejectedMessage
from devices.models.secret import EscrowedSecret

__all__ = [
    "Answer",
    "AvailableUpdate",
    "CertificateAuthority",
    "Channel",
    "ChannelContact",
    "Device",
    "Enrollment",
    "EscrowedSecret",
    "Event",
    "Identity",
    "InstalledApplication",
    "InstalledCertificate",
    "InstalledProfile",
    "Outbox",
    "Person",
    "RejectedMessage",
]

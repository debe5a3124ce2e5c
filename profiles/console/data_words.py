"""What a piece of binary data is, for people: a certificate with subject and expiry, an image, or so many bytes."""

import base64
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from profiles.certificates import certificates_in, name_of

MAX_PREVIEW_BYTES = 512 * 1024
_IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"\x00\x00\x01\x00": "image/x-icon",
}
_FONTS = (b"\x00\x01\x00\x00", b"OTTO", b"true", b"ttcf")


@dataclass(frozen=True)
class DataWords:
    """How data is shown; ``image`` is an address with the image in it, for images of modest size."""

    icon: str
    title: str
    detail: str = ""
    expires_at: datetime | None = None
    image: str = ""

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at < timezone.now()


def words_of(data: bytes) -> DataWords:
    """Say what data is."""
    certificates = certificates_in(data)
    size = filesizeformat(len(data))
    if certificates:
        return _certificate_words(certificates)
    kind = next((kind for start, kind in _IMAGES.items() if data.startswith(start)), "")
    if kind:
        image = f"data:{kind};base64,{base64.b64encode(data).decode()}" if len(data) <= MAX_PREVIEW_BYTES else ""
        return DataWords("image", f"{kind.removeprefix('image/').upper()} image", size, image=image)
    if data.startswith(_FONTS):
        return DataWords("font_download", "Font", size)
    if data[:1] == b"\x30":
        return DataWords("key", "Keys or certificates in DER, not readable without a password", size)
    return DataWords("draft", "Data", size)


def line_of(data: bytes) -> str:
    """Say what data is in one line."""
    words = words_of(data)
    expiry = f", until {words.expires_at:%Y-%m-%d}" if words.expires_at else ""
    return f"{words.title}{expiry}, {filesizeformat(len(data))}".replace("\xa0", " ")


def _certificate_words(certificates: list[x509.Certificate]) -> DataWords:
    first = certificates[0]
    more = f", and {len(certificates) - 1} more" if len(certificates) > 1 else ""
    issuer = "self-signed" if first.issuer == first.subject else f"issued by {name_of(first.issuer)}"
    return DataWords("workspace_premium", f"{name_of(first.subject)}{more}", issuer, first.not_valid_after_utc)

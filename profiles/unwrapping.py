"""From the bytes of a .mobileconfig to plist values: signatures taken off, encodings and small damages put right.

Owns the wrapping only; whether the values are a profile is judged in importing. A signature that does not match is
refused, since somebody changed the content after it was signed; who signed is told and not judged.

RFC 5652; Apple: developer.apple.com/documentation/devicemanagement/toplevel
"""

import codecs
import re
from binascii import Error as Base64Error
from binascii import a2b_base64

from cryptography import x509

from mdm_project import ber, cms, plist
from mdm_project.errors import TooLarge, UnreadablePlist
from mdm_project.plist_values import XML_ILLEGAL
from profiles.errors import NotAProfile, ProfileEncrypted

MAX_FILE_BYTES = 32 * 1024 * 1024

_PEM = re.compile(rb"-----BEGIN (PKCS7|CMS|SIGNED MESSAGE)-----(.*?)-----END \1-----", re.DOTALL)
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_ENVELOPED_DATA = bytes.fromhex("2a864886f70d010703")

_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"<\x00": "utf-16-le",
    b"\x00<": "utf-16-be",
}
_BEFORE_ROOT = re.compile(r"\s*(?:<\?xml\b[^>]*\?>)?")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
# Python's own escapes, and encodings of names that take forever on a document.
_NO_ENCODINGS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "unicode_escape"})
_BARE_AMPERSAND = re.compile(r"&(?!(?:#[0-9]+|#x[0-9a-fA-F]+|amp|lt|gt|quot|apos);)")
# Without anything that opens another element, so that each is looked at once.
_DATA_ELEMENT = re.compile(rb"<data>([^<]*+)</data>")
_STRING_ELEMENT = re.compile(rb"<string>([^<]*+)</string>")


def unwrap(data: bytes) -> tuple[object, list[str]]:
    """Return the values and warnings about signature and repairs.

    Raises NotAProfile, UnreadablePlist (with the line), SignatureInvalid, ProfileEncrypted or TooLarge.
    """
    if len(data) > MAX_FILE_BYTES:
        raise TooLarge(f"The file has {len(data)} bytes; at most {MAX_FILE_BYTES} are read.")
    if not data.strip():
        raise NotAProfile("The file is empty.")
    der = _armoured(data) or (data if data[:1] == b"\x30" else None)
    if der is None:
        return _read_plist(data)
    content, warnings = _signed_content(der)
    values, repairs = _read_plist(content)
    return values, warnings + repairs


# Signatures


def _armoured(data: bytes) -> bytes | None:
    match = _PEM.match(data.lstrip()) if data.lstrip()[:5] == b"-----" else None
    if not match:
        return None
    try:
        return a2b_base64(match[2])
    except (Base64Error, ValueError):
        raise NotAProfile("The file looks like a signed profile in PEM, but is not base64.") from None


def _signed_content(data: bytes) -> tuple[bytes, list[str]]:
    try:
        # Some tools leave a line end behind the message.
        der = data[: ber.read(data, 0).following]
        kind, content = _take_apart(der)
    except (ber.Malformed, IndexError, ValueError):
        raise NotAProfile("The file is neither a property list nor a signed one: it is damaged.") from None
    if kind == _ENVELOPED_DATA:
        raise ProfileEncrypted("The file is encrypted for one recipient; import the original it was made from.")
    if kind != _SIGNED_DATA:
        raise NotAProfile("The file is a CMS message of another kind than a signed profile.")
    if content is None:
        raise NotAProfile("The file is a signature without the profile.")
    return content, _about_signer(der, content)


def _take_apart(der: bytes) -> tuple[bytes, bytes | None]:
    """Return the type of a CMS message, and of signed data the content, whoever and however many signed it."""
    kind, wrapper = ber.children(der, ber.only(der))
    kind = ber.content(der, kind, ber.OID)
    if kind != _SIGNED_DATA:
        return kind, None
    (body,) = ber.children(der, wrapper, ber.CONTEXT_0)
    encapsulated = ber.children(der, body)[2]
    _content_type, *wrapped = ber.children(der, encapsulated)
    if not wrapped:
        return kind, None
    (octets,) = ber.children(der, wrapped[0], ber.CONTEXT_0)
    return kind, ber.octets(der, octets)


def _about_signer(der: bytes, content: bytes) -> list[str]:
    try:
        message = cms.read_signed(der)
    except cms.SignatureInvalid:
        return ["The profile was signed in a way that cannot be checked; the signature is not kept."]
    certificate = x509.load_der_x509_certificate(cms.verify(message, content))
    name = certificate.subject.rfc4514_string() or "somebody without a name"
    own = " (a certificate that vouches for itself)" if certificate.issuer == certificate.subject else ""
    return [f"The profile was signed by {name}{own}; the signature is not kept, downloads can be signed anew."]


# Encodings and repairs


def _read_plist(data: bytes) -> tuple[object, list[str]]:
    if len(data) <= MAX_FILE_BYTES:
        data, told = _keep_as_text(data)
        value, warnings = _read_property_list(data)
        return value, warnings + told
    return _read_property_list(data)


def _keep_as_text(data: bytes) -> tuple[bytes, list[str]]:
    """Make text of <data> that holds a variable, which would be read as other bytes; tell of line ends that change.

    Elements in an encoding that is not ASCII's are left alone.
    """
    if data.startswith(b"bplist"):
        return data, []
    kept = [found[1] for found in _DATA_ELEMENT.finditer(data) if b"$" in found[1]]
    told = [
        f"<data> holds {_shown(text)}, which is no base64: it is kept as text, and is no data yet." for text in kept
    ]
    data = _DATA_ELEMENT.sub(lambda found: _as_string(found) if b"$" in found[1] else found[0], data)
    if any(b"\r" in found[1] for found in _STRING_ELEMENT.finditer(data)):
        told.append("Carriage returns in texts of the file are read as line ends, as XML asks for.")
    return data, told


def _as_string(found: re.Match) -> bytes:
    return b"<string>" + found[1].strip() + b"</string>"


def _shown(text: bytes) -> str:
    return text.strip()[:60].decode("ascii", "replace")


def _read_property_list(data: bytes) -> tuple[object, list[str]]:
    try:
        return plist.loads(data, limit_bytes=MAX_FILE_BYTES), []
    except TooLarge:
        raise
    except UnreadablePlist:
        if data.startswith(b"bplist"):
            raise
    text, warnings = _decoded(data)
    if "<plist" not in text and "<dict" not in text:
        raise NotAProfile("The file is neither a property list nor a signed one.")
    text, repairs = _repaired(text)
    value, was_repaired = plist.loads_report(text.encode(), limit_bytes=MAX_FILE_BYTES)
    if was_repaired:
        repairs.append("Character references that XML forbids were dropped.")
    return value, warnings + repairs


def _decoded(data: bytes) -> tuple[str, list[str]]:
    """Return the text with another declaration, as its own would be wrong once it is encoded anew."""
    named = next((name for mark, name in _MARKS.items() if data.startswith(mark)), None)
    declared = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf"))
    name = named or (declared[1].decode() if declared else "utf-8")
    if not named and name.lower().startswith(("utf-16", "utf-32", "ucs")):
        name = "utf-8"  # or the declaration could not have been read
    try:
        text, warnings = _decode(data, name), []
    except (UnicodeError, LookupError):
        text = data.decode("cp1252", "replace")
        warnings = [f"The text is not {name}, as it should be; it was read as Windows-1252: check accented letters."]
    text = text.removeprefix("\ufeff")
    before = _BEFORE_ROOT.match(text)
    # As many line ends as there were, so that errors name the right lines.
    text = f'<?xml version="1.0"{before[0].count(chr(10)) * chr(10)}?>{text[before.end() :]}'
    return text, warnings


def _decode(data: bytes, name: str) -> str:
    if codecs.lookup(name).name in _NO_ENCODINGS:
        raise LookupError(f"{name} is no encoding of documents")
    return data.decode(name)


def _repaired(text: str) -> tuple[str, list[str]]:
    repairs = []
    legal = XML_ILLEGAL.sub("", text)
    if legal != text:
        repairs.append("Characters that XML forbids were dropped.")
    escaped = _BARE_AMPERSAND.sub("&amp;", legal)
    if escaped != legal:
        repairs.append("Ampersands that were not written as &amp; were repaired.")
    return escaped, repairs

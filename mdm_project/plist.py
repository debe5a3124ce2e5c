"""Property lists: reading what devices and people send, and writing what we send.

Owns the format only; what a message means belongs to the apps, the values and their JSON form to plist_values. Every
request of a device passes through the XML reader: what Apple's own writer makes is read by plist_fast, the rest
straight on expat, since plistlib takes twice as long. It refuses what a property list never needs and an attacker does:
entity declarations, deep nesting, unbounded size. Dates are aware datetimes in UTC here and whole seconds on the wire.
A key that occurs twice in a dictionary has its last value, as on Apple's own parser, so that whoever reads the same
bytes again sees the same value.

Apple: developer.apple.com/library/archive/documentation/Cocoa/Conceptual/PropertyLists
"""

import plistlib
import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from datetime import UTC, datetime
from html import unescape
from pyexpat import ExpatError, ParserCreate

from mdm_project import plist_fast
from mdm_project.errors import TooLarge, UnreadablePlist
from mdm_project.plist_values import MAX_DEPTH, XML_ILLEGAL, from_json, to_json, writable

__all__ = ["dumps", "from_json", "loads", "loads_message", "loads_report", "salvage", "to_json"]

DEFAULT_LIMIT_BYTES = 64 * 1024 * 1024

_INTEGER = re.compile(r"\s*([+-]?)(?:0[xX]([0-9a-fA-F]{1,16})|([0-9]{1,20}))\s*", re.ASCII)
_DATE = re.compile(r"\s*(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z?\s*", re.ASCII)
_BINARY_MAGIC = b"bplist"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)


class _Malformed(Exception):
    """Raised inside expat's callbacks, which know what is wrong but not where."""


def loads(data: bytes, *, limit_bytes: int = DEFAULT_LIMIT_BYTES):
    """Read a property list, XML or binary.

    Raises UnreadablePlist, naming line and column where there is one, or TooLarge.
    """
    if len(data) > limit_bytes:
        raise TooLarge(f"The property list has {len(data)} bytes; at most {limit_bytes} are read.")
    if data.startswith(_BINARY_MAGIC):
        return _read_binary(data)
    if not data.startswith((b"<", *_UTF16_MARKS)):
        # expat wants the XML declaration first; senders put blanks or a byte order mark before it.
        data = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    return _read_xml(data)


def loads_message(data: bytes, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> dict:
    """Read a property list whose root must be a dictionary, as every message of the protocol is."""
    return _message(loads(data, limit_bytes=limit_bytes))


def loads_report(data: bytes, *, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> tuple[dict, bool]:
    """Read a device's report and say whether it had to be repaired first.

    Devices have sent app names and network names with characters that XML forbids, and repeat such a report until it
    is answered; those characters are dropped. Raises UnreadablePlist when that does not help: see ``salvage``.
    """
    try:
        return loads_message(data, limit_bytes=limit_bytes), False
    except TooLarge:
        raise
    except UnreadablePlist:
        repaired = _without_illegal_characters(data)
        if repaired == data:
            raise
        return loads_message(repaired, limit_bytes=limit_bytes), True


def _message(value) -> dict:
    if not isinstance(value, dict):
        raise UnreadablePlist("The property list must be a dictionary.")
    return value


# XML


def _read_xml(data: bytes):
    try:
        root = plist_fast.read(data, _LEAVES)
    except (_Malformed, ValueError):  # the slower reader says where
        root = None
    return _read_any_xml(data) if root is None else root[0]


def _read_any_xml(data: bytes):
    parser = ParserCreate()
    parser.buffer_text = True
    parser.ordered_attributes = True  # attributes mean nothing here; a list is cheaper than a dictionary
    root = _attach_handlers(parser)
    try:
        parser.Parse(data, True)
    except ExpatError as error:
        raise UnreadablePlist(f"The property list is not well-formed XML: {error}.") from None
    except (_Malformed, LookupError, ValueError) as error:  # the last two: unknown encodings, impossible values
        where = f"line {parser.CurrentLineNumber}, column {parser.CurrentColumnNumber}"
        raise UnreadablePlist(f"The property list is malformed: {error}: {where}.") from None
    if len(root) != 1:
        raise UnreadablePlist("The property list is empty." if not root else "The property list has several roots.")
    return root[0]


def _attach_handlers(parser) -> list:
    """Give the parser its callbacks and return the list in which the root value will be found.

    Closures over local names rather than a class: this is the hottest loop of the product. They must not refer to the
    parser, or every message would leave a cycle for the garbage collector.
    """
    root: list = []
    container: list | dict = root
    key = leaf = None
    enclosing: list = []
    text: list[str] = []

    def start(tag, _attributes):
        nonlocal container, key, leaf
        if leaf is not None:
            raise _Malformed(f"<{tag}> inside <{leaf}>")
        if tag in _LEAVES:
            leaf = tag
            text.clear()
        elif tag == "dict" or tag == "array":
            if len(enclosing) >= MAX_DEPTH:
                raise _Malformed(f"nested deeper than {MAX_DEPTH} levels")
            enclosing.append((container, key))
            container, key = {} if tag == "dict" else [], None
        elif tag != "plist" or container is not root or root:
            raise _Malformed(f"<{tag}> is not expected here")

    def end(tag):
        nonlocal container, key, leaf
        if leaf is not None:
            leaf = None
            if tag == "key":
                if key is not None or container.__class__ is not dict:
                    raise _Malformed("<key> is not expected here")
                key = "".join(text)
                return
            value = "".join(text) if tag == "string" else _LEAVES[tag]("".join(text))
        elif tag == "plist":
            return
        else:
            if key is not None:
                raise _Malformed(f"the key {key[:80]!r} has no value")
            value = container
            container, key = enclosing.pop()
        if key is not None:
            container[key] = value
            key = None
        elif container.__class__ is list:
            container.append(value)
        else:
            raise _Malformed(f"<{tag}> has no key")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = _refuse_internal_subset
    parser.SkippedEntityHandler = _refuse_entity
    return root


def _refuse_internal_subset(_name, _system_id, _public_id, has_internal_subset):
    if has_internal_subset:
        raise _Malformed("declarations inside DOCTYPE are not allowed")


def _refuse_entity(name, _is_parameter_entity):
    raise _Malformed(f"the entity {name[:80]!r} is not defined")


def _integer(text: str) -> int:
    match = _INTEGER.fullmatch(text)
    if not match:
        raise _Malformed(f"{text[:40]!r} is not an integer")
    sign, hexadecimal, decimal = match.groups()
    number = int(hexadecimal, 16) if hexadecimal else int(decimal)
    number = -number if sign == "-" else number
    if not -(2**63) <= number < 2**64:
        raise _Malformed(f"{text[:40]!r} does not fit in 64 bits")
    return number


def _real(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _Malformed(f"{text[:40]!r} is not a real number") from None


def _data(text: str) -> bytes:
    try:
        return a2b_base64(text)
    except (Base64Error, ValueError):
        raise _Malformed("data that is not base64") from None


def _date(text: str) -> datetime:
    match = _DATE.fullmatch(text)
    if not match:
        raise _Malformed(f"{text[:40]!r} is not a date")
    year, *rest = map(int, match.groups())
    if year == 0:
        return _FIRST_MOMENT  # Apple writes "the distant past" as 0000-12-30T00:00:00Z
    try:
        return datetime(year, *rest, tzinfo=UTC)
    except ValueError as error:
        raise _Malformed(f"{text[:40]!r} is not a date: {error}") from None


_LEAVES = {
    "key": str,
    "string": str,
    "integer": _integer,
    "real": _real,
    "true": lambda _text: True,
    "false": lambda _text: False,
    "data": _data,
    "date": _date,
}


# Binary


def _read_binary(data: bytes):
    # The trailer tells plistlib how much to allocate, so it is checked first.
    if len(data) < 40 or int.from_bytes(data[-24:-16], "big") > len(data):
        raise UnreadablePlist("The binary property list is damaged.")
    try:
        value = plistlib.loads(data, fmt=plistlib.FMT_BINARY)
    except (plistlib.InvalidFileException, ValueError, OverflowError, RecursionError, MemoryError):
        raise UnreadablePlist("The binary property list is damaged.") from None
    # Objects may be shared, even with their own parents: without sharing each takes a byte at least.
    return _ordinary(value, 0, iter(range(len(data))))


def _ordinary(value, depth: int, budget):
    """Return the value as the XML reader would have, or refuse it."""
    if next(budget, None) is None or depth > MAX_DEPTH:
        raise UnreadablePlist("The binary property list is nested too deeply.")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise UnreadablePlist("The binary property list has a key that is not a string.")
        return {_ordinary(k, depth, budget): _ordinary(v, depth + 1, budget) for k, v in value.items()}
    if isinstance(value, list):
        return [_ordinary(item, depth + 1, budget) for item in value]
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    if isinstance(value, str):
        return XML_ILLEGAL.sub("", value)
    if isinstance(value, int | float | bytes):
        return value
    raise UnreadablePlist(f"The binary property list has a {type(value).__name__}.")


# Repair

_NUMERIC_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]+)|([0-9]+));", re.ASCII)


def _without_illegal_characters(data: bytes) -> bytes:
    if data.startswith(_BINARY_MAGIC):
        return data
    text = _text(data)
    return _NUMERIC_REFERENCE.sub(_legal_reference, XML_ILLEGAL.sub("", text)).encode()


def _text(data: bytes) -> str:
    if data.startswith(_UTF16_MARKS):
        # The declaration would still say UTF-16 after the text has become UTF-8.
        return re.sub(r"<\?xml.*?\?>", "", data.decode("utf-16", "ignore"), count=1, flags=re.DOTALL)
    return data.decode("utf-8", "ignore")


def _legal_reference(match) -> str:
    hexadecimal, decimal = match.groups()
    digits = (hexadecimal or decimal).lstrip("0")
    if not digits or len(digits) > 7:
        return ""
    code = int(digits, 16 if hexadecimal else 10)
    return "" if code > 0x10FFFF or XML_ILLEGAL.match(chr(code)) else match[0]


_SALVAGED = ("UDID", "EnrollmentID", "UserID", "EnrollmentUserID", "UserShortName", "CommandUUID", "Status")
_SALVAGE = re.compile(
    r"<(?P<close>/?)(?:dict|array)\b[^>]{0,80}?(?P<empty>/?)>"
    rf"|<key>\s*(?P<key>{'|'.join(_SALVAGED)})\s*</key>\s*<string>(?P<value>[^<]{{0,255}})</string>"
)


def salvage(data: bytes) -> dict[str, str]:
    """Pick who reports, on which command and with which status, from a report that cannot be read.

    Only keys of the outermost dictionary count: inventories have a UDID and a Status of their own further inside.
    """
    found: dict[str, str] = {}
    depth = 0
    for match in _SALVAGE.finditer(XML_ILLEGAL.sub("", _text(data))):
        if match["key"]:
            if depth == 1:
                found[match["key"]] = XML_ILLEGAL.sub("", unescape(match["value"]))
        elif match["close"]:
            depth -= 1
        elif not match["empty"]:
            depth += 1
    return found


# Writing


def dumps(value) -> bytes:
    """Write an XML property list; raises BadRequest, naming the key path, for what it cannot hold."""
    return plistlib.dumps(writable(value), fmt=plistlib.FMT_XML, sort_keys=False)

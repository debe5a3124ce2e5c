"""A reader of BER, definite and indefinite, and a writer of DER, as far as CMS messages and certificates need it.

Owns finding where elements begin and end, and writing them; what they mean is known to cms. Devices sign with
indefinite lengths, which DER readers refuse, and every request of a device has one such message, so this is short and
does not copy.
Standard: ITU-T X.690.
"""

from typing import NamedTuple

SEQUENCE, SET, INTEGER, BITS, OCTETS, OID = 0x30, 0x31, 0x02, 0x03, 0x04, 0x06
CONTEXT_0, CONTEXT_1 = 0xA0, 0xA1

_MAX_DEPTH = 16
# In one element. Signed files of some MB come in pieces of a kilobyte; nothing else has more than a dozen.
_MAX_CHILDREN = 20_000


class Malformed(ValueError):
    """The bytes are not BER, or not of the expected shape."""


class Node(NamedTuple):
    """One element: its tag, where it begins, where its content begins and ends, and where the next one begins."""

    tag: int
    at: int
    start: int
    end: int
    following: int
    inside: "list[Node] | None"  # known already where the length is indefinite: finding the end meant reading them


_new = tuple.__new__  # half the cost of Node(...), some thirty times a request


def read(data: bytes, at: int, depth: int = 0) -> Node:
    """Return the element at a position; IndexError where the bytes end too early."""
    tag = data[at]
    length = data[at + 1]
    start = at + 2
    inside = None
    if length < 0x80:
        end = following = start + length
    elif length > 0x80:
        start += length & 0x7F
        if start > at + 6:
            raise Malformed("an element of more than 4 GB")
        end = following = start + int.from_bytes(data[at + 2 : start], "big")
    else:
        if not tag & 0x20:
            raise Malformed("an indefinite length where there can be none")
        inside = _until_end_of_contents(data, start, depth + 1)
        end = inside[-1].following if inside else start
        following = end + 2
    if following > len(data):
        raise Malformed("the message ends too early")
    if tag & 0x1F == 0x1F:
        raise Malformed("an unknown kind of element")
    return _new(Node, (tag, at, start, end, following, inside))


def _until_end_of_contents(data: bytes, at: int, depth: int) -> list[Node]:
    if depth > _MAX_DEPTH:
        raise Malformed("nested too deeply")
    found = []
    while data[at] or data[at + 1]:
        node = read(data, at, depth)
        found.append(node)
        if len(found) > _MAX_CHILDREN:
            raise Malformed("an element of too many parts")
        at = node.following
    return found


def children(data: bytes, node: Node, tag: int = SEQUENCE) -> list[Node]:
    """Return the elements inside an element of this kind, which must fill it exactly."""
    if node.tag != tag:
        raise Malformed("an element of another kind is expected")
    if node.inside is not None:
        return node.inside
    found = []
    at, end = node.start, node.end
    while at < end:
        child = read(data, at)
        found.append(child)
        if len(found) > _MAX_CHILDREN:
            raise Malformed("an element of too many parts")
        at = child.following
    if at != end:
        raise Malformed("an element reaches beyond the one around it")
    return found


def only(data: bytes) -> Node:
    """Return the one element that the bytes consist of."""
    node = read(data, 0)
    if node.following != len(data):
        raise Malformed("more than one element")
    return node


def octets(data: bytes, node: Node, depth: int = 0) -> bytes:
    """Return the bytes of an octet string, joining the pieces of one written in several."""
    if node.tag == OCTETS:
        return data[node.start : node.end]
    if depth > _MAX_DEPTH:
        raise Malformed("nested too deeply")
    return b"".join(octets(data, piece, depth + 1) for piece in children(data, node, OCTETS | 0x20))


def content(data: bytes, node: Node, tag: int) -> bytes:
    """Return the content of an element that must have this tag."""
    if node.tag != tag:
        raise Malformed("an element of another kind is expected")
    return data[node.start : node.end]


def element(tag: int, *parts: bytes) -> bytes:
    """Return an element written in DER."""
    body = b"".join(parts)
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body

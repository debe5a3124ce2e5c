"""Reads the property lists that Apple's own writer makes, more than twice as fast as expat with callbacks does.

A document is split at its tags; what is not exactly of the usual form (comments, CDATA, attributes, rare
entities, other encodings, anything malformed) is not read here at all: ``None`` is returned, and the XML reader of
mdm_project.plist decides. So this never has to say what is wrong, and must never accept what that one refuses.
"""

import re
from collections.abc import Callable, Mapping

from mdm_project.plist_values import MAX_DEPTH, XML_ILLEGAL

# Beyond that the list of tokens is too large to be held beside the document.
LIMIT_BYTES = 1024 * 1024
_HEAD = re.compile(
    rb'(?:<\?xml version="1\.0" encoding="(?:UTF|utf)-8" ?\?>)?[ \t\n]*'
    rb'(?:<!DOCTYPE plist PUBLIC "-//Apple(?: Computer)?//DTD PLIST 1\.0//EN" "https?://[a-zA-Z0-9./-]*">)?[ \t\n]*'
    rb'<plist version="1\.0">'
)
_TAIL = re.compile(rb"</plist>[ \t\n]*\Z")
_FORBIDDEN = bytes(range(9)) + bytes(range(11, 32))
_BLANK = " \t\n"
_LEAVES = frozenset({"string", "integer", "real", "date", "data"})
_OTHER_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)")
_CONSTANTS: dict[str, Callable] = {
    "true/": lambda: True, "false/": lambda: False, "string/": str, "dict/": dict, "array/": list, "data/": bytes
}  # fmt: skip


class _Unusual(Exception):
    """Not of the usual form."""


def read(data: bytes, converters: Mapping[str, Callable[[str], object]]):
    """Return the root of a property list, in a list of its own, or None where it is not of the usual form.

    ``converters`` make values of the text of integer, real, date and data; whatever they raise is for the caller.
    """
    head, tail = _HEAD.match(data), _TAIL.search(data, max(0, len(data) - 64))
    if len(data) > LIMIT_BYTES or head is None or tail is None or len(data.translate(None, _FORBIDDEN)) != len(data):
        return None
    try:
        text = data[head.end() : tail.start()].decode()
        if not text.isascii() and XML_ILLEGAL.search(text):
            return None
        return _values(text, converters)
    except (_Unusual, StopIteration, UnicodeDecodeError):
        return None


def _values(text: str, converters) -> list:
    """Read what is inside the outermost element: each piece begins with the name of a tag.

    One function, and long, because calls would cost more than what they do.
    """
    root: list = []
    container: list | dict = root
    enclosing: list = []
    pieces = iter(text.split("<"))
    if next(pieces).strip(_BLANK):
        raise _Unusual
    for piece in pieces:
        tag, _, inner = piece.partition(">")
        key = ""
        if tag == "key":
            key = _unescaped(inner) if "&" in inner else inner
            if not key or ">" in inner or next(pieces).rstrip(_BLANK) != "/key>":
                raise _Unusual
            tag, _, inner = next(pieces).partition(">")
        if tag in _LEAVES:
            if next(pieces).rstrip(_BLANK) != f"/{tag}>" or ">" in inner:
                raise _Unusual
            inner = _unescaped(inner) if "&" in inner else inner
            value = inner if tag == "string" else converters[tag](inner)
        elif inner.strip(_BLANK):
            raise _Unusual
        elif tag == "dict" or tag == "array":
            value = {} if tag == "dict" else []
        elif tag == "/dict" or tag == "/array":
            if key or not enclosing or container.__class__ is not (dict if tag == "/dict" else list):
                raise _Unusual
            container = enclosing.pop()
            continue
        elif tag in _CONSTANTS:
            value = _CONSTANTS[tag]()
        else:
            raise _Unusual
        if container.__class__ is dict:
            if not key:
                raise _Unusual
            container[key] = value
        elif key:
            raise _Unusual
        else:
            container.append(value)
        if tag == "dict" or tag == "array":
            if len(enclosing) >= MAX_DEPTH:
                raise _Unusual
            enclosing.append(container)
            container = value
    if enclosing or len(root) != 1:
        raise _Unusual
    return root


def _unescaped(text: str) -> str:
    if _OTHER_ENTITY.search(text):
        raise _Unusual
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text

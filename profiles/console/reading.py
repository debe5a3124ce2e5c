"""From the fields of a submitted form back to the values of a payload; the other half of fields.

A field's name is a letter and a JSON pointer (see pointers):

    v:  what was typed or chosen              k:  digest of a stored value that stays
    e:  write it although it is empty         u:  token of an upload
    i:  token of an item, in order            f:  a file
    n:  name of a free key                    y:  kind of a value that Apple's schema does not fix
    t:  stored number has another type        r:  digest of the stored value behind a piece of XML
    x:  a secret was typed and has to be typed again

Every field that is empty is a key that is not set. What cannot be read becomes Invalid, with the reason.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from django.http import QueryDict

from devices.redaction import REDACTED
from mdm_project import plist
from mdm_project.errors import BadRequest
from profiles.catalogue.keys import Key, Role, Type
from profiles.console.pointers import below, free_key, item_key
from profiles.console.raw_text import from_text, writable
from profiles.console.values import MISSING, BadName, Invalid, Kept, Names, Uploaded, digest_of
from profiles.masking import restore

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}", re.ASCII)
_WIDEST = (-(2**63), 2**64 - 1)
_LOST = "Meanwhile the stored value was changed: enter it again."
_HIDDEN = "What was hidden here is no longer known: enter it again."
_RETYPE = "Type it again: secrets are not shown twice."

Path = tuple[str | int, ...]


class Reader:
    """Reads one form. ``kept`` are the stored values by digest; ``fetch`` returns the bytes of an upload, or None.

    ``places`` tells afterwards which field holds the value at a path.
    """

    def __init__(self, data: QueryDict, kept: dict[str, object], fetch: Callable[[str], bytes | None]):
        self.data = data
        self.kept = kept
        self.fetch = fetch
        self.places: dict[Path, str] = {}

    def payload(self, keys: tuple[Key, ...], is_custom: bool = False) -> dict:
        """Return the tree of a whole payload; one that Apple does not define is a single piece of XML."""
        if not is_custom:
            return self._dictionary(keys, "", ())
        value = self._raw("", ())
        if isinstance(value, dict):
            return value
        if isinstance(value, Invalid):
            return {"": value}
        text = self.data.get("v:", "")
        return {"": Invalid(text, "must be a dictionary: <dict> with keys and values", "plist")} if text.strip() else {}

    def _text(self, letter: str, pointer: str) -> str:
        return self.data.get(f"{letter}:{pointer}", "").replace("\r\n", "\n")

    def _value(self, key: Key | None, pointer: str, path: Path):
        self.places[path] = pointer
        if f"y:{pointer}" in self.data:
            return self._raw(pointer, path)
        if key is None:
            return MISSING
        if key.type is Type.ARRAY:
            return self._array(key, pointer, path)
        if key.type is Type.DICTIONARY:
            found = self._dictionary(key.children, pointer, path)
            return found if found or self._text("e", pointer) else MISSING
        return self._leaf(key, pointer, path)

    def _leaf(self, key: Key, pointer: str, path: Path):
        token = self._text("u", pointer)
        if token:
            data = self.fetch(token)
            return (
                Invalid("", "The upload is no longer there: choose the file again.")
                if data is None
                else (Uploaded(token, data))
            )
        text = self._text("v", pointer)
        if text:
            return _READ[key.type](text, self._text("t", pointer))
        if self._text("k", pointer):
            return self._stored(pointer, path)
        if self._text("x", pointer):
            return Invalid("", _RETYPE)
        return "" if self._text("e", pointer) else MISSING

    def _stored(self, pointer: str, path: Path):
        digest, _, kind = self._text("k", pointer).partition(".")
        value = self._kept_at(path, digest)
        return Invalid("", _LOST) if value is MISSING else Kept(value, is_secret=kind == "s", names=_names(path))

    def _kept_at(self, path: Path, digest: str):
        """Return a stored value, but only for the keys that it is stored at."""
        value = self.kept.get(digest, MISSING)
        return value if value is not MISSING and digest_of(value, _names(path)) == digest else MISSING

    def _array(self, key: Key, pointer: str, path: Path):
        items = []
        for token in self.data.getlist(f"i:{pointer}"):
            below_key, place = item_key(key, token), below(pointer, token)
            value = self._value(below_key, place, (*path, len(items)))
            if value is MISSING and below_key is not None:
                value = _EMPTY.get(below_key.type, MISSING)
                value = value() if value is not MISSING else MISSING
            if value is not MISSING:
                items.append(value)
        return items if items or self._text("e", pointer) else MISSING

    def _dictionary(self, keys: tuple[Key, ...], pointer: str, path: Path) -> dict:
        found = {}
        for key in keys:
            if key.role is not Role.MEMBER:
                continue
            value = self._value(key, below(pointer, key.name), (*path, key.name))
            if value is not MISSING:
                found[key.name] = value
        for token in self.data.getlist(f"i:{pointer}"):
            self._free(found, keys, below(pointer, token), path)
        return found

    def _free(self, found: dict, keys: tuple[Key, ...], pointer: str, path: Path) -> None:
        """Read a key whose name was typed."""
        name = self._text("n", pointer)
        value = self._value(free_key(keys), pointer, (*path, name))
        if not name and value is MISSING:
            return
        if value is MISSING:
            value = Invalid("", "needs a value", "")
        if not name:
            found[BadName(name, "needs a name")] = value
        elif writable(name) != name:
            found[BadName(writable(name), "has a character that property lists cannot hold")] = value
        elif name in found or any(key.name == name and key.role is Role.MEMBER for key in keys):
            found[BadName(name, "is there already")] = value
        else:
            found[name] = value

    def _raw(self, pointer: str, path: Path):
        """Read a value of a kind that was chosen."""
        kind, text = self._text("y", pointer), self._text("v", pointer)
        if not text and kind and self._text("x", pointer):
            return Invalid("", _RETYPE, kind)
        if not kind:
            return MISSING if not text else Invalid(text, "choose what kind of value this is", kind)
        read = _RAW.get(kind)
        value = read(text) if read else Invalid(text, "is of a kind that does not exist", kind)
        if isinstance(value, Invalid):
            return Invalid(text, value.message, kind)
        if REDACTED not in text:
            return value
        stored = self._kept_at(path, self._text("r", pointer))
        return Invalid(text, _HIDDEN, kind) if stored is MISSING else self._restored(value, stored, text, kind)

    @staticmethod
    def _restored(value, stored, text: str, kind: str):
        try:
            return plist.from_json(restore(plist.to_json(value), plist.to_json(stored)))
        except BadRequest as error:
            return Invalid(text, f"{error.detail} {', '.join(error.fields)}", kind)


def _names(path: Path) -> Names:
    return tuple(part for part in path if isinstance(part, str))


_EMPTY = {Type.DICTIONARY: dict, Type.ARRAY: list}


def _string(text: str, _stored_type: str = ""):
    return text if writable(text) == text else Invalid(text, "has a character that property lists cannot hold")


def _integer(text: str, _stored_type: str = ""):
    text = text.strip()
    if not _INTEGER.fullmatch(text):
        return Invalid(text, "must be a whole number")
    number = int(text)
    if not _WIDEST[0] <= number <= _WIDEST[1]:
        return Invalid(text, "is too large for a property list")
    return number


def _real(text: str, stored_type: str = ""):
    if stored_type == "integer" and _INTEGER.fullmatch(text.strip()):
        return _integer(text)
    try:
        return float(text)
    except ValueError:
        return Invalid(text, "must be a number")


def _boolean(text: str, _stored_type: str = ""):
    answers = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    return answers.get(text.strip().lower(), Invalid(text, "must be yes or no"))


def _date(text: str, _stored_type: str = ""):
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return Invalid(text, "must be a date and time, such as 2027-01-31T12:00:00")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _xml(text: str):
    try:
        return from_text(text)
    except BadRequest as error:
        return Invalid(text, error.detail)


_READ = {
    Type.STRING: _string,
    Type.INTEGER: _integer,
    Type.REAL: _real,
    Type.BOOLEAN: _boolean,
    Type.DATE: _date,
    Type.DATA: lambda text, _stored_type: Invalid(text, "must be a file"),
    Type.ANY: _string,
}
_RAW = {
    "text": _string,
    "integer": _integer,
    "real": _real,
    "boolean": _boolean,
    "date": _date,
    "plist": _xml,
}

"""JSON Schema 2020-12 of any entry of the catalogue.

Values are those of the API: plists in terms of JSON, ``{"$data": base64}`` and ``{"$date": ISO 8601}`` for what JSON
lacks (mdm_project.plist_values). Keys that are not described are let through, as on the device. What devices report
may be newer than the catalogue, so its values are not restricted.

RFC and Apple: json-schema.org/draft/2020-12; github.com/apple/device-management
"""

import re
from functools import lru_cache

from profiles.catalogue.entries import Entry, Kind
from profiles.catalogue.keys import Key, Role, Type
from profiles.catalogue.store import catalogue

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFS = "#/$defs/"
_SUBTYPES = {"url": "uri", "hostname": "hostname", "email": "email"}
# The key that names the type where such an object is on the wire; never asked for, but right where it is.
_TYPE_KEYS = {Kind.PAYLOAD: "PayloadType", Kind.COMMAND: "RequestType", Kind.CHECKIN: "MessageType"}


@lru_cache(maxsize=1024)
def json_schema(entry: Entry) -> dict:
    """Return the schema of what the entry describes: a payload's keys, a command's arguments, a declaration's Payload.

    A payload's common keys (PayloadUUID...) are described and not required, because they are the server's to write.
    The same object is returned each time: do not change it.
    """
    return _Writer(entry).document()


class _Writer:
    """Writes one schema; collects the recursive structures that are referred to."""

    def __init__(self, entry: Entry):
        self.entry = entry
        self.defs: dict[str, dict] = {"data": _marked("$data", "base64"), "date": _marked("$date", "date")}
        self.recursive: set[Key] = {key.recursion for key in entry.walk() if key.recursion}

    def document(self) -> dict:
        entry = self.entry
        body = self.dictionary(entry.keys)
        self._add_envelope(body["properties"])
        return {
            "$schema": DIALECT,
            "$id": f"urn:espalier:catalogue:{entry.kind}:{entry.slug}",
            "title": entry.label,
            **body,
            "$defs": self.defs,
        }

    def _add_envelope(self, properties: dict) -> None:
        entry = self.entry
        if entry.kind is Kind.PAYLOAD:
            for key in catalogue().entry(Kind.ENVELOPE, "commonpayloadkeys").keys:
                properties.setdefault(key.name, self.value(key))
        if entry.kind in _TYPE_KEYS:
            properties[_TYPE_KEYS[entry.kind]] = {"const": entry.type}

    def dictionary(self, keys: tuple[Key, ...]) -> dict:
        members = [key for key in keys if key.role is Role.MEMBER]
        schema: dict = {"type": "object", "properties": {key.name: self.value(key) for key in members}}
        required = [key.name for key in members if key.is_always_required]
        if required:
            schema["required"] = required
        others = [self.value(key) for key in keys if key.is_any]
        if others:
            schema["additionalProperties"] = others[0] if len(others) == 1 else {"anyOf": others}
        # Data and dates are objects in JSON, and none of them is a dictionary.
        schema["not"] = {"anyOf": [{"required": ["$data"]}, {"required": ["$date"]}]}
        return schema

    def value(self, key: Key) -> dict:
        target = key.recursion or key
        if target in self.recursive:
            return {"$ref": _DEFS + self._define(target)}
        return self._plain(key)

    def _define(self, key: Key) -> str:
        name = re.sub(r"[^A-Za-z0-9]+", "-", key.key_path).strip("-")
        if name not in self.defs:
            self.defs[name] = {}  # holds the place, for the structure comes again inside itself
            self.defs[name] = self._plain(key)
        return name

    def _plain(self, key: Key) -> dict:
        schema = {"title": key.label, **_WRITERS[key.type](self, key)}
        if key.has_default:
            schema["default"] = key.default
        if key.is_deprecated_everywhere:
            schema["deprecated"] = True
        return schema

    def string(self, key: Key) -> dict:
        schema = {"type": "string", **self._allowed(key)}
        if key.format and not self.entry.is_reported:
            # Apple's expressions are meant to match from end to end, and not all say so.
            schema["pattern"] = f"^(?:{key.format})$"
        if key.subtype in _SUBTYPES:
            schema["format"] = _SUBTYPES[key.subtype]
        return schema

    def integer(self, key: Key) -> dict:
        return {"type": "integer", **self._bounds(key)}

    def real(self, key: Key) -> dict:
        return {"type": "number", **self._bounds(key)}

    def _bounds(self, key: Key) -> dict:
        allowed, bounds = self._allowed(key), self._range(key)
        # Both are there where single values are allowed besides the range: 0 for never, or 1 to 180 minutes.
        return {"anyOf": [allowed, bounds]} if allowed and bounds else allowed | bounds

    def boolean(self, key: Key) -> dict:
        return {"type": "boolean"}

    def data(self, key: Key) -> dict:
        return {"$ref": _DEFS + "data"}

    def date(self, key: Key) -> dict:
        return {"$ref": _DEFS + "date"}

    def any(self, key: Key) -> dict:
        return {}

    def dictionary_value(self, key: Key) -> dict:
        return self.dictionary(key.subkeys)

    def array(self, key: Key) -> dict:
        schema: dict = {"type": "array"}
        if key.variants:
            schema["items"] = self._variants(key)
        elif key.item:
            schema["items"] = self.value(key.item)
        if key.item and key.item.repetition and not self.entry.is_reported:
            schema["minItems"], schema["maxItems"] = key.item.repetition
        return schema

    def _variants(self, key: Key) -> dict:
        name = key.discriminator
        values = [variant.variant_value for variant in key.variants]
        branches = [
            {
                "if": {"properties": {name: {"const": variant.variant_value}}, "required": [name]},
                "then": self.value(variant),
            }
            for variant in key.variants
        ]
        return {
            "type": "object",
            "properties": {name: {"type": "string", "enum": values}},
            "required": [name],
            "allOf": branches,
        }

    def _allowed(self, key: Key) -> dict:
        if not key.allowed:
            return {}
        return {"examples" if self.entry.is_reported else "enum": list(key.allowed)}

    def _range(self, key: Key) -> dict:
        if key.range is None or self.entry.is_reported:
            return {}
        bounds = zip(("minimum", "maximum"), key.range, strict=True)
        return {name: bound for name, bound in bounds if bound is not None}


def _marked(marker: str, content: str) -> dict:
    value = {"type": "string", **({"contentEncoding": "base64"} if content == "base64" else {"format": "date-time"})}
    return {"type": "object", "properties": {marker: value}, "required": [marker], "additionalProperties": False}


_WRITERS = {
    Type.STRING: _Writer.string,
    Type.INTEGER: _Writer.integer,
    Type.REAL: _Writer.real,
    Type.BOOLEAN: _Writer.boolean,
    Type.DATA: _Writer.data,
    Type.DATE: _Writer.date,
    Type.ANY: _Writer.any,
    Type.ARRAY: _Writer.array,
    Type.DICTIONARY: _Writer.dictionary_value,
}

"""Changes between two contents of a profile, as people read them: by payload and key, values short."""

import json
from dataclasses import dataclass

from mdm_project import plist
from profiles.console.data_words import line_of
from profiles.console.references import name_of_payload
from profiles.content import payloads_of
from profiles.diff import Change

MAX_CHARACTERS = 300


@dataclass(frozen=True)
class ChangeWords:
    """One change: where it is, and the values before and after as text; "" for one that is not there."""

    payload: str
    key_path: str
    kind: str
    before: str
    after: str

    @property
    def tone(self) -> str:
        return {"added": "ok", "removed": "bad"}.get(self.kind, "info")

    @property
    def icon(self) -> str:
        return {"added": "add", "removed": "remove"}.get(self.kind, "edit")


def words_of_changes(changes: list[Change], a: dict, b: dict) -> list[ChangeWords]:
    """Return the changes from a to b in words."""
    names = {str(each.get("PayloadUUID")): name_of_payload(each) for each in (*payloads_of(a), *payloads_of(b))}
    return [_words(change, names) for change in changes]


def _words(change: Change, names: dict[str, str]) -> ChangeWords:
    path, payload = change.path, "Profile"
    if len(path) > 1 and path[0] == "PayloadContent":
        payload, path = names.get(str(path[1]), str(path[1])), path[2:]
    key_path = ".".join(map(str, path)) or "the whole payload"
    if not path:
        return ChangeWords(payload, key_path, change.kind.value, "", "")
    if path == ("PayloadContent",):
        return ChangeWords(payload, "order of the payloads", change.kind.value, "", "")
    return ChangeWords(payload, key_path, change.kind.value, _text(change.before), _text(change.after))


def _text(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict) and set(value) == {"$data"}:
        return line_of(plist.from_json(value))
    if isinstance(value, dict) and set(value) == {"$date"}:
        return str(value["$date"])
    text = value if isinstance(value, str) else json.dumps(_without_data(value), ensure_ascii=False)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}…"


def _without_data(value):
    if isinstance(value, dict) and set(value) == {"$data"}:
        return f"({line_of(plist.from_json(value))})"
    if isinstance(value, dict):
        return {name: _without_data(item) for name, item in value.items()}
    return [_without_data(item) for item in value] if isinstance(value, list) else value

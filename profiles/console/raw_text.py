"""Values as text: pieces of property lists to edit, and whole ones to look at.

What is shown beside the form has a word in the place of data: nobody reads base64.
"""

import re
from collections.abc import Callable
from datetime import datetime

from devices.redaction import REDACTED, redact
from mdm_project import plist

_BODY = re.compile(r"<plist[^>]*>\n?(.*)</plist>", re.DOTALL)
# A key and what stands after it, up to the next tag; in XML that may be broken.
_PAIR = re.compile(r"(<key>\s*([^<>]{0,200}?)\s*</key>\s*<[a-z]{1,10}>)[^<]*")
_JSON_PAIR = re.compile(r'("([^"\\]{1,200})"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,{}\[\]"]+)')
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MARK = "\ue000"
_MARKED = re.compile(rf"<string>{_MARK}(.*?){_MARK}</string>", re.DOTALL)


def to_text(value) -> str:
    """Return a value as the inside of an XML property list."""
    return _BODY.search(plist.dumps(value).decode())[1].strip()


def without_secrets(text: str) -> str:
    """Return XML or JSON as it was typed, with REDACTED for the texts of keys that are secret by their names."""
    text = _PAIR.sub(lambda found: f"{found[1]}{REDACTED}" if is_secret_name(found[2]) else found[0], text)
    return _JSON_PAIR.sub(lambda found: f'{found[1]}"{REDACTED}"' if is_secret_name(found[2]) else found[0], text)


def writable(text: str) -> str:
    """Return a text with a mark in the place of characters that XML forbids."""
    return _FORBIDDEN.sub("\ufffd", text)


def is_secret_name(name: str) -> bool:
    return redact({name: "x"}) == {name: REDACTED}


def from_text(text: str):
    """Return the value that a piece of XML, or a whole property list, stands for; raises UnreadablePlist."""
    if "<plist" not in text:
        text = f'<plist version="1.0">{text}</plist>'
    return plist.loads(text.strip().encode())


def preview(values: dict, words_of_data: Callable[[bytes], str]) -> str:
    """Return the inside of a property list to look at, each piece of data by what it is."""
    marked = _with_words(values, words_of_data)
    return _MARKED.sub(r"<data>\1</data>", to_text(marked))


def _with_words(value, words_of_data: Callable[[bytes], str]):
    if isinstance(value, dict):
        return {name: _with_words(item, words_of_data) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_words(item, words_of_data) for item in value]
    return f"{_MARK}… {words_of_data(value)} …{_MARK}" if isinstance(value, bytes) else value


def date_text(moment: datetime) -> str:
    """Return a moment as a date field takes it, in UTC."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}"

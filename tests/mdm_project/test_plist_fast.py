"""The fast reader of property lists reads what the one on expat reads, or nothing."""

import plistlib
import random
from datetime import datetime

import pytest

from mdm_project import plist, plist_fast
from tests.fixtures import CAPTURES

USUAL = {
    "Text": "a & b < c > d \"e\" 'f' é 🍎", "Empty": "", "Blank": "  \t\n ", "Number": -5,
    "Big": 2**64 - 1, "Real": 1.5,
    "Yes": True, "No": False, "Date": datetime(2026, 3, 1, 12), "Data": b"\x00\xff" * 40, "NoData": b"",
    "List": [1, "two", [], {}, [[{"deep": ["er"]}]]], "Dictionary": {"a": {"b": {}}},
}  # fmt: skip
HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">'


def both(data: bytes) -> tuple[object, object]:
    """Return what both readers make of it, as text that tells NaN and types apart; None: refused."""
    try:
        found = plist_fast.read(data, plist._LEAVES)
    except (plist._Malformed, ValueError):
        found = None
    try:
        wanted = repr([plist._read_any_xml(data)])
    except plist.UnreadablePlist:
        wanted = None
    return found and repr(found), wanted


def test_what_the_usual_writer_makes_is_read_fast():
    data = plistlib.dumps(USUAL)
    found, wanted = both(data)
    assert found == wanted is not None


@pytest.mark.parametrize(
    "inside",
    [
        "<dict><key>a</key></dict>", "<dict><string>a</string></dict>", "<array><key>a</key><true/></array>", "",
        "<true/><true/>", "<dict>", "</dict>", "<array></dict>", "<string>a]]>b</string>", "<key>a</key><true/>",
        "<string>a<true/></string>", "<integer>1<", "<string>&bad;</string>", "<string>a&</string>", "x<true/>",
        "<dict/>x", "<data>&amp;amp;</data>", "<dict><key>a]]>b</key><true/></dict>", "<real>x</real>", "<integer/>",
        "<string>\x01</string>", "<string>a</integer>", "<date>2026-13-01T00:00:00Z</date>", "<unknown/>", "<true/ >",
        "<array>" * 200 + "</array>" * 200, "<string>\ufffe</string>", "<dict><key>a</key><key>b</key><true/></dict>",
    ],
)  # fmt: skip
def test_what_is_malformed_is_left_to_the_other_reader(inside):
    assert both(HEAD + inside.encode() + b"</plist>")[0] is None


@pytest.mark.parametrize(
    "inside", ["<dict><!-- a --></dict>", "<![CDATA[x]]>", "<string a='b'>c</string>", "<true></true>"]
)
def test_what_is_unusual_is_left_to_the_other_reader(inside):
    assert plist_fast.read(HEAD + inside.encode() + b"</plist>", plist._LEAVES) is None


def test_captured_messages_are_read_the_same_and_most_of_them_fast():
    if not CAPTURES.is_dir():
        pytest.skip(f"captured messages not here: {CAPTURES}")
    documents = [path.read_bytes() for path in sorted(CAPTURES.rglob("*.plist"))]
    pairs = [both(data) for data in documents if not data.startswith(b"bplist")]
    assert [pair for pair in pairs if pair[0] not in (None, pair[1])] == []
    assert sum(pair[0] is not None for pair in pairs) > len(pairs) * 0.6


def test_damaged_documents_are_never_read_otherwise():
    chance = random.Random(9)
    whole = plistlib.dumps(USUAL)
    parts = [
        b"<",
        b">",
        b"&",
        b"/",
        b"<key>",
        b"</dict>",
        b"<array>",
        b"\r",
        b"\0",
        b" ",
        b"]]>",
        b"&amp;",
        b"\xff",
        b"<true/>",
    ]
    read = 0
    for _ in range(4000):
        data = bytearray(whole)
        for _change in range(chance.randint(1, 3)):
            begin = chance.randrange(len(data))
            data[begin : begin + chance.choice((0, 1, 1, 5, 30))] = chance.choice([b"", b"", *parts])
        found, wanted = both(bytes(data))
        assert found in (None, wanted), bytes(data)
        read += found is not None
    assert read > 100

import contextlib
import json
import plistlib
import struct
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mdm_project import plist
from mdm_project.errors import BadRequest, TooLarge, UnreadablePlist
from tests.fixtures import capture, captures

HEAD = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" '
    b'"http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n<plist version="1.0">\n'
)
EVERYTHING = {
    "text": "Grüße & <más> 🍏",
    "empty": "",
    "numbers": [0, -1, 2**63, 2**64 - 1, -(2**63), 1.5, -0.25],
    "flags": {"yes": True, "no": False},
    "bytes": bytes(range(256)),
    "moment": datetime(2026, 11, 24, 3, 4, 5, tzinfo=UTC),
    "nested": [[], {}, [{"a": [1]}]],
    "": "empty key",
}


def xml(inner: str) -> bytes:
    return HEAD + inner.encode() + b"\n</plist>\n"


def test_a_property_list_is_read_back_as_it_was_written():
    assert plist.loads(plist.dumps(EVERYTHING)) == EVERYTHING


def test_types_are_kept_apart():
    value = plist.loads(xml("<array><true/><integer>1</integer><real>1</real></array>"))
    assert [type(item) for item in value] == [bool, int, float]


@pytest.mark.parametrize("name", captures("responses", "*/*.plist") + captures("checkin", "*.plist"))
def test_captured_messages_read_as_plistlib_reads_them(name):
    data = capture(name)
    try:
        expected = plistlib.loads(data)
    except Exception:  # noqa: BLE001 - plistlib raises many kinds; what it cannot read is no reference
        with pytest.raises(UnreadablePlist):
            plist.loads(data)
        return
    assert plist.loads(data) == aware(expected)


def aware(value):
    if isinstance(value, dict):
        return {key: aware(item) for key, item in value.items()}
    if isinstance(value, list):
        return [aware(item) for item in value]
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


@pytest.mark.parametrize("name", captures("plist-robustness"))
def test_hostile_property_lists_are_read_or_refused_within_bounded_memory(name):
    data = capture(name)
    tracemalloc.start()
    try:
        plist.loads(data)
    except UnreadablePlist:
        pass
    else:
        assert "crasher" not in name and "bomb" not in name and ".failure." not in name
    finally:
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak_bytes < 2_000_000


def test_entity_declarations_are_refused():
    bomb = b'<!DOCTYPE plist [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><plist><string>&b;</string></plist>'
    with pytest.raises(UnreadablePlist, match="DOCTYPE"):
        plist.loads(bomb)


def test_an_undefined_entity_is_refused_rather_than_dropped():
    with pytest.raises(UnreadablePlist, match="secret"):
        plist.loads(xml("<string>a&secret;b</string>"))


def test_an_external_entity_is_never_fetched(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("leaked")
    with pytest.raises(UnreadablePlist):
        plist.loads(f'<!DOCTYPE p [<!ENTITY x SYSTEM "{secret}">]><plist><string>&x;</string></plist>'.encode())


def test_nesting_has_a_limit():
    assert plist.loads(xml("<array>" * 128 + "</array>" * 128))
    with pytest.raises(UnreadablePlist, match="deeper than 128"):
        plist.loads(xml("<array>" * 129 + "</array>" * 129))


def test_size_has_a_limit():
    data = plist.dumps({"Status": "Idle"})
    assert plist.loads(data, limit_bytes=len(data))
    with pytest.raises(TooLarge):
        plist.loads(data, limit_bytes=len(data) - 1)
    with pytest.raises(TooLarge):
        plist.loads_report(data, limit_bytes=10)


def test_the_last_of_two_equal_keys_wins_in_every_reading():
    twice = b"<key>UDID</key><string>%s</string>"
    data = HEAD + b"<dict>" + twice % b"FIRST" + twice % b"LAST" + b"</dict></plist>"
    assert plist.loads_message(data) == {"UDID": "LAST"}
    assert plist.salvage(data) == {"UDID": "LAST"}


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ("<dict><string>a</string></dict>", "has no key"),
        ("<dict><key>a</key></dict>", "has no value"),
        ("<dict><key>a</key><key>b</key><true/></dict>", "not expected"),
        ("<array><key>a</key></array>", "not expected"),
        ("<key>a</key>", "not expected"),
        ("<string>a<string>b</string></string>", "inside <string>"),
        ("<array><plist/></array>", "not expected"),
        ("<frame/>", "not expected"),
        ("<true/><false/>", "several roots"),
        ("", "empty"),
        ("<integer>12x</integer>", "not an integer"),
        ("<integer>1_000</integer>", "not an integer"),
        ("<integer>99999999999999999999999</integer>", "not an integer"),
        ("<integer>18446744073709551616</integer>", "64 bits"),
        ("<real>much</real>", "not a real"),
        ("<data>abc</data>", "base64"),
        ("<data>é</data>", "base64"),
        ("<date>yesterday</date>", "not a date"),
        ("<date>2026-02-30T00:00:00Z</date>", "not a date"),
    ],
)
def test_what_is_no_property_list_is_refused_with_its_place(inner, message):
    with pytest.raises(UnreadablePlist, match=message) as caught:
        plist.loads(xml(inner))
    assert "empty" in message or "roots" in message or "line 4" in str(caught.value)


@pytest.mark.parametrize("junk", [b"", b"junk", b"\x00" * 50, b"{}", b"<", b"<plist>", b"bplist00", HEAD, b"\xff\xfe<"])
def test_junk_is_refused(junk):
    with pytest.raises(UnreadablePlist):
        plist.loads(junk)


@pytest.mark.parametrize("name", ["nonsense", "utf-7", "idna", "punycode", "utf-32", "rot13", "base64", "undefined"])
def test_odd_encodings_are_read_or_refused(name):
    data = f'<?xml version="1.0" encoding="{name}"?><plist><string>a</string></plist>'.encode()
    with contextlib.suppress(UnreadablePlist):
        assert plist.loads(data) == "a"


def test_integers_may_be_hexadecimal_and_signed():
    value = plist.loads(xml("<array><integer>0x1F</integer><integer> +7 </integer><integer>-0x10</integer></array>"))
    assert value == [31, 7, -16]


def test_apples_distant_past_is_read():
    assert plist.loads(xml("<date>0000-12-30T00:00:00Z</date>")) == datetime(1, 1, 1, tzinfo=UTC)


def test_comments_and_cdata_are_part_of_the_text_around_them():
    assert plist.loads(xml("<string>a<!-- no -->b<![CDATA[<&>]]></string>")) == "ab<&>"


def test_long_text_is_whole():
    assert plist.loads(xml(f"<string>{'ä' * 100_000}</string>")) == "ä" * 100_000


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\n\r\n \t", b"\xef\xbb\xbf\n"])
def test_a_byte_order_mark_and_blanks_may_come_first(before):
    assert plist.loads(before + plist.dumps({"Status": "Idle"})) == {"Status": "Idle"}


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_other_encodings_are_read(encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?><plist><string>Zürich</string></plist>'
    assert plist.loads(text.encode(encoding)) == "Zürich"


def test_binary_property_lists_are_read():
    naive = EVERYTHING | {"moment": EVERYTHING["moment"].replace(tzinfo=None)}
    assert plist.loads(plistlib.dumps(naive, fmt=plistlib.FMT_BINARY)) == EVERYTHING


def binary(*objects: bytes, count: int | None = None, top: int = 0) -> bytes:
    body = b"bplist00"
    offsets = b""
    for item in objects:
        offsets += bytes([len(body)])
        body += item
    return body + offsets + struct.pack(">6xBBQQQ", 1, 1, len(objects) if count is None else count, top, len(body))


def test_binary_lists_that_share_objects_endlessly_are_refused():
    # Each array holds the next one twice: 100 bytes that would be 2**30 values.
    with pytest.raises(UnreadablePlist):
        plist.loads(binary(*(bytes([0xA2, n + 1, n + 1]) for n in range(30)), b"\x08"))


@pytest.mark.parametrize(
    "data",
    [
        binary(b"\xa1\x00"),  # an array that contains itself
        binary(b"\xd1\x00\x00"),  # a dictionary that is its own key
        binary(b"\x08", count=2**60),
        binary(b"\x08", top=9),
        binary(b"\x4f\x13" + b"\x7f" * 8),  # more data than memory
        binary(b"\x80\x01"),  # a UID
        binary(b"\xd1\x01\x02", b"\x10\x07", b"\x08"),  # a key that is a number
        binary(b"\x33" + struct.pack(">d", float("nan"))),
        binary(b"\x33" + struct.pack(">d", 1e300)),
        binary(b"\x62\xd8\x00\xd8\x00"),  # lone surrogates
        binary(b"\x00"),
    ],
)
def test_binary_lists_that_make_no_sense_are_refused(data):
    with pytest.raises(UnreadablePlist):
        plist.loads(data)


def test_deeply_nested_binary_lists_are_refused():
    deep = []
    for _ in range(500):
        deep = [deep]
    with pytest.raises(UnreadablePlist):
        plist.loads(plistlib.dumps(deep, fmt=plistlib.FMT_BINARY))


def test_messages_must_be_dictionaries():
    for value in ([], "text", 1):
        with pytest.raises(UnreadablePlist, match="dictionary"):
            plist.loads_message(plist.dumps(value))


REPORT = b"<dict><key>UDID</key><string>U-1</string><key>Name</key><string>%s</string></dict></plist>"


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        (b"a\x00b", "ab"),
        (b"a\x0b\x1f\x08b", "ab"),
        (b"a&#0;b&#x0;&#x1F;", "ab"),
        (b"a&#xD800;&#xFFFF;&#99999999999;b", "ab"),
        (b"a\xff\xc3b", "ab"),
        (b"a\xed\xa0\x80b", "ab"),
        ("a\ufffeb".encode(), "ab"),
        (b"a\x00&#169;&#x1F34F;&amp;", "a©🍏&"),
    ],
)
def test_characters_illegal_in_xml_are_dropped_from_reports(dirty, clean):
    data = HEAD + REPORT % dirty
    with pytest.raises(UnreadablePlist):
        plist.loads(data)
    assert plist.loads_report(data) == ({"UDID": "U-1", "Name": clean}, True)


def test_zeros_after_the_end_are_dropped_from_reports():
    assert plist.loads_report(HEAD + REPORT % b"a" + b"\x00") == ({"UDID": "U-1", "Name": "a"}, True)


def test_a_good_report_is_not_repaired():
    assert plist.loads_report(HEAD + REPORT % b"a") == ({"UDID": "U-1", "Name": "a"}, False)


def test_a_report_beyond_repair_is_refused_with_its_first_complaint():
    with pytest.raises(UnreadablePlist):
        plist.loads_report(HEAD + b"<dict><key>UDID</key><string>U-1</str")


def test_identity_and_status_are_salvaged_from_a_truncated_report():
    whole = plist.dumps(
        {
            "CommandUUID": "C-1",
            "QueryResponses": {"UDID": "inner", "Status": "inner"},
            "List": [{"Status": "inner"}, {}],
            "Status": "Acknowledged",
            "UDID": "A & B",
            "UserID": "last",
        }
    )
    broken = whole[: whole.index(b"last")]
    assert plist.salvage(broken) == {"CommandUUID": "C-1", "Status": "Acknowledged", "UDID": "A & B"}


@pytest.mark.parametrize("data", [b"", b"junk", b"<dict>" * 10_000, b"</dict><key>UDID</key>", bytes(range(256)) * 10])
def test_nothing_is_salvaged_from_junk(data):
    assert plist.salvage(data) == {}


def test_dates_are_written_in_utc():
    there = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert b"<date>2025-12-31T23:30:00Z</date>" in plist.dumps({"when": there})


def test_keys_keep_their_order():
    assert list(plist.loads(plist.dumps({"z": 1, "a": 2, "m": 3}))) == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, None]}, "a.1"),
        ({"a": {"b": object()}}, "a.b"),
        ({"a": {1: 2}}, "a"),
        ({"a": "\x00"}, "a"),
        ({"a": 2**64}, "a"),
        (None, "value"),
    ],
)
def test_what_cannot_be_written_is_named_by_its_path(value, path):
    with pytest.raises(BadRequest) as caught:
        plist.dumps(value)
    assert list(caught.value.fields) == [path]


def test_json_loses_nothing():
    value = EVERYTHING | {
        "like a marker": {"$data": "x"},
        "more": {"$dict": {"$date": 1}},
        "not a marker": {"$data": "x", "b": 1},
        "infinite": [float("inf"), float("-inf")],
        "fraction": datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC),
    }
    back = plist.from_json(json.loads(json.dumps(plist.to_json(value), allow_nan=False)))
    assert back == value
    assert type(back["numbers"][5]) is float and type(back["flags"]["yes"]) is bool


def test_json_has_the_documented_markers():
    assert plist.to_json({"a": b"hi", "b": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}) == {
        "a": {"$data": "aGk="},
        "b": {"$date": "2026-01-02T03:04:05Z"},
    }
    assert plist.from_json({"$date": "2026-01-02T05:04:05+02:00"}) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {"b": None}}, "a.b"),
        ({"a": [{"$data": "?"}]}, "a.0"),
        ({"a": {"$data": 1}}, "a"),
        ({"a": {"$date": "soon"}}, "a"),
        ({"a": {"$date": "0001-01-01T00:00:00+02:00"}}, "a"),
        ({"a": {"$dict": 1}}, "a"),
        ({"a": {"$real": "1"}}, "a"),
        ({"a": "\x00"}, "a"),
        ({"a\ud800": 1}, "value"),
        ({"a": 2**70}, "a"),
    ],
)
def test_bad_json_is_named_by_its_path(value, path):
    with pytest.raises(BadRequest) as caught:
        plist.from_json(value)
    assert list(caught.value.fields) == [path]


def test_json_nesting_has_a_limit():
    deep = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(BadRequest, match="deeper"):
        plist.from_json(deep)

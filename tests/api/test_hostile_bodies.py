"""Bodies as an attacker writes them, against every address of the API that takes one: 4xx with the problem, never 5xx.

The addresses are those of the table of permissions, so that a new one is tried by itself.
"""

import json
import re
import resource

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from drf_spectacular.generators import SchemaGenerator

from mdm_project.api.parsers import MAX_BYTES
from tests.api.client import ROOT, Caller
from tests.api.test_permissions import TABLE, addresses, content_of  # noqa: F401

JSON = "application/json"
TARGETS = [(path, method) for path, method, *_ in TABLE if method in ("POST", "PATCH", "PUT")]
DEEP = b'{"a":' * 100_000
# Never JSON, or never a body: what comes back is the same everywhere.
REFUSED = {
    "objects nested without end": (DEEP, 400),
    "arrays nested without end": (b"[" * 100_000, 400),
    "complete nesting": (b"[" * 100_000 + b"]" * 100_000, 400),
    "nesting behind brackets in a text": (b'{"x": "]]]]]", "a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", 400),
    "NaN": (b'{"name": NaN}', 400),
    "infinity": (b'{"priority": Infinity}', 400),
    "infinity by its exponent": (b'{"priority": 1e999}', 400),
    "a number of 10,000 digits": (b'{"priority": ' + b"9" * 10_000 + b"}", 400),
    "a number of 4,000 digits": (b'{"revision": ' + b"9" * 4_000 + b"}", 400),
    "NUL in a text": (b'{"name": "a\\u0000b", "reason": "\\u0000"}', 400),
    "NUL in a key": (b'{"a\\u0000": 1}', 400),
    "half a surrogate pair": (b'{"name": "\\ud800", "reason": "\\udfff"}', 400),
    "a key twice": (b'{"name": "a", "name": "b"}', 400),
    "bytes that are no UTF-8": (b'{"name": "\xff\xfe"}', 400),
    "UTF-16": ('{"name": "a"}'.encode("utf-16"), 400),
}
ODD_VALUES = [
    None, True, -(2**63), 10**19, 1.5e308, "x" * 20_000, "\ufffe", [], [[]],
    {"a.b[0]": {"$": 1}}, [1, "x", None, {"x": []}], {"all": [{"fact": [], "is": {}}]},
]  # fmt: skip


@pytest.fixture(scope="module")
def names_by_target() -> dict[tuple[str, str], list[str]]:
    """The names of the fields of each body, by the API's own document."""
    document = SchemaGenerator().get_schema(request=None, public=True)
    found = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            reference = content.get(JSON, {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
            schema = document["components"]["schemas"].get(reference, {})
            found[wild(path.removeprefix(ROOT)), method.upper()] = list(schema.get("properties", {}))
    return found


def wild(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "*", path)


@pytest.fixture
def caller(db) -> Caller:
    return Caller()


def send(caller, method: str, path: str, body: bytes, content_type: str = JSON):
    """Send a body and undo what it did."""
    with transaction.atomic():
        response = caller.client.generic(method, ROOT + path, body, content_type=content_type)
        transaction.set_rollback(True)
    return response


def test_what_is_no_json_is_refused_with_the_reason(caller, addresses):  # noqa: F811
    wrong = []
    for path, method in TARGETS:
        address = path.format(**addresses)
        for name, (body, status) in REFUSED.items():
            response = send(caller, method, address, body)
            is_taken = response.status_code < 400 and reads_its_body(caller, method, address)
            if response.status_code >= 500 or is_taken:
                wrong.append((method, path, name, response.status_code, response.content[:300]))
            elif response.status_code == status and not response.json()["detail"]:
                wrong.append((method, path, name, "says nothing"))
    assert wrong == []


def reads_its_body(caller, method: str, address: str) -> bool:
    """Say whether an address looks at its body at all: one that does refuses what is no JSON."""
    return send(caller, method, address, b"{").status_code >= 400


def test_values_of_other_types_are_never_a_server_error(caller, addresses, names_by_target):  # noqa: F811
    wrong = []
    for path, method in TARGETS:
        content = content_of(path, addresses)
        known = dict(content) if isinstance(content, dict) else {}
        names = {*names_by_target[wild(path), method], *known}
        for body in (*ODD_VALUES, *({**known, name: value} for name in names for value in ODD_VALUES)):
            response = send(caller, method, path.format(**addresses), json.dumps(body).encode())
            if response.status_code >= 500:
                wrong.append((method, path, str(body)[:120], response.status_code))
    assert wrong == []


def test_other_content_types_are_refused_or_ignored(caller, addresses):  # noqa: F811
    content_types = (
        "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data",
        "multipart/form-data; boundary=x", "application/json; charset=no-such-charset", "", "x" * 5000, "a/b; c=\udcff",
    )  # fmt: skip
    wrong = []
    for path, method in TARGETS:
        for content_type in content_types:
            for body in (b"a=1", b"--x\r\n\r\n", b""):
                response = send(caller, method, path.format(**addresses), body, content_type)
                if response.status_code >= 500:
                    wrong.append((method, path, content_type[:40], body))
    assert wrong == []


@pytest.mark.parametrize("path", ["commands/", "groups/preview/", "profiles/"])
@pytest.mark.parametrize(
    "body",
    [b'{"name": "' + b"x" * (50 * 1024 * 1024) + b'"}', b"[" + b"[]," * (17 * 1024 * 1024) + b"[]]",
     b"[" + b"[]," * (5 * 1024 * 1024) + b"[]]", b"[" + b"1," * (8 * 1024 * 1024 - 2) + b"1]"],
    ids=["50 MB of text", "50 MB of lists", "15 MB of lists", "16 MB of numbers"],
)  # fmt: skip
def test_large_bodies_are_refused_before_they_cost_memory(caller, path, body):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    response = send(caller, "POST", path, body)
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < (len(body) + 4 * MAX_BYTES) // 1024


def test_the_last_of_many_keys_twice_is_found_at_once(caller):
    keys = b",".join(b'"k%d":1' % number for number in range(100_000))
    response = send(caller, "POST", "commands/", b"{" + keys + b',"k99999":2}')
    assert (response.status_code, "'k99999' is there twice" in response.json()["detail"]) == (400, True)


@pytest.mark.parametrize("data", [
    b"", b"\0" * 1000, b"<plist><dict>" * 50_000, b"<plist><array>" + b"<array>" * 100_000, b"bplist00" + b"\xff" * 200,
    b"bplist00\xa1\x08\x08" + b"\0" * 23 + b"\x01", b"\x30\x84\xff\xff\xff\xff", b"\x30" * 100_000,
    b"<!DOCTYPE x [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>]><plist><string>&b;</string></plist>",
    b"<plist><dict><key>PayloadContent</key><string>x</string></dict></plist>",
    b"<plist><dict><key>PayloadContent</key><array><integer>1</integer></array></dict></plist>",
    b"<plist><dict><key>PayloadVersion</key><integer>" + b"9" * 10_000 + b"</integer></dict></plist>",
    b"x" * (50 * 1024 * 1024),
], ids=range(13))  # fmt: skip
def test_files_that_are_no_profiles_are_refused(caller, data):
    form = {"file": SimpleUploadedFile("a.mobileconfig", data)}
    response = caller.client.post(f"{ROOT}profiles/import/", form, format="multipart")
    assert 400 <= response.status_code < 500
    assert response.json()["detail"]

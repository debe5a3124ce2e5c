"""Profiles in the manner of the field: what other tools export, what people write by hand, what mail and editors do to
files. Each is imported so that downloading gives an equal plist, or refused with the reason.
"""

import plistlib
from datetime import datetime

import pytest

from devices.timeline import SYSTEM
from mdm_project.errors import EspalierError
from profiles.importing import import_profile
from profiles.rendering import download

pytestmark = pytest.mark.django_db

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" '
    '"http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n'
)


def payload(kind: str, number: int = 1, **keys) -> dict:
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"org.example.{kind}.{number}",
        "PayloadUUID": f"{number:08d}-1111-4222-8333-444444444444",
        **keys,
    }


def profile(*payloads: dict, **keys) -> dict:
    return {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": "org.example.profile",
        "PayloadUUID": "9F0A7C11-0000-4000-8000-000000000001",
        "PayloadDisplayName": "From the field",
        "PayloadContent": list(payloads),
        **keys,
    }


def xml(value: dict) -> str:
    return plistlib.dumps(value).decode()


FORCED = {"Forced": [{"mcx_preference_settings": {"homepage": "https://example.com", "count": 3, "ratio": 0.5}}]}
ONCE = {"Set-Once": [{"mcx_data_timestamp": datetime(2021, 5, 1, 8, 0, 0), "mcx_preference_settings": {"a": True}}]}
REQUIREMENT = {"CodeRequirement": "anchor apple"}
VALUES = {
    "forced preferences of an application": profile(
        payload("com.apple.ManagedClient.preferences", PayloadContent={"org.example.browser": FORCED})
    ),
    "preferences set once, with a moment": profile(
        payload("com.apple.ManagedClient.preferences", PayloadContent={"org.example.editor": ONCE})
    ),
    "preferences of an application as a payload type": profile(
        payload("org.example.browser", Policies={"Extensions": ["a", "b"], "Depth": {"x": {"y": [1, 2.5, False]}}})
    ),
    "several payloads of one type": profile(
        *(payload("com.apple.wifi.managed", n, SSID_STR=f"net {n}", EncryptionType="WPA2") for n in range(1, 6))
    ),
    "unknown keys beside known ones": profile(
        payload("com.apple.dock", orientation="left", VendorHint="keep", _internal={"n": 1}), VendorTopLevel=["x", 7]
    ),
    "empty strings, arrays and dictionaries": profile(
        payload("com.apple.wifi.managed", SSID_STR="", RoamingConsortiumOIs=[], EAPClientConfiguration={})
    ),
    "names in many scripts": profile(
        payload("com.apple.webClip.managed", Label="日本語 – Ελληνικά ’quoted’ 🍏", URL="https://example.com/?a=1&b=<2>"),
        PayloadDisplayName="Ünïcödé & <Co>", PayloadOrganization="Café – “Zürich”",
    ),
    "a large icon": profile(
        payload("com.apple.webClip.managed", Label="Icon", URL="https://example.com", Icon=bytes(range(256)) * 4000)
    ),
    "numbers at their limits": profile(
        payload("org.example.limits", big=2**63 - 1, negative=-(2**63), unsigned=2**64 - 1, small=1e-9, real=2.0)
    ),
    "a removal date and a duration": profile(
        payload("com.apple.dock", orientation="left"), RemovalDate=datetime(2031, 1, 2, 3, 4, 5),
        DurationUntilRemoval=86400.0, PayloadRemovalDisallowed=True,
    ),
    "consent texts by language": profile(
        payload("com.apple.dock", orientation="left"), ConsentText={"default": "Agree?", "de": "Einverstanden?"}
    ),
    "a profile service without payloads": profile(),
    "privacy preferences with several services": profile(
        payload(
            "com.apple.TCC.configuration-profile-policy",
            Services={
                name: [{"Identifier": "org.example.app", "IdentifierType": "bundleID", "Allowed": True, **REQUIREMENT}]
                for name in ("SystemPolicyAllFiles", "Accessibility", "ScreenCapture")
            },
        )
    ),
    "lower-case UUIDs and versions": profile(
        payload("com.apple.dock") | {"PayloadUUID": "0a1b2c3d-1111-4222-8333-44444444abcd"},
        PayloadUUID="9f0a7c11-0000-4000-8000-00000000abcd",
    ),
    "a restriction set of a vendor": profile(
        payload(
            "com.apple.applicationaccess",
            **{f"allow{name}": index % 2 == 0 for index, name in enumerate(("Camera", "AirDrop", "Siri", "iTunes"))},
            blacklistedAppBundleIDs=["org.example.game"], ratingApps=1000,
        )
    ),
}  # fmt: skip


def with_comments(text: str) -> str:
    return text.replace("<dict>", "<!-- written by hand -->\n<dict>", 1).replace("</plist>", "</plist>\n<!-- end -->\n")


def with_cdata(text: str) -> str:
    return text.replace("<string>From the field</string>", "<string><![CDATA[From the field]]></string>")


def with_entities(text: str) -> str:
    return text.replace("From the field", "From&#32;the&#x20;field")


DOCK = profile(payload("com.apple.dock", orientation="left"))
BYTES = {
    "binary": plistlib.dumps(DOCK, fmt=plistlib.FMT_BINARY),
    "a byte order mark": b"\xef\xbb\xbf" + xml(DOCK).encode(),
    "UTF-16 with its mark": xml(DOCK).replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16"),
    "line ends of another system": xml(DOCK).replace("\n", "\r\n").encode(),
    "empty lines before the declaration": b"\n\n" + xml(DOCK).encode(),
    "empty lines after the end": xml(DOCK).encode() + b"\r\n\r\n",
    "no declaration and no document type": xml(DOCK).split("\n", 2)[2].encode(),
    "comments": with_comments(xml(DOCK)).encode(),
    "CDATA": with_cdata(xml(DOCK)).encode(),
    "numeric character references": with_entities(xml(DOCK)).encode(),
    "all on one line": xml(DOCK).replace("\n", "").replace("\t", "").encode(),
}
REFUSED = {
    "an empty file": b"",
    "a page of a captive portal": b"<!DOCTYPE html><html><body>Please sign in</body></html>",
    "half a download": xml(DOCK).encode()[:300],
    "a list instead of a dictionary": plistlib.dumps([DOCK]),
    "a payload that lost its profile": plistlib.dumps(payload("com.apple.dock")),
    "an entity that reads a file": (
        HEAD.replace(".dtd\">", ".dtd\" [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>")
        + xml(DOCK).split("\n", 2)[2].replace("From the field", "&x;")
    ).encode(),
}  # fmt: skip


def equal(data: bytes) -> dict:
    """Import and download again, by another reader than the one under test."""
    imported, _warnings = import_profile(data, keep_identifiers=True, actor=SYSTEM)
    return plistlib.loads(download(imported))


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("kind", [plistlib.FMT_XML, plistlib.FMT_BINARY], ids=["xml", "binary"])
def test_what_the_field_writes_comes_back_equal(name, kind):
    assert equal(plistlib.dumps(VALUES[name], fmt=kind)) == VALUES[name]


@pytest.mark.parametrize("name", BYTES)
def test_what_happens_to_files_on_their_way_harms_nothing(name):
    assert equal(BYTES[name]) == DOCK


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_profile_is_refused_with_the_reason(name):
    with pytest.raises(EspalierError) as refused:
        import_profile(REFUSED[name], keep_identifiers=True, actor=SYSTEM)
    assert 400 <= refused.value.status < 500
    assert len(refused.value.detail) > 10

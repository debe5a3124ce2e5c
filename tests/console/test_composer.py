"""The composer's forms: what they show comes back as it was, whatever the payload; what cannot be read says so."""

from datetime import UTC, datetime

import pytest
from django.http import QueryDict
from django.template.loader import render_to_string
from django.test import RequestFactory

from mdm_project import plist
from profiles import catalogue, help_texts
from profiles.catalogue.examples import maximal, minimal
from profiles.console.composer import PayloadForm
from profiles.models import Profile
from tests.console.form_fields import fields_of

UUID = "11111111-2222-4333-8444-555555555555"
SLUGS = [entry.slug for entry in catalogue.payload_types()]


def form_for(kind: str, content: dict, *others: dict) -> PayloadForm:
    """Return the form of a payload of a slug, or of a type that Apple does not define; nothing is stored."""
    known = {entry.slug: entry for entry in catalogue.payload_types()}
    payload = plist.to_json(content) | {
        "PayloadType": known[kind].type if kind in known else kind,
        "PayloadUUID": UUID,
        "PayloadIdentifier": f"com.example.{UUID}",
        "PayloadVersion": 1,
    }
    profile = Profile(pk=1, name="Tested", identifier="com.example", payload_slugs={UUID: kind})
    draft = {"PayloadContent": [payload, *others]}
    return PayloadForm(profile, payload, draft, None)


def html_of(form: PayloadForm) -> str:
    context = {
        "sections": form.sections(),
        "payload": form,
        "may_change": True,
        "profile": form.profile,
        "part_url": "?",
        "upload_url": "?",
    }
    return render_to_string("console/profile/payload_form.html", context)


def submit(form: PayloadForm, data: QueryDict) -> dict:
    """Return the content that the form reads from what is posted."""
    request = RequestFactory().post("/", data.urlencode(), content_type="application/x-www-form-urlencoded")
    request.user = None
    form.read(request)
    return form.result()


def sent_back(kind: str, content: dict) -> tuple[dict, dict]:
    """Return the payload as it was and as its own form sends it back."""
    form = form_for(kind, content)
    html = html_of(form)
    result = submit(form_for(kind, content), fields_of(html))
    return form.payload, result


@pytest.mark.parametrize("make", [minimal, maximal], ids=["minimal", "maximal"])
def test_the_form_of_every_payload_gives_back_what_it_shows(make):
    assert len(SLUGS) == len(catalogue.payload_types()) > 100
    lost = []
    for entry in catalogue.payload_types():
        before, after = sent_back(entry.slug, make(entry))
        if before != after:
            lost.append((entry.slug, before, after))
    assert lost == []


def test_every_help_text_is_about_a_key_that_there_is():
    unknown = []
    for slug, texts in help_texts.TEXTS.items():
        paths = {key.key_path for key in catalogue.payload(slug).walk()}
        paths |= {f"*.{key.name}" for key in catalogue.payload(slug).walk()} | {""}
        unknown += [(slug, path) for path in texts if path not in paths]
    assert unknown == []
    assert len(help_texts.TEXTS) >= 25


def test_the_words_on_values_are_about_values_that_apple_allows():
    for slug, keys in help_texts.VALUES.items():
        for path, words in keys.items():
            allowed = {str(value) for value in catalogue.payload(slug).find(path).allowed}
            assert set(words) <= allowed, (slug, path, set(words) - allowed)


def test_unknown_keys_and_values_of_other_types_are_kept_and_marked():
    content = {
        "SSID_STR": 7,
        "AutoJoin": "yes",
        "EncryptionType": "WPA9",
        "ProxyServerPort": "80",
        "EAPClientConfiguration": ["not", "a", "dictionary"],
        "Zebra": {"a": [1, 2.5, True, b"\x00"], "when": datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)},
        "Number": 7,
        "Half": 0.5,
        "Text": "two\nlines",
        "Nothing": "",
    }
    before, after = sent_back("wifi-managed", content)
    assert before == after
    html = html_of(form_for("wifi-managed", content))
    assert "WPA9 (not in Apple&#x27;s list)" in html
    assert "Apple&#x27;s schema has string here" in html
    assert html.count("not in Apple&#x27;s schema</span>") == 5


def test_empty_values_and_odd_texts_come_back_as_they_are():
    content = {"SSID_STR": "", "RoamingConsortiumOIs": [], "EAPClientConfiguration": {}, "DomainName": "\n a\r\nb\tc "}
    before, after = sent_back("wifi-managed", content)
    assert before == after


def test_a_custom_payload_is_one_piece_of_xml_and_keeps_its_secrets():
    content = {"Server": "a & b <c>", "ApiToken": "hidden-token", "List": [{"Password": "hidden-word", "n": 1}]}
    html = html_of(form_for("com.example.app", content))
    assert "hidden-token" not in html and "hidden-word" not in html
    before, after = sent_back("com.example.app", content)
    assert before == after


@pytest.mark.parametrize(
    ("text", "why"), [("<dict><key>a</key>", "line"), ("<array/>", "must be a dictionary"), ("nonsense", "")]
)
def test_xml_that_is_none_says_so(text, why):
    form = form_for("com.example.app", {"a": 1})
    data = QueryDict(mutable=True)
    data["y:"], data["v:"] = "plist", text
    submit(form, data)
    (error,) = form.errors()
    assert why in error
    assert text in form.sections()[0].fields[0].value


def test_free_keys_get_names_of_their_own_and_bad_names_are_told():
    form = form_for("system-extension-policy", {"AllowedSystemExtensions": {"TEAM1": ["a", "b"]}})
    data = fields_of(html_of(form))
    name = next(key for key in data if key.startswith("n:/AllowedSystemExtensions/"))
    assert data[name] == "TEAM1"
    data[name] = "TEAM2"
    assert submit(form, data)["AllowedSystemExtensions"] == {"TEAM2": ["a", "b"]}
    data[name] = ""
    submit(form, data)
    assert form.errors() == ["AllowedSystemExtensions.: the name needs a name"]


def test_items_are_added_at_any_depth_and_moved_by_their_order():
    form = form_for("homescreenlayout", {"Pages": [[{"Type": "Folder", "Pages": [[]]}]]})
    added = form.added("/Pages/0/0/Pages/0")
    assert added.pointer.startswith("/Pages/0/0/Pages/0/n")
    assert {field.name for field in added.fields} == {"Type", "DisplayName", "BundleID", "Pages", "URL"}
    data = fields_of(html_of(form))
    for token, bundle in (("n1", "one"), ("n2", "two")):
        data.appendlist("i:/Pages/0/0/Pages/0", token)
        data[f"v:/Pages/0/0/Pages/0/{token}/BundleID"] = bundle
    data.setlist("i:/Pages/0/0/Pages/0", ["n2", "n1"])
    (inner,) = submit(form, data)["Pages"][0][0]["Pages"]
    assert inner == [{"BundleID": "two"}, {"BundleID": "one"}]


def test_references_offer_the_payloads_of_the_profile():
    others = [
        {"PayloadType": "com.apple.security.root", "PayloadUUID": "ROOT", "PayloadDisplayName": "Corp root"},
        {"PayloadType": "com.apple.security.scep", "PayloadUUID": "SCEP"},
        {"PayloadType": "com.apple.vpn.managed.applayer", "PayloadUUID": "VPN", "VPNUUID": "OWN-UUID"},
        {"PayloadType": "com.apple.dock", "PayloadUUID": "DOCK"},
    ]
    fields = {each.name: each for each in form_for("eas-account", {}, *others).sections()[0].fields}
    assert [value for value, *_ in fields["PayloadCertificateUUID"].options] == ["SCEP"], "a root is no identity (A3)"
    assert [value for value, *_ in fields["VPNUUID"].options] == ["OWN-UUID"]
    gone = {each.name: each for each in form_for("eas-account", {"VPNUUID": "X"}).sections()[0].fields}
    assert gone["VPNUUID"].options == [("X", "X (not in this profile)", True)]


def test_badges_say_what_a_key_asks_beyond_its_payload():
    fields = {}
    for section in form_for("applicationaccess", {}).sections():
        fields |= {each.name: [badge.words for badge in each.badges] for each in section.fields}
    assert fields["allowAppClips"] == ["iOS only", "iOS 14+", "supervised only", "not in User Enrollment"]
    assert any(words.startswith("deprecated in iOS") for words in fields["allowAssistant"])


def test_problems_lead_to_the_fields_they_are_about():
    content = {"EAPClientConfiguration": {"AcceptEAPTypes": [13, 99]}, "Odd": 1}
    form = form_for("wifi-managed", content)
    html = html_of(form)
    stored = form.problems()
    submit(form, fields_of(html))
    for problems in (stored, form.problems()):
        assert [(each.key_path, each.level) for each in problems] == [
            ("EAPClientConfiguration.AcceptEAPTypes.1", "error"), ("Odd", "note"),
        ]  # fmt: skip
        assert all(f'id="{each.anchor}"' in html for each in problems)


def test_a_stored_secret_cannot_be_moved_to_a_key_that_is_shown():
    form = form_for("wifi-managed", {"SSID_STR": "corp", "Password": "secret-psk", "Odd": {"ApiToken": "odd-secret"}})
    data = fields_of(html_of(form))
    password = data["k:/Password"]
    data["v:/SSID_STR"], data["k:/SSID_STR"] = "", password
    result = submit(form, data)
    assert "SSID_STR: Meanwhile the stored value was changed: enter it again." in form.errors()
    assert "SSID_STR" not in result
    moved = fields_of(html_of(form_for("wifi-managed", {"Odd": {"ApiToken": "odd-secret"}})))
    name = next(key for key in moved if key.startswith("n:"))
    moved[name] = "Shown"
    submit(form, moved)
    assert any("enter it again" in error for error in form.errors())

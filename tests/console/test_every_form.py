"""Every payload, command and declaration of Apple's schema has a form that takes its smallest and its largest content
and gives back what validates. (Forms of payloads in a profile: test_composer.)
"""

from pathlib import Path

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory
from jsonschema import Draft202012Validator

from mdm_project import plist
from profiles import catalogue
from profiles.catalogue import Role, json_schema
from profiles.catalogue.examples import maximal, minimal
from profiles.console.keys_form import EntryForm
from tests.console.form_fields import FormFields, fields_of

SCHEMA = Path(__file__).resolve().parents[3] / "shared" / "apple-schema"
KINDS = {
    "payloads": (catalogue.payload_types, "mdm/profiles"),
    "commands": (catalogue.commands, "mdm/commands"),
    "declarations": (catalogue.declarations, "declarative/declarations"),
}
# No types of their own: envelopes around payloads and declarations, and the files that credential assets point to.
ENVELOPES = {"TopLevel.yaml", "CommonPayloadKeys.yaml", "declarationbase.yaml"}
CREDENTIALS = "credentials"


def html_of(form: EntryForm) -> str:
    return render_to_string(
        "console/profile/sections.html", {"sections": form.sections(), "part_url": "?", "upload_url": "?"}
    )


def sent_back(entry, content: dict) -> tuple[str, EntryForm]:
    html = html_of(EntryForm(entry, content))
    form = EntryForm(entry, content)
    request = RequestFactory().post("/", fields_of(html).urlencode(), content_type="application/x-www-form-urlencoded")
    request.user = None
    form.read(request)
    return html, form


@pytest.mark.parametrize("make", [minimal, maximal], ids=["minimal", "maximal"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_form_renders_takes_its_content_and_writes_what_validates(kind, make):
    wrong = []
    for entry in KINDS[kind][0]():
        content = make(entry)
        html, form = sent_back(entry, content)
        result = form.result()
        invalid = [
            error.message for error in Draft202012Validator(json_schema(entry)).iter_errors(plist.to_json(result))
        ]
        if result != content or form.errors() or invalid or catalogue.errors_of(entry, result):
            wrong.append((entry.slug, content, result, form.errors(), invalid))
        plist.loads(plist.dumps(result))
    assert wrong == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_at_every_depth_has_a_field(kind):
    missing = []
    for entry in KINDS[kind][0]():
        html = html_of(EntryForm(entry, maximal(entry)))
        parser = FormFields()
        parser.feed(html)
        for key in entry.walk():
            if key.role is Role.MEMBER and not key.recursion and f">{key.name}<" not in html:
                missing.append((entry.slug, key.key_path))
    assert missing == []


@pytest.mark.parametrize("kind", KINDS)
def test_there_are_as_many_as_apple_has_files(kind):
    folder = SCHEMA / KINDS[kind][1]
    if not folder.exists():
        pytest.skip("Apple's schema is not beside the project")
    paths = [path for path in folder.rglob("*.yaml") if path.parent.name != CREDENTIALS and path.name not in ENVELOPES]
    files = {str(path.relative_to(SCHEMA)) for path in paths}
    entries = KINDS[kind][0]()
    assert {entry.file for entry in entries} == files
    assert len({entry.slug for entry in entries}) == len(entries) == len(files)

"""The composer's forms: what they show comes back as it was, whatever the payload; what cannot be read says so."""

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

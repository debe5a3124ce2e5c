"""The console's lists, dashboard and smaller pages: what they show, at a fixed number of statements."""

import csv
import hashlib
import io
from datetime import timedelta

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from apns.models import PushCertificate
from devices.models import (
    Event,
    Identity,
    RejectedMessage,
)
from devices.rejections import excerpt_context
from mdm_project.attention import SOURCES, Source
from mdm_project.crypto import seal_body
from mdm_project.models import ApiToken
from mdm_project.tokens import find_token
from simulator.push_ca import PushCA
from tests import factories
from tests.console.pages import DEVICES, State, finish, page_of, statements, text_of

# Lists


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda model: model._meta.label), ids=str)
def test_every_list_opens_empty_and_says_what_it_is_for(console, model):
    response = console.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"))
    assert response.status_code == 200
    assert "<title>Select" not in " ".join(response.content.decode().split()).replace("<title> ", "<title>")
    model_admin = admin.site._registry[model]
    changes = response.context.get("cl")  # a page of its own in place of the list has none
    if changes is None or not changes.result_list:
        assert model_admin.empty_title in text_of(response)


def test_the_device_list_takes_as_many_statements_for_thirty_devices_as_for_three(console):
    for _ in range(3):
        factories.make_queued(factories.make_channel())
    few = statements(console, DEVICES)
    for _ in range(27):
        factories.make_queued(factories.make_channel(factories.make_device(person=factories.make_person())))
    # One asks whether the kill switch is on, three are about saved searches, one is for the profiles to filter by.
    assert statements(console, DEVICES) == few <= 13


def test_the_list_of_commands_takes_as_many_statements_for_thirty_as_for_three(console):
    address = reverse("admin:commands_command_changelist")
    for _ in range(3):
        factories.make_queued()
    few = statements(console, address)
    for _ in range(27):
        factories.make_queued()
    assert statements(console, address) == few <= 8


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("serial_number", "C02XL0AAJGH5", "xl0aaj"),
        ("udid", "00008140-000A1234ABCD", "000A1234"),
        ("name", "Ada's iPhone", "ada's"),
        ("imei", "351234567890123", "35 1234 567890 123"),
        ("wifi_mac", "a4:83:e7:00:11:22", "A4:83:E7:00"),
        ("asset_tag", "EX-1042", "ex-1042"),
    ],
)
def test_a_device_is_found_by_whatever_identifies_it(console, column, value, text):
    found = factories.make_channel(factories.make_device(**{"name": "the found one", column: value})).device
    factories.make_channel(factories.make_device(name="the other one"))
    shown = console.get(DEVICES, {"q": text}).context["cl"].result_list
    assert [device.pk for device in shown] == [found.pk]


def test_a_device_is_found_by_its_user(console):
    person = factories.make_person(name="Chiara Rossi")
    found = factories.make_device(person=person)
    factories.make_device()
    assert list(console.get(DEVICES, {"q": "rossi"}).context["cl"].result_list) == [found]


def test_filters_of_the_device_list_narrow_it(console):
    recent = factories.make_channel(factories.make_device("macos")).device
    silent = factories.make_channel(
        factories.make_device("ios", os_version_parts=[17, 1]), seen_at=timezone.now() - timedelta(days=9)
    ).device
    gone = factories.make_channel(push_gone_at=timezone.now()).device
    never = factories.make_device()
    failing = factories.make_channel()
    finish(factories.make_queued(failing), State.FAILED, "no space left")

    def shown(**query):
        return {device.pk for device in console.get(DEVICES, query).context["cl"].result_list}

    assert shown(platform__exact="macos") == {recent.pk}
    assert shown(os="ios-17") == {silent.pk}
    assert shown(seen="longer") == {silent.pk, never.pk}
    assert shown(enrollment="none") == {never.pk}
    assert shown(push="gone") == {gone.pk}
    assert shown(commands="failed") == {failing.device_id}
    assert shown(seen="nonsense", os="ios-x") == {recent.pk, silent.pk, gone.pk, never.pk, failing.device_id}


def test_a_filter_in_force_is_a_chip_that_takes_it_off(console):
    factories.make_channel(factories.make_device("macos"))
    text = text_of(console.get(DEVICES, {"platform__exact": "macos"}))
    assert "platform: Mac" in text


def test_the_csv_holds_what_is_filtered_and_no_formula(console):
    factories.make_device("macos", name="=HYPERLINK(1)", serial_number="C02A")
    factories.make_device("ios", serial_number="F2LB")
    response = console.get(f"{DEVICES}csv/", {"platform__exact": "macos"})
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert [(row["serial number"], row["name"]) for row in rows] == [("C02A", "'=HYPERLINK(1)")]


def test_the_search_of_everything_finds_devices_people_commands_and_pages(console):
    device = factories.make_device(serial_number="C02SEARCH", person=factories.make_person(name="Ada Okafor"))
    command = factories.make_command()

    def found(text):
        return text_of(console.get(reverse("admin:search"), {"s": text, "extended": 1}))

    assert page_of(device) in found("c02sea")
    assert "Ada Okafor" in found("okafor")
    assert reverse("admin:commands_command_change", args=[command.pk]) in found(command.uuid)
    assert reverse("admin:apns_pushcertificate_changelist") in found("push")
    assert "Nothing found" in found("no such thing")


# Dashboard


def test_the_dashboard_counts_devices_and_names_what_needs_a_person(console):
    factories.make_push_certificate(not_after=timezone.now() + timedelta(days=20))
    for _ in range(3):
        channel = factories.make_channel()
        finish(factories.make_queued(channel, "SecurityInfo"), State.FAILED, "the certificate has expired")
    factories.make_channel(push_gone_at=timezone.now())
    factories.make_identity(channel.enrollment_key, not_after=timezone.now() + timedelta(days=5))
    context = console.get("/console/").context
    assert context["numbers"]["enrolled"] == 4
    assert context["commands"]["failed"] == 3
    titles = [need.title for need in context["needs"]]
    assert "SecurityInfo failed on 3 devices" in titles
    assert "1 device has probably gone" in titles
    assert any("expires in 19 days" in title for title in titles)
    assert "1 device certificate expires within 30 days" in titles
    keys = [need.key for need in context["needs"]]
    assert len(set(keys)) == len(keys)


def test_a_source_that_cannot_look_is_named_and_hides_no_other(console, monkeypatch):
    """A5: one entry that cannot be worked out must not take the dashboard away."""

    def odd_things(_user):
        raise ValueError("a value that nobody expected")

    monkeypatch.setattr("mdm_project.attention.SOURCES", [Source("devices.view_device", odd_things), *SOURCES])
    titles = [need.title for need in console.get("/console/").context["needs"]]
    assert "Whether there is something about odd things cannot be told" in titles
    assert "There is no push certificate" in titles


def test_the_dashboard_takes_as_many_statements_for_a_bigger_fleet(console):
    factories.make_channel()
    few = statements(console, "/console/")
    for platform in ("ios", "ipados", "macos", "tvos"):
        for _ in range(5):
            factories.make_queued(factories.make_channel(factories.make_device(platform)))
    # Beside the numbers, one or two of each source of what needs a person.
    assert statements(console, "/console/") == few <= 12 + 2 * len(SOURCES)


def test_an_empty_dashboard_says_what_to_do_first(console):
    text = text_of(console.get("/console/"))
    assert "There is no push certificate" in text
    assert "No device is enrolled yet" in text


def test_the_numbers_of_the_charts_lead_to_lists_of_that_length(console):
    for hours in (0, 5, 50, 500):
        factories.make_channel(seen_at=timezone.now() - timedelta(hours=hours))
    bars = console.get("/console/").context["seen"]
    assert [bar["number"] for bar in bars] == [1, 1, 1, 1]
    for bar in bars:
        assert len(console.get(bar["link"]).context["cl"].result_list) == bar["number"]


# Other pages


def test_a_push_certificate_is_uploaded_renewed_and_refused_in_words(console, tmp_path):
    ca = PushCA(tmp_path)
    identity, other = ca.push_identity(), ca.issue_push_identity(topic="com.apple.mgmt.External.other")

    def upload(address, identity, **fields):
        file = io.BytesIO(identity.certificate_pem + identity.key_pem)
        file.name = "push.pem"
        return console.post(address, {"file": file, **fields})

    add = reverse("admin:apns_pushcertificate_add")
    upload(add, identity, name="Corp", apple_account="push@example.com")
    stored = PushCertificate.objects.get()
    assert (stored.name, stored.apple_account) == ("Corp", "push@example.com")
    refused = text_of(upload(add, other))
    assert "would have to enroll again" in refused
    assert 'name="force"' in refused
    upload(add, other, force="on")
    assert PushCertificate.objects.count() == 2
    assert "not a certificate" not in text_of(
        console.get(reverse("admin:apns_pushcertificate_change", args=[stored.pk]))
    )


def test_a_request_for_a_push_certificate_is_made_and_downloaded(console):
    made = console.post(reverse("admin:apns_pushcertificate_request"), follow=True)
    assert text_of(made).startswith("-----BEGIN CERTIFICATE REQUEST-----")


def test_a_token_is_shown_once_and_works(console):
    made = console.post(
        reverse("admin:mdm_project_apitoken_add"), {"name": "asset database", "scopes": ["read"], "expires_on": ""}
    )
    text = made.context["text"]
    assert text in text_of(made)
    token = find_token(text)
    assert token.scopes == ["read"]
    assert text not in text_of(console.get(reverse("admin:mdm_project_apitoken_change", args=[token.pk])))
    console.post(reverse("admin:mdm_project_apitoken_revoke", args=[token.pk]))
    assert not ApiToken.objects.get().is_usable


def test_a_refused_message_is_shown_with_its_reason_and_its_beginning_to_who_may_read_it(sign_in):
    digest = hashlib.sha256(b"x").digest()
    message = RejectedMessage.objects.create(
        path="/mdm/connect", status=403, code="identity_refused", reason="pinned to another device", size_bytes=20,
        body_hash=digest, excerpt_encrypted=seal_body(b"<plist>the beginning", excerpt_context(digest)),
    )  # fmt: skip
    address = reverse("admin:devices_rejectedmessage_change", args=[message.pk])
    seen = text_of(sign_in("viewer").get(address))
    assert ("Pinned to another device" in seen, "the beginning" in seen) == (True, False)
    assert "the beginning" in text_of(sign_in("viewer", "devices.view_raw_reports").get(address))


def test_an_enrollment_profile_is_edited_and_shows_its_link_and_qr_code(console, settings):
    profile = factories.make_enrollment_profile(slug="company")
    address = reverse("admin:enrollment_enrollmentprofile_change", args=[profile.pk])
    text = text_of(console.get(address))
    assert f"{settings.PUBLIC_URL}/enroll/company/" in text
    assert "<svg" in text
    body = {
        "name": "Company", "organization": "Example", "description": "", "identity_source": "scep",
        "shared_challenge_uses": 0, "shared_challenge_days": 30, "access_rights": ["1", "16"], "is_enabled": "on",
    }  # fmt: skip
    console.post(address, body)
    profile.refresh_from_db()
    assert (profile.name, profile.access_rights, profile.slug) == ("Company", 17, "company")
    assert Event.objects.filter(kind="enrollment_profile_changed").exists()


def test_the_enrollment_page_says_what_happens_and_what_is_collected(client, db):
    factories.make_enrollment_profile(slug="way-in", organization="Example Corp")
    text = text_of(client.get("/enroll/way-in/"))
    for part in ("Enroll this device with Example Corp", "What will happen", "What is collected", "<svg"):
        assert part in text


def test_a_profile_that_cannot_be_handed_out_says_why(client, db):
    factories.make_enrollment_profile(slug="way-in")
    response = client.get("/enroll/way-in/profile")
    assert (response.status_code, "No push certificate is uploaded yet" in text_of(response)) == (409, True)


def test_what_does_not_exist_is_told_in_the_brand(console):
    response = console.get("/nothing-here/")
    assert (response.status_code, "Nothing grows here" in text_of(response)) == (404, True)


def test_an_identity_page_shows_the_device_and_its_state(console):
    channel = factories.make_channel()
    identity = factories.make_identity(channel.enrollment_key)
    text = text_of(console.get(reverse("admin:devices_identity_change", args=[identity.pk])))
    assert page_of(channel.device) in text
    Identity.objects.filter(pk=identity.pk).update(is_active=False, end_reason="superseded")
    assert "Superseded" in text_of(console.get(reverse("admin:devices_identity_change", args=[identity.pk]))).title()


@pytest.mark.parametrize("odd", ["9" * 5000, "9" * 30, "٣", "-1", "1e3", "x"], ids=lambda odd: odd[:5])
def test_an_address_with_an_odd_id_is_no_error_of_the_server(client, db, odd):
    client.force_login(factories.make_staff(is_superuser=True))
    client.raise_request_exception = False
    names = [f"{model._meta.app_label}/{model._meta.model_name}" for model in admin.site._registry]
    failed = [name for name in names if client.get(f"/console/{name}/{odd}/change/").status_code >= 500]
    assert names and failed == []

"""The pages of profiles: list, composing, saving, conflicts, versions, import, download."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from devices.models import Event
from devices.timeline import SYSTEM
from mdm_project import plist
from profiles.composing import add_payload, create_profile, save_draft
from profiles.models import Profile, RemovalPolicy
from profiles.removal_passwords import removal_password
from profiles.removal_policies import create_policy
from profiles.versions import publish
from tests.console.form_fields import fields_of
from tests.console.pages import text_of
from tests.factories import make_profile, make_staff

LIST = "/console/profiles/profile/"
WIFI_WITHOUT_NAME = {"PayloadType": "com.apple.wifi.managed", "EncryptionType": "WPA2"}


def make(name="Corp Wi-Fi", *payloads, **facts) -> Profile:
    """Make a profile with payloads, each a slug and its values."""
    profile = create_profile(name, actor=SYSTEM, identifier=f"com.example.{name.replace(' ', '-').lower()}", **facts)
    draft = profile.draft
    for kind, values in payloads:
        add_payload(draft, kind, plist.to_json(values))
    return save_draft(profile, draft, profile.draft_revision, SYSTEM) if payloads else profile


@pytest.fixture(scope="session")
def certificate_der() -> bytes:
    """A self-signed certificate of Corp root."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Corp root")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=9))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def address_of(profile: Profile, place: int | None = None, page: str = "change") -> str:
    address = reverse(f"admin:profiles_profile_{page}", args=[profile.pk])
    return address if place is None else f"{address}?payload={payload_of(profile, place)['PayloadUUID']}"


def payload_of(profile: Profile, place: int = 0) -> dict:
    return Profile.objects.get(pk=profile.pk).draft["PayloadContent"][place]


def save(client, address: str, **changes):
    """Open a form, change fields (by name, `v:/SSID_STR`) and send it as a browser would."""
    data = fields_of(text_of(client.get(address)))
    for name, value in changes.pop("fields", {}).items():
        data.setlist(name, [value])
    return client.post(address, data.urlencode(), content_type="application/x-www-form-urlencoded")


WIFI = ("wifi-managed", {"SSID_STR": "corp", "AutoJoin": False, "EncryptionType": "WPA3", "Password": "secret-psk"})


def test_the_list_shows_profiles_with_payloads_in_words_and_finds_them(console):
    make("Corp Wi-Fi", WIFI)
    make("Limits", ("applicationaccess", {"allowCamera": False}))
    page = text_of(console.get(LIST))
    assert "Corp Wi-Fi" in page and "Limits" in page and "Restrictions" in page and "Draft" in page
    assert "Limits" not in text_of(console.get(LIST, {"q": "wifi.managed"}))
    assert "Corp Wi-Fi" in text_of(console.get(LIST, {"q": "wifi.managed"}))


def test_the_search_of_everything_finds_profiles(console):
    profile = make("Corp Wi-Fi")
    assert address_of(profile) in text_of(console.get(reverse("admin:search"), {"s": "corp-wi"}))


def test_an_empty_list_says_what_to_do_first(console):
    page = text_of(console.get(LIST))
    assert "No profiles yet" in page and "import a .mobileconfig" in page
    assert reverse("admin:profiles_profile_import") in page


def test_archived_profiles_leave_the_list_and_come_back(console):
    profile = make("Old one")
    assert console.post(address_of(profile, page="archive")).status_code == 302
    assert "Old one" not in text_of(console.get(LIST))
    assert "Old one" in text_of(console.get(LIST, {"archived": "yes"}))
    console.post(address_of(profile, page="archive"))
    assert "Old one" in text_of(console.get(LIST))


def test_a_profile_is_made_and_a_taken_identifier_is_told(console):
    body = {"name": "New", "identifier": "com.example.new", "scope": "System"}
    made = console.post(f"{LIST}add/", body)
    profile = Profile.objects.get(identifier="com.example.new")
    assert made["Location"] == address_of(profile)
    assert "is that of the profile New" in text_of(console.post(f"{LIST}add/", body))


def test_facts_are_saved_and_the_scope_is_fixed_after_publishing(console):
    profile = make()
    save(console, address_of(profile), fields={"name": "Renamed", "consent_text": "Agree?"})
    profile.refresh_from_db()
    assert (profile.name, profile.draft["ConsentText"]) == ("Renamed", {"default": "Agree?"})
    publish(profile, SYSTEM)
    assert "Fixed since the first version was published" in text_of(console.get(address_of(profile)))


def test_only_keys_that_were_set_are_written(console):
    profile = make("Corp Wi-Fi", WIFI)
    answer = save(
        console, address_of(profile, 0), fields={"v:/SSID_STR": "corp2", "v:/AutoJoin": "", "v:/IsHotspot": "true"}
    )
    assert answer.status_code == 302
    payload = payload_of(profile)
    own = {name: value for name, value in payload.items() if not name.startswith("Payload")}
    assert own == {"SSID_STR": "corp2", "EncryptionType": "WPA3", "Password": "secret-psk", "IsHotspot": True}


def test_a_secret_is_never_on_the_page_and_stays_until_it_is_replaced(console):
    profile = make("Corp Wi-Fi", WIFI)
    page = text_of(console.get(address_of(profile, 0)))
    assert "secret-psk" not in page and "stored and hidden" in page
    save(console, address_of(profile, 0), fields={"v:/Password": "another"})
    assert payload_of(profile)["Password"] == "another"
    data = fields_of(text_of(console.get(address_of(profile, 0))))
    del data["k:/Password"]
    console.post(address_of(profile, 0), data.urlencode(), content_type="application/x-www-form-urlencoded")
    assert "Password" not in payload_of(profile)


def test_what_cannot_be_read_is_told_at_the_field_and_nothing_is_lost(console):
    profile = make("Corp Wi-Fi", WIFI)
    answer = save(console, address_of(profile, 0), fields={"v:/ProxyServerPort": "eighty", "v:/SSID_STR": "typed"})
    page = text_of(answer)
    assert answer.status_code == 200
    assert "Nothing was saved" in page and "must be a whole number" in page and "eighty" in page and "typed" in page
    assert payload_of(profile)["SSID_STR"] == "corp"


def test_who_saves_second_is_told_what_differs_and_can_save_all_the_same(console):
    profile = make("Corp Wi-Fi", WIFI)
    mine = fields_of(text_of(console.get(address_of(profile, 0))))
    save(console, address_of(profile, 0), fields={"v:/SSID_STR": "theirs"})
    mine.setlist("v:/SSID_STR", ["mine"])
    body = {"data": mine.urlencode(), "content_type": "application/x-www-form-urlencoded"}
    page = text_of(console.post(address_of(profile, 0), **body))
    assert "Somebody else saved this profile" in page and "<del>theirs</del>" in page and "<ins>mine</ins>" in page
    assert payload_of(profile)["SSID_STR"] == "theirs"
    again = fields_of(page)
    console.post(address_of(profile, 0), again.urlencode(), content_type=body["content_type"])
    assert payload_of(profile)["SSID_STR"] == "mine"


def test_payloads_are_added_by_slug_and_custom_ones_by_type(console):
    profile = make()
    address = address_of(profile, page="payload_add")
    listed = text_of(console.get(address))
    assert "Wi-Fi administration on Mac" in listed and "com.apple.wifi.managed" in listed
    console.post(address, {"kind": "mcx-wifi"})
    console.post(address, {"kind": "com.example.app"})
    profile.refresh_from_db()
    assert [each["PayloadType"] for each in profile.draft["PayloadContent"]] == ["com.apple.MCX", "com.example.app"]
    assert profile.payload_slugs == {payload_of(profile)["PayloadUUID"]: "mcx-wifi"}
    assert "not in Apple's schema" in text_of(console.get(address_of(profile, 1)))


def test_a_payload_that_others_refer_to_is_not_removed(console):
    profile = make("Two", ("security-root", {"PayloadContent": b"x"}), ("wifi-managed", {"SSID_STR": "corp"}))
    root = payload_of(profile)["PayloadUUID"]
    save(console, address_of(profile, 1), fields={"v:/PayloadCertificateUUID": root})
    assert payload_of(profile, 1)["PayloadCertificateUUID"] == root
    remove = address_of(profile, 0, "payload_remove")
    assert "Take the reference out first" in text_of(console.post(remove))
    save(console, address_of(profile, 1), fields={"v:/PayloadCertificateUUID": ""})
    console.post(remove)
    assert len(Profile.objects.get(pk=profile.pk).draft["PayloadContent"]) == 1


def test_the_preview_hides_secrets_and_names_what_is_wrong(console):
    profile = make("Corp Wi-Fi", WIFI)
    data = fields_of(text_of(console.get(address_of(profile, 0))))
    data.setlist("v:/ProxyServerPort", ["99999"])
    address = address_of(profile, 0, "preview")
    page = text_of(console.post(address, data.urlencode(), content_type="application/x-www-form-urlencoded"))
    assert "secret-psk" not in page and "[redacted]" in page and "99999" in page
    assert "must be from 0 to 65535" in page and "data-goto" in page
    assert payload_of(profile).get("ProxyServerPort") is None


def test_publishing_says_what_changes_and_rolling_back_publishes_the_old_content(console):
    profile = make("Corp Wi-Fi", WIFI)
    console.post(address_of(profile, page="publish"), {"note": "first"})
    save(console, address_of(profile, 0), fields={"v:/SSID_STR": "corp2"})
    dialog = text_of(console.get(address_of(profile, page="publish")))
    assert "Changes since version 1" in dialog and "SSID_STR" in dialog and "corp2" in dialog
    console.post(address_of(profile, page="publish"), {"note": "second"})
    page = text_of(console.get(address_of(profile, page="versions")))
    assert "first" in page and "second" in page and "<del>corp</del>" in page and "<ins>corp2</ins>" in page
    console.post(reverse("admin:profiles_profile_roll_back", args=[profile.pk, 1]), {"note": ""})
    assert profile.versions.order_by("-number").first().note == "Back to version 1"
    assert payload_of(profile)["SSID_STR"] == "corp"
    same = text_of(console.get(address_of(profile, page="versions"), {"from": "1", "to": "3"}))
    assert "They are the same" in same


def test_a_file_is_imported_with_its_warnings_and_comes_out_equal(console):
    values = {
        "PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": "com.example.in",
        "PayloadUUID": "A1", "PayloadDisplayName": "Imported", "X-Unknown": {"a": [1, 2.5, b"z"]},
        "PayloadContent": [
            {"PayloadType": "com.example.odd", "PayloadUUID": "B1", "PayloadIdentifier": "i", "PayloadVersion": 1,
             "Greeting": "for $SERIAL_NUMBER"},
        ],
    }  # fmt: skip
    address = reverse("admin:profiles_profile_import")
    file = SimpleUploadedFile("in.mobileconfig", plist.dumps(values))
    page = text_of(console.post(address, {"file": file, "keep_identifiers": "on"}))
    assert "PayloadContent.0.Greeting uses the variable $SERIAL_NUMBER" in page
    profile = Profile.objects.get(identifier="com.example.in")
    assert plist.loads(console.get(address_of(profile, page="download")).content) == values
    save(console, address_of(profile, 0))
    assert plist.loads(console.get(address_of(profile, page="download")).content) == values


def test_a_file_that_is_no_profile_says_why(console):
    file = SimpleUploadedFile("x.mobileconfig", b"hello")
    page = text_of(console.post(reverse("admin:profiles_profile_import"), {"file": file}))
    assert "neither a property list nor a signed one" in page


def test_secrets_are_downloaded_only_by_who_may_see_them(client, db):
    profile = make("Corp Wi-Fi", WIFI)
    address = address_of(profile, page="download")
    client.force_login(make_staff("profiles.view_profile"))
    assert client.get(address).status_code == 403
    client.force_login(make_staff("profiles.view_profile", "profiles.view_profile_secrets"))
    assert b"secret-psk" in client.get(address).content


@pytest.mark.parametrize("name", ["part", "upload", "preview"])
def test_parts_of_a_payload_that_is_not_there_are_not_found(console, name):
    profile = make("Corp Wi-Fi", WIFI)
    address = reverse(f"admin:profiles_profile_{name}", args=[profile.pk])
    answer = console.get(address) if name == "part" else console.post(address)
    assert answer.status_code == 404


def test_an_uploaded_certificate_is_shown_by_its_subject_and_saved(console, certificate_der):
    profile = make("Root", ("security-root", {}))
    address = address_of(profile, 0, "upload")
    page = text_of(
        console.post(f"{address}&at=/PayloadContent", {"file": SimpleUploadedFile("r.cer", certificate_der)})
    )
    assert "Corp root" in page and "until" in page
    token = fields_of(page)["u:/PayloadContent"]
    save(console, address_of(profile, 0), fields={"u:/PayloadContent": token})
    assert plist.from_json(payload_of(profile))["PayloadContent"] == certificate_der
    shown = text_of(console.get(address_of(profile, 0)))
    assert "Corp root" in shown and "keep it" in shown


def test_a_removal_policy_needs_what_its_kind_needs(console):
    address = reverse("admin:profiles_removalpolicy_add")
    body = {"name": "Thirty days", "kind": "duration", "password_length": "12"}
    empty = text_of(console.get(address))
    assert 'x-show="kind == ' in empty or "kind == " in empty, "fields of the chosen kind alone are shown (C1)"
    field = re.search(r'<input[^>]*name="days"[^>]*>', empty).group()
    assert 'class="' in field and "border" in field, "a field without a border cannot be seen (C1)"
    assert "Say after how many days it removes itself." in text_of(console.post(address, body))
    # What the other kinds would need is not read.
    assert "Enter a" not in text_of(console.post(address, body | {"removal_date_0": "never", "days": ""}))
    console.post(address, body | {"days": "30"})
    assert RemovalPolicy.objects.get(name="Thirty days").duration_s == 30 * 86400
    assert "after 30 days" in text_of(console.get(reverse("admin:profiles_removalpolicy_changelist")))


def test_removal_policies_are_changed_by_their_services(console):
    """The services give profiles their password when a policy comes to want one, and write who did what."""
    policy = create_policy("Staff", RemovalPolicy.Kind.USER, actor=SYSTEM)
    profile = make_profile()
    Profile.objects.filter(pk=profile.pk).update(removal_policy=policy)
    address = reverse("admin:profiles_removalpolicy_change", args=[policy.pk])
    past = {"name": "Staff", "kind": "date", "password_length": "12", "removal_date_0": "2020-01-01"}
    assert "in the future" in text_of(console.post(address, past | {"removal_date_1": "00:00"}))
    console.post(address, {"name": "Staff", "kind": "password", "password_length": "12"})
    profile.refresh_from_db()
    assert profile.removal_password_encrypted
    delete = reverse("admin:profiles_removalpolicy_delete", args=[policy.pk])
    console.post(delete, {"post": "yes"})
    assert RemovalPolicy.objects.filter(pk=policy.pk).exists(), "a profile has it"
    Profile.objects.update(removal_policy=None)
    console.post(delete, {"post": "yes"})
    assert not RemovalPolicy.objects.exists()
    kinds = Event.objects.filter(kind__startswith="removal_policy_").order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["removal_policy_created", "removal_policy_changed", "removal_policy_deleted"]


def test_a_removal_password_is_shown_once_with_a_reason(console):
    policy = create_policy("With a password", "password", actor=SYSTEM)
    profile = make("Locked", removal_policy=policy)
    secret, where = removal_password(profile), address_of(profile, page="removal_password")
    assert where in text_of(console.get(address_of(profile)))
    assert secret not in text_of(console.post(where, {"reason": ""}))
    assert not Event.objects.filter(kind="removal_password_revealed").exists()
    answer = console.post(where, {"reason": "the device is sold"})
    assert secret in text_of(answer)
    assert "no-store" in answer["Cache-Control"]
    assert Event.objects.get(kind="removal_password_revealed").data["reason"] == "the device is sold"
    assert "no removal password" in text_of(
        console.post(address_of(make("Open"), page="removal_password"), {"reason": "x"})
    )


def test_the_publish_dialog_names_every_error_and_asks_for_a_reason(console):
    """A3: it named two of six."""
    payloads = [WIFI_WITHOUT_NAME, {"PayloadType": "com.apple.mobiledevice.passwordpolicy", "minLength": 99}]
    profile = make("Wrong", payloads=payloads)
    address = address_of(profile, page="publish")
    dialog = text_of(console.get(address))
    assert "Lint finds 2 errors" in dialog and "It names no network" in dialog and "minLength" in dialog
    console.post(address, {"note": ""})
    assert not profile.versions.exists(), "no reason, no version"
    console.post(address, {"note": "", "reason": "A trial on one device"})
    assert profile.versions.count() == 1
    assert "A trial on one device" in Event.objects.get(kind="profile_published").summary

"""Rendering: removal policies, values by device, signatures, encryption."""

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from devices.authorities import profile_signer
from devices.models import Event, Identity
from devices.timeline import SYSTEM, Actor
from mdm_project import cms, enveloped, pki, plist
from mdm_project.errors import BadRequest
from profiles import errors
from profiles.composing import change_profile
from profiles.models import RemovalPolicy
from profiles.removal_passwords import reveal_removal_password
from profiles.rendering import composed, download, encrypt_for, render, render_each
from profiles.versions import publish
from tests import factories

pytestmark = pytest.mark.django_db

REMOVAL = {"PayloadRemovalDisallowed", "HasRemovalPasscode", "RemovalDate", "DurationUntilRemoval"}
DATE = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("policy", "keys"),
    [
        ({"kind": "user"}, {"PayloadRemovalDisallowed": False}),
        ({"kind": "mdm_only"}, {"PayloadRemovalDisallowed": True}),
        ({"kind": "date", "removal_date": DATE.replace(microsecond=6)}, {"RemovalDate": DATE}),
        ({"kind": "duration", "duration_s": 3600}, {"DurationUntilRemoval": 3600.0}),
    ],
)
def test_a_policy_writes_its_keys_and_takes_away_others(policy, keys):
    profile = factories.make_profile(
        payloads=[{"PayloadType": "com.apple.profileRemovalPassword", "RemovalPassword": "typed"}]
    )
    draft = profile.draft | {"HasRemovalPasscode": True, "DurationUntilRemoval": 1.0, "PayloadRemovalDisallowed": True}
    policy = RemovalPolicy.objects.create(name="policy", **policy)
    profile = change_profile(profile, 1, SYSTEM, draft=draft, removal_policy=policy)

    content = plist.loads(download(profile))
    assert {key: content[key] for key in content.keys() & REMOVAL} == keys
    assert content["PayloadContent"] == []
    assert change_profile(profile, 2, SYSTEM, removal_policy=None).draft == draft


def test_a_removal_password_is_the_same_payload_in_every_version_and_revealed_with_a_reason():
    policy = RemovalPolicy.objects.create(name="password", kind="password", password_length=16)
    profile = factories.make_profile(removal_policy=policy)
    first = publish(profile, SYSTEM)
    change_profile(profile, 1, SYSTEM, name="Another")
    second = publish(profile, SYSTEM)

    payload = first.content["PayloadContent"][-1]
    assert payload == second.content["PayloadContent"][-1]
    assert (first.content["HasRemovalPasscode"], first.content["PayloadRemovalDisallowed"]) == (True, True)
    assert len(payload["RemovalPassword"]) == 16
    with pytest.raises(BadRequest):
        reveal_removal_password(profile, Actor("anna"), " ")
    profile.refresh_from_db()
    assert reveal_removal_password(profile, Actor("anna"), "sold") == payload["RemovalPassword"]
    event = Event.objects.get(kind="removal_password_revealed")
    assert (event.actor, event.data["reason"]) == ("anna", "sold")
    assert payload["RemovalPassword"] not in f"{event.summary}{event.data}"


def test_a_profile_without_a_removal_password_reveals_none():
    with pytest.raises(errors.NoRemovalPassword):
        reveal_removal_password(factories.make_profile(), SYSTEM, "reason")


def test_a_draft_whose_policy_asks_for_a_password_since_a_moment_ago_has_none_yet():
    policy = RemovalPolicy.objects.create(name="policy", kind="user")
    profile = factories.make_profile(removal_policy=policy)
    policy.kind = "password"

    content = composed(profile)
    assert content["PayloadRemovalDisallowed"] is True
    assert "HasRemovalPasscode" not in content


def test_each_device_gets_its_own_values():
    version = publish(factories.make_profile(description="for $SERIAL_NUMBER, $$UDID, $OTHER"), SYSTEM)
    channels = [factories.make_channel() for _ in range(2)]

    for rendered in render_each(version, channels):
        content = plist.loads(rendered.body)
        serial = rendered.channel.device.serial_number
        assert content["PayloadDescription"] == f"for {serial}, $UDID, $OTHER"
    assert plist.loads(download(version))["PayloadDescription"] == "for $SERIAL_NUMBER, $$UDID, $OTHER"


def test_a_device_without_a_value_is_told_by_name_and_the_others_get_theirs():
    version = publish(factories.make_profile(description="$ASSET_TAG of $USER_NAME"), SYSTEM)
    good = factories.make_channel(factories.make_device(asset_tag="A1", person=factories.make_person()))
    bad = factories.make_channel(factories.make_device(name="Ada's iPad", asset_tag="A2"))

    first, second = render_each(version, [bad, good])
    assert first.body is None
    assert "$USER_NAME" in first.error.detail and "Ada's iPad" in first.error.detail
    assert "$ASSET_TAG" not in first.error.detail
    assert second.error is None and second.body
    with pytest.raises(errors.RenderFailed):
        render(version, bad)
    with pytest.raises(errors.RenderFailed):
        render(version)


def test_without_variables_all_get_one_body(django_assert_num_queries):
    version = publish(factories.make_profile(description="$$UDID"), SYSTEM)
    channels = [factories.make_channel() for _ in range(3)]

    with django_assert_num_queries(0):
        bodies = {rendered.body for rendered in render_each(version, channels)}
    assert bodies == {render(version)}
    assert plist.loads(render(version))["PayloadDescription"] == "$UDID"


def test_a_signed_download_carries_the_profile_and_our_signature():
    profile = factories.make_profile()
    content, signer = cms.signed_content(download(profile, is_signed=True))

    assert content == download(profile)
    assert signer == profile_signer().certificate.public_bytes(Encoding.DER)


# Encryption


def pinned(channel, certificate) -> Identity:
    der = certificate.public_bytes(Encoding.DER)
    return factories.make_identity(channel.enrollment_key, certificate_der=der)


def test_an_encrypted_profile_is_read_with_the_devices_key_alone():
    version = publish(factories.make_profile(description="for $UDID"), SYSTEM)
    channel = factories.make_channel()
    certificate, key = pki.make_authority("device")
    pinned(channel, certificate)

    encrypted = plist.loads(encrypt_for(version, channel))
    opened = enveloped.open_enveloped(encrypted.pop("EncryptedPayloadContent"), [enveloped.Recipient(certificate, key)])
    plain = plist.loads(render(version, channel))
    assert plist.loads(opened.content) == plain.pop("PayloadContent")
    assert encrypted == plain | {"IsEncrypted": True}


def test_there_is_no_encryption_without_an_rsa_identity(monkeypatch):
    version = publish(factories.make_profile(), SYSTEM)
    channel = factories.make_channel()
    with pytest.raises(errors.CannotEncrypt):
        encrypt_for(version, channel)

    pinned(channel, elliptic_certificate())
    with pytest.raises(errors.CannotEncrypt) as refused:
        encrypt_for(version, channel)
    assert "RSA" in refused.value.detail


def elliptic_certificate():
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "device")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1)).not_valid_after(datetime(2040, 1, 1))
    return builder.sign(key, hashes.SHA256())

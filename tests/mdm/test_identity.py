"""Which certificate may speak for which device, and how it is presented."""

import base64
import threading
from datetime import timedelta
from hashlib import sha256

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from django.utils import timezone

from devices.authorities import trust_authority
from devices.identity import forget_cached
from devices.models import CertificateAuthority, Device, Event, Identity
from devices.services import revoke_identity
from devices.timeline import SYSTEM
from simulator.cms import MAC_STYLE, Style, sign_detached
from tests.fixtures import capture
from tests.mdm.wire import REPORT, Authority, Wire, ec_key, request, rfc9440

STYLES = [
    Style(digest=digest, with_attributes=attributes, indefinite=indefinite)
    for digest in ("sha1", "sha256")
    for attributes in (True, False)
    for indefinite in (True, False)
]


@pytest.mark.parametrize("style", STYLES, ids=str)
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_signed_message_proves_who_speaks(authority, style, kind):
    key = ec_key() if kind == "ecdsa" else None
    device = Wire(authority.issue(key), style=style).enroll()
    assert device.idle().status == 200


def test_one_changed_byte_breaks_the_signature(authority):
    device = Wire(authority.issue(), style=MAC_STYLE).enroll()
    body = b"<plist><dict><key>UDID</key><string>x</string><key>Status</key><string>Idle</string></dict></plist>"
    signature = base64.b64encode(sign_detached(body, device.identity, MAC_STYLE)).decode()
    assert request(body.replace(b"Idle", b"Idel"), Mdm_Signature=signature).status == 400
    assert request(body + b"\n", Mdm_Signature=signature).status == 400
    assert request(body, Mdm_Signature="not base64 !").status == 400
    assert request(body, Mdm_Signature=base64.b64encode(b"not cms").decode()).status == 400


def test_a_signature_that_does_not_verify_is_not_rescued_by_a_proxy_header(device):
    body = b"<plist><dict/></plist>"
    answer = request(body, Mdm_Signature=base64.b64encode(b"x").decode(), Client_Cert=rfc9440(device.identity))
    assert answer.status == 400


def test_without_a_certificate_a_message_is_refused_but_never_with_401(device):
    assert request(b"<plist><dict/></plist>").status == 400


def test_the_header_of_an_untrusted_peer_is_ignored(device):
    assert device.send({"Status": "Idle"}, peer="192.0.2.7").status == 400
    assert device.send({"Status": "Idle"}, peer="").status == 400
    assert device.send({"Status": "Idle"}, peer="::ffff:127.0.0.1").status == 200


@pytest.mark.parametrize("header", [":AAAA:", ":not base64:", "%zz", "-----BEGIN+CERTIFICATE-----", ":", "x" * 40_000])
def test_a_malformed_proxy_header_is_no_certificate(device, header):
    assert request(b"<plist><dict/></plist>", Client_Cert=header).status == 400


def test_nginx_escaped_pem_is_understood(device):
    from urllib.parse import quote

    from cryptography.hazmat.primitives.serialization import Encoding

    pem = device.identity.certificate.public_bytes(Encoding.PEM).decode()
    body = b"<plist><dict><key>UDID</key><string>%s</string><key>Status</key><string>Idle</string></dict></plist>"
    body %= device.keys["UDID"].encode()
    assert request(body, content_type=REPORT, Client_Cert=quote(pem)).status == 200


def test_a_certificate_of_an_unknown_authority_is_refused(authority):
    stranger = Wire(Authority("Stranger").issue())
    assert stranger.authenticate().status == 400
    impostor = Wire(Authority(authority.certificate.subject.rfc4514_string(), ec_key(1)).issue())
    assert impostor.authenticate().status == 400
    same_name = Authority("Outside CA", ec_key(2))
    assert Wire(same_name.issue()).authenticate().status == 400
    assert Device.objects.count() == 0


def test_an_authority_counts_as_soon_as_it_is_trusted(authority, monkeypatch):
    newcomer = Authority("Trusted later", ec_key(3))
    device = Wire(newcomer.issue())
    assert device.authenticate().status == 400
    trust_authority(newcomer.pem, "later")
    monkeypatch.setattr("devices.identity.AUTHORITIES_RELOAD_S", 0)
    assert device.authenticate().status == 200


def test_a_certificate_for_another_use_is_refused(authority):
    assert Wire(authority.issue(usages=[ExtendedKeyUsageOID.SERVER_AUTH])).authenticate().status == 400
    assert Wire(authority.issue(usages=[])).authenticate().status == 200


def test_a_certificate_of_another_device_is_refused_on_every_message(new_device):
    victim, thief = new_device().enroll(), new_device().enroll()
    disguised = Wire(thief.identity, victim.keys)
    for answer in (
        disguised.idle(),
        disguised.acknowledge("x"),
        disguised.authenticate(),
        disguised.token_update(),
        disguised.check_in("CheckOut"),
        disguised.user().token_update(),
        disguised.user().idle(),
        disguised.check_in("DeclarativeManagement", Endpoint="tokens"),
    ):
        assert answer.status == 403
    assert victim.idle().status == 200


def test_a_certificate_that_never_authenticated_opens_nothing(device, new_device):
    fresh = Wire(new_device().identity, device.keys)
    assert fresh.idle().status == 403
    assert b"never pinned" in fresh.idle().body
    assert fresh.token_update().status == 403


def test_the_same_identity_may_authenticate_again(device):
    assert device.authenticate().status == 200


def test_two_devices_with_one_certificate_at_the_same_time_let_one_in(authority):
    identity = authority.issue()
    wires = [Wire(identity), Wire(identity)]
    statuses = []
    threads = [threading.Thread(target=lambda one=one: statuses.append(one.authenticate().status)) for one in wires]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 403]
    assert Identity.objects.count() == 1


def test_revoking_takes_effect_with_the_next_message(device):
    assert device.idle().status == 200
    revoke_identity(Identity.objects.get(), actor=SYSTEM, reason="stolen")
    answer = device.idle()
    assert (answer.status, b"revoked: stolen" in answer.body) == (403, True)
    assert device.authenticate().status == 403
    assert Event.objects.filter(kind="identity_revoked").count() == 1


def test_an_authority_that_is_trusted_no_more_opens_nothing(device):
    CertificateAuthority.objects.update(is_trusted=False)
    forget_cached()
    assert device.idle().status == 400


def test_an_expired_identity_goes_on_for_its_grace_only(authority, settings):
    settings.IDENTITY_EXPIRY_GRACE_DAYS = 30
    just_expired = Wire(authority.issue(since=timezone.now() - timedelta(days=20), days=10))
    long_expired = Wire(authority.issue(since=timezone.now() - timedelta(days=100), days=10))
    device = Wire(authority.issue()).enroll()
    assert just_expired.authenticate().status == 403, "enrolling needs a valid certificate"
    assert long_expired.authenticate().status == 400
    for fingerprint, status in ((just_expired, 200), (long_expired, 400)):
        der = fingerprint.identity.certificate_der
        Identity.objects.update(fingerprint=sha256(der).digest())
        assert Wire(fingerprint.identity, device.keys).idle().status == status


def test_an_identity_issued_for_one_device_does_not_enroll_another(new_device):
    first = new_device()
    first.enroll()
    Identity.objects.update(enrollment_key="", bound_key=first.keys["UDID"])
    other = Wire(first.identity)
    answer = other.authenticate()
    assert (answer.status, b"issued for another device" in answer.body) == (403, True)


def test_a_renewed_identity_is_let_in_at_first_contact_and_replaces_the_old_one(device, new_device):
    renewed = Wire(new_device().enroll().identity, device.keys)
    row = Identity.objects.exclude(enrollment_key=device.keys["UDID"]).get()
    Identity.objects.filter(pk=row.pk).update(enrollment_key="", bound_key=device.keys["UDID"], is_renewal=True)
    assert renewed.idle().status == 200
    assert device.idle().status == 403
    row.refresh_from_db()
    assert row.enrollment_key == device.keys["UDID"]


def test_renewing_by_authenticate_keeps_the_enrollment_and_its_queue(device, new_device):
    from tests.mdm.asking import ask

    command_uuid = ask(device)
    renewed = Wire(new_device().enroll().identity, device.keys)
    row = Identity.objects.exclude(enrollment_key=device.keys["UDID"]).get()
    Identity.objects.filter(pk=row.pk).update(enrollment_key="", bound_key=device.keys["UDID"], is_renewal=True)
    assert renewed.authenticate().status == 200
    assert renewed.token_update().status == 200
    assert renewed.idle().command_uuid == command_uuid
    assert device.idle().status == 403


def test_the_captured_signature_of_a_real_mac_verifies_and_a_changed_body_does_not():
    from mdm_project import cms

    header = capture("mdm-signature/real-1.header.txt").decode().strip()
    body = capture("mdm-signature/real-1.body.plist")
    assert cms.signer_certificate_of_header(header, body)
    with pytest.raises(cms.SignatureInvalid):
        cms.signer_certificate_of_header(header, body + b" ")

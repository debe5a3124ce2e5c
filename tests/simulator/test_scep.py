"""The pretend device's SCEP client accepts a right CertRep only."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from simulator import cms, scep
from simulator.chains import Refused
from simulator.http import Client
from tests.simulator.fake_mdm import CHALLENGE, make_ca

OTHER_KEY = rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize("caps", ["SHA-256\nAES\nPOSTPKIOperation\n", "SHA-1\nDES3\n", "", "SCEPStandard\n"])
def test_every_set_of_capabilities_leads_to_a_request_the_authority_reads(tell, caps):
    async def story(server, make_device):
        server.cert_rep_changes = {"caps": caps}
        device = make_device()
        await device.enroll(server.profile_url)
        assert device.is_enrolled
        operations = [method for method, target, _ in server.requests if "PKIOperation" in target]
        assert operations == ["POST" if {"POSTPKIOperation", "SCEPStandard"} & set(caps.split()) else "GET"]

    tell(story)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"transaction": "other"}, "transactionID"),
        ({"nonce": b"0" * 16}, "recipientNonce"),
        ({"signer": make_ca()}, "not signed by the authority"),
        ({"public_key": OTHER_KEY.public_key()}, "not for the requested key"),
        ({"certificates": lambda issued: []}, "no certificate"),
        ({"content_type": "application/x-pki-message; charset=utf-8"}, "content type"),
    ],
)
def test_a_wrong_answer_is_refused(tell, changes, words):
    async def story(server, make_device):
        server.cert_rep_changes = changes
        device = make_device()
        with pytest.raises(Refused, match=words) as refused:
            await device.enroll(server.profile_url)
        assert refused.value.chain[-1]["ErrorDomain"] == "MCSCEPErrorDomain"
        assert server.checkins == []

    tell(story)


def test_the_authoritys_own_certificate_may_not_come_first(tell):
    async def story(server, make_device):
        server.cert_rep_changes = {"certificates": lambda issued: [server.ca.certificate, issued]}
        with pytest.raises(Refused, match="not for the requested key"):
            await make_device().enroll(server.profile_url)

    tell(story)


def test_a_refusal_names_its_reason(tell, keys):
    async def story(server, make_device):
        client = Client()
        settings = {"URL": f"{server.url}/scep", "Keysize": 2048, "Challenge": "wrong"}
        with pytest.raises(scep.ScepError, match="badRequest") as refused:
            await scep.enroll(client, settings, keys.make)
        assert refused.value.fail_info == "badRequest"
        client.close()

    tell(story)


def test_a_renewal_is_signed_by_the_old_identity_and_needs_no_challenge(tell, keys):
    async def story(server, make_device):
        client = Client()
        settings = {"URL": f"{server.url}/scep", "Keysize": 2048, "Challenge": CHALLENGE}
        old = await scep.enroll(client, settings, keys.make)
        new = await scep.enroll(client, settings | {"Challenge": ""}, keys.make, renew=old)
        assert new.certificate.public_key() == new.key.public_key()
        assert new.certificate != old.certificate
        client.close()

    tell(story)


def test_a_fingerprint_that_fits_no_certificate_stops_before_the_request(tell, keys):
    async def story(server, make_device):
        client = Client()
        settings = {"URL": f"{server.url}/scep", "Keysize": 2048, "CAFingerprint": b"\0" * 32}
        with pytest.raises(scep.ScepError, match="CAFingerprint"):
            await scep.enroll(client, settings, keys.make)
        assert not any("PKIOperation" in target for _, target, _ in server.requests)
        client.close()

    tell(story)


def test_an_answer_changed_on_its_way_does_not_verify(ca):
    message = cms.sign_attached(b"certificate", ca, cms.Style())
    with pytest.raises(cms.CmsError, match="changed"):
        cms.open_signed(message.replace(b"certificate", b"certifikate"))

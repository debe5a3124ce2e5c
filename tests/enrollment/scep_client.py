"""A SCEP client for tests: the pretend device's encoder, with every choice in the hands of the test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from devices import authorities
from devices.models import CertificateAuthority
from mdm_project import pki
from simulator import cms, csr, scep

PKI_MESSAGE = "application/x-pki-message"
# Making keys is most of the time of these tests, so they share two.
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def _made_authority():
    return pki.make_authority("Espalier Device CA")


def adopt_authority(certificate: x509.Certificate | None = None, key=None) -> x509.Certificate:
    """Make an authority ours that was made before: the one all tests share, or a captured one."""
    if certificate is None:
        certificate, key = _made_authority()
    authorities._store(certificate, key, CertificateAuthority.Kind.OURS, is_issuing=True)
    return certificate


@dataclass
class Answer:
    """The answer to a PKIOperation, read strictly; ``certificate`` is there when it succeeded."""

    status: str
    fail_info: str | None
    certificate: x509.Certificate | None


def authority(client: Client) -> scep.Authority:
    """Ask the server who it is."""
    answer = client.get("/scep", {"operation": "GetCACert", "message": "any"})
    certificate = x509.load_der_x509_certificate(answer.content)
    capabilities = client.get("/scep", {"operation": "GetCACaps"}).content.decode().split()
    return scep.Authority(frozenset(capabilities), (certificate,), certificate)


def payload(challenge: str | None, **more) -> dict:
    subject = [[["O", "Example"]], [["CN", "Jürgen, “iPad” 🍏"]]]
    return {"Subject": subject, "Challenge": challenge} | more


def message(
    client: Client,
    challenge: str | None,
    *,
    key=KEY,
    signer: cms.Identity | None = None,
    kind: str = scep.PKCS_REQ,
    asked: scep.Authority | None = None,
    version: int = 0,
    **more,
) -> tuple[bytes, scep.Exchange, cms.Identity]:
    """Return a request, what its answer must repeat, and who signed it."""
    content = payload(challenge, **more)
    signer = signer or cms.Identity(key, scep.self_signed(key, content))
    request = csr.build(key, content, version=version)
    der, exchange = scep.pki_message(request, signer, asked or authority(client), kind)
    return der, exchange, signer


def post(client: Client, der: bytes):
    return client.post("/scep?operation=PKIOperation", der, content_type=PKI_MESSAGE)


def ask(client: Client, challenge: str | None, *, key=KEY, asked: scep.Authority | None = None, **options) -> Answer:
    """Send a request and read the answer as a device does; fails the test on an answer that it would not take."""
    asked = asked or authority(client)
    der, exchange, signer = message(client, challenge, key=key, asked=asked, **options)
    response = post(client, der)
    assert (response.status_code, response.headers["Content-Type"]) == (200, PKI_MESSAGE)
    try:
        certificate = scep.read_cert_rep(as_simulator(response), exchange, asked, signer, key)
    except scep.ScepError as error:
        assert error.fail_info is not None, error
        return Answer("2", error.fail_info, None)
    return Answer("0", None, certificate)


def as_simulator(response) -> scep.Response:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return scep.Response(response.status_code, headers, response.content)


def outdated_signer(key=KEY) -> cms.Identity:
    """Return a self-signed signer whose dates are long past, as Apple's captured one is."""
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    past = datetime(2016, 1, 1, tzinfo=UTC)
    builder = builder.not_valid_before(past).not_valid_after(past + timedelta(days=365))
    return cms.Identity(key, builder.sign(key, hashes.SHA256()))

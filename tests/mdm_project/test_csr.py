"""Certificate requests that are nested without end; what else is read of them is tested with SCEP."""

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mdm_project import ber
from mdm_project.csr import RequestInvalid, read_request

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHA256_RSA = bytes.fromhex("2a864886f70d01010b")
EXTENSION_REQUEST = bytes.fromhex("2a864886f70d01090e")
SUBJECT_ALT_NAME = bytes.fromhex("551d11")
UNKNOWN = bytes.fromhex("2a0304")
SEVERAL = 0xA0


def oid(content: bytes) -> bytes:
    return ber.element(ber.OID, content)


def nested(levels: int) -> bytes:
    value = b"\x0c\x01a"
    for _ in range(levels):
        value = ber.element(ber.SEQUENCE, value)
    return value


def subject_with(value: bytes) -> bytes:
    return ber.element(ber.SEQUENCE, ber.element(ber.SET, ber.element(ber.SEQUENCE, oid(UNKNOWN), value)))


def names_with(value: bytes) -> bytes:
    """A request for an alternative name of a kind that nobody knows."""
    name = ber.element(SEVERAL, oid(UNKNOWN), ber.element(SEVERAL, value))
    encoded = ber.element(ber.OCTETS, ber.element(ber.SEQUENCE, name))
    extension = ber.element(ber.SEQUENCE, oid(SUBJECT_ALT_NAME), encoded)
    extensions = ber.element(ber.SET, ber.element(ber.SEQUENCE, extension))
    return ber.element(ber.SEQUENCE, oid(EXTENSION_REQUEST), extensions)


def request(subject: bytes = b"\x30\x00", attributes: bytes = b"") -> bytes:
    public_key = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = ber.element(ber.SEQUENCE, b"\x02\x01\x00", subject, public_key, ber.element(SEVERAL, attributes))
    signature = KEY.sign(info, padding.PKCS1v15(), hashes.SHA256())
    algorithm = ber.element(ber.SEQUENCE, oid(SHA256_RSA), b"\x05\x00")
    return ber.element(ber.SEQUENCE, info, algorithm, ber.element(ber.BITS, b"\0" + signature))


@pytest.mark.parametrize("levels", [50, 3000])
def test_a_request_that_is_nested_without_end_is_refused(levels):
    for der in (request(subject_with(nested(levels))), request(attributes=names_with(nested(levels)))):
        with pytest.raises(RequestInvalid):
            read_request(der)


def test_an_alternative_name_of_an_unknown_kind_is_taken_as_it_is():
    assert read_request(request(attributes=names_with(nested(1)))).subject_alt_name

"""Encrypted CMS messages (EnvelopedData): opening those encrypted to one of our keys, and making them.

Owns the ciphers, among them those that only old SCEP clients use. RSA recipients only. RFC 5652, RFC 3370, RFC 3565.
"""

import os
from typing import NamedTuple

from asn1crypto import cms as asn1_cms
from asn1crypto import core as asn1_core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding

from mdm_project.errors import BadRequest


class CannotOpen(BadRequest):
    """One answer to whatever is wrong: telling more would help whoever probes our key."""

    code = "cannot_open"


# A request is for one of our authorities; some clients add themselves.
MAX_RECIPIENTS = 10


class Recipient(NamedTuple):
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


class Opened(NamedTuple):
    """The content, the position of the recipient it was for, and the cipher, which its sender can surely read."""

    content: bytes
    recipient_index: int
    cipher: str


# Name in asn1crypto: key and block size in bytes. Single DES is done by triple DES with three equal keys, since
# OpenSSL has it no longer.
_CIPHERS = {"des": (8, 8), "tripledes_3key": (24, 8)}
_CIPHERS |= {"aes128_cbc": (16, 16), "aes192_cbc": (24, 16), "aes256_cbc": (32, 16)}
_OAEP_HASHES = {"sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha256": hashes.SHA256, "sha384": hashes.SHA384}
_OAEP_HASHES["sha512"] = hashes.SHA512


def open_enveloped(der: bytes, recipients: list[Recipient]) -> Opened:
    """Decrypt a message that is encrypted to one of the recipients; raises CannotOpen."""
    try:
        return _open(der, recipients)
    except (ValueError, TypeError, KeyError, RecursionError):  # asn1crypto has them all for malformed messages
        raise CannotOpen("The encrypted message cannot be opened.") from None


def _open(der: bytes, recipients: list[Recipient]) -> Opened:
    info = asn1_cms.ContentInfo.load(der, strict=True)
    if info["content_type"].native != "enveloped_data":
        raise ValueError("not enveloped data")
    body = info["content"]
    index, transport = _our_transport(body["recipient_infos"], recipients)
    encrypted = body["encrypted_content_info"]
    cipher = encrypted["content_encryption_algorithm"]["algorithm"].native
    iv = encrypted["content_encryption_algorithm"].encryption_iv
    key = _content_key(transport, recipients[index].key)
    return Opened(_decrypt(cipher, key, iv, encrypted["encrypted_content"].native), index, cipher)


def _our_transport(infos, recipients: list[Recipient]):
    """Return which of our recipients the message names, and the encrypted key for it."""
    if len(infos) > MAX_RECIPIENTS:
        raise ValueError("for too many")
    ours = [asn1_x509.Certificate.load(each.certificate.public_bytes(Encoding.DER)) for each in recipients]
    for info in infos:
        if info.name != "ktri":
            continue
        for index, own in enumerate(ours):
            if _names(info.chosen["rid"], own):
                return index, info.chosen
    raise ValueError("for somebody else")


def _names(identifier, own: asn1_x509.Certificate) -> bool:
    if identifier.name == "subject_key_identifier":
        return identifier.chosen.native == own.key_identifier
    same_serial = identifier.chosen["serial_number"].native == own.serial_number
    return same_serial and identifier.chosen["issuer"] == own.issuer


def _content_key(transport, key: rsa.RSAPrivateKey) -> bytes:
    algorithm = transport["key_encryption_algorithm"]
    scheme: padding.AsymmetricPadding = padding.PKCS1v15()
    if algorithm["algorithm"].native == "rsaes_oaep":
        parameters = algorithm["parameters"]
        digest = _OAEP_HASHES[parameters["hash_algorithm"]["algorithm"].native]
        mask = _OAEP_HASHES[parameters["mask_gen_algorithm"]["parameters"]["algorithm"].native]
        scheme = padding.OAEP(padding.MGF1(mask()), digest(), None)
    return key.decrypt(transport["encrypted_key"].native, scheme)


def envelope(content: bytes, certificate: x509.Certificate, cipher: str = "aes256_cbc") -> bytes:
    """Encrypt content to an RSA certificate with one of the ciphers that can be opened; return DER."""
    key_bytes, block_bytes = _CIPHERS[cipher]
    key, iv = os.urandom(key_bytes), os.urandom(block_bytes)
    own = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    identifier = asn1_cms.IssuerAndSerialNumber({"issuer": own.issuer, "serial_number": own.serial_number})
    transport = {
        "version": "v0",
        "rid": asn1_cms.RecipientIdentifier("issuer_and_serial_number", identifier),
        "key_encryption_algorithm": {"algorithm": "rsaes_pkcs1v15"},
        "encrypted_key": certificate.public_key().encrypt(key, padding.PKCS1v15()),
    }
    encrypted = {
        "content_type": "data",
        "content_encryption_algorithm": {"algorithm": cipher, "parameters": asn1_core.OctetString(iv)},
        "encrypted_content": _encrypt(cipher, key, iv, content),
    }
    body = {
        "version": "v0",
        "recipient_infos": [asn1_cms.RecipientInfo("ktri", transport)],
        "encrypted_content_info": encrypted,
    }
    return asn1_cms.ContentInfo({"content_type": "enveloped_data", "content": asn1_cms.EnvelopedData(body)}).dump()


def _cipher(name: str, key: bytes, iv: bytes) -> Cipher:
    key_bytes, block_bytes = _CIPHERS[name]
    if len(key) != key_bytes or len(iv) != block_bytes:
        raise ValueError("a key of another size")
    if block_bytes == 16:
        return Cipher(algorithms.AES(key), modes.CBC(iv))
    return Cipher(TripleDES(key * 3 if name == "des" else key), modes.CBC(iv))


def _decrypt(name: str, key: bytes, iv: bytes, encrypted: bytes) -> bytes:
    decryptor = _cipher(name, key, iv).decryptor()
    padded = decryptor.update(encrypted) + decryptor.finalize()
    unpadder = PKCS7(_CIPHERS[name][1] * 8).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


def _encrypt(name: str, key: bytes, iv: bytes, content: bytes) -> bytes:
    padder = PKCS7(_CIPHERS[name][1] * 8).padder()
    encryptor = _cipher(name, key, iv).encryptor()
    return encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()

"""SCEP clients that other people wrote, against the real server over HTTP: certmonger and strongSwan."""

import base64
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from devices import authorities
from devices.models import Identity
from enrollment import challenges
from mdm_project import pki
from simulator import cms
from tests.enrollment import scep_client
from tests.factories import make_enrollment_profile

SCEP_SUBMIT = Path("/usr/lib/certmonger/scep-submit")
TIMEOUT_S = 60


def strongswan_is_here() -> bool:
    """Say whether strongSwan's pki is installed and can fetch over HTTP."""
    return bool(shutil.which("pki")) and Path("/usr/lib/ipsec/plugins/libstrongswan-curl.so").exists()


needs_certmonger = pytest.mark.skipif(
    not (SCEP_SUBMIT.exists() and shutil.which("dbus-run-session")), reason="certmonger is not installed"
)
needs_strongswan = pytest.mark.skipif(not strongswan_is_here(), reason="strongswan-pki is not installed")


@pytest.fixture
def challenge(server):
    return challenges.one_time_challenge(make_enrollment_profile())


@pytest.fixture
def authority(server, tmp_path) -> x509.Certificate:
    """Our authority, written to ca.pem and ca.der."""
    certificate = scep_client.adopt_authority()
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (tmp_path / "ca.der").write_bytes(certificate.public_bytes(Encoding.DER))
    return certificate


def run(command: list[str], folder: Path, **options) -> subprocess.CompletedProcess:
    env = os.environ | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder), "LC_ALL": "C"}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=TIMEOUT_S, **options)


def issued(path: Path) -> x509.Certificate:
    content = path.read_bytes()
    is_pem = content.startswith(b"-----")
    return x509.load_pem_x509_certificate(content) if is_pem else x509.load_der_x509_certificate(content)


def pin(certificate: x509.Certificate) -> None:
    Identity.objects.filter(fingerprint=pki.fingerprint(certificate)).update(enrollment_key="UDID-1")


# strongSwan


def strongswan(server, folder: Path, key: str, *options: str) -> subprocess.CompletedProcess:
    """Ask for a certificate; triple DES since this client never recognizes a server's AES capability."""
    (folder / key).write_bytes(run(["pki", "--gen", "--type", "rsa", "--size", "2048"], folder, check=True).stdout)
    command = ["pki", "--scep", "--url", f"{server.url}/scep", "--in", key, "--dn", "O=Example, CN=Swan"]
    command += ["--cacert-enc", "ca.der", "--cacert-sig", "ca.der", "--cipher", "des3", *options]
    return run(command, folder)


@needs_strongswan
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_strongswan_enrolls(server, authority, challenge, tmp_path, digest):
    options = ["--password", challenge, "--san", "swan.example", "--digest", digest]
    answer = strongswan(server, tmp_path, "key", *options)
    assert answer.returncode == 0, answer.stderr.decode()
    certificate = x509.load_der_x509_certificate(answer.stdout)
    assert certificate.subject.rfc4514_string() == "CN=Swan,O=Example"
    assert Identity.objects.get().fingerprint == pki.fingerprint(certificate)


@needs_strongswan
def test_strongswan_is_told_of_a_refusal(server, authority, tmp_path):
    answer = strongswan(server, tmp_path, "key", "--password", "wrong")
    assert answer.returncode == 1
    assert b"badRequest" in answer.stderr
    assert Identity.objects.count() == 0


@needs_strongswan
def test_strongswan_renews(server, authority, challenge, tmp_path):
    old = strongswan(server, tmp_path, "key", "--password", challenge)
    (tmp_path / "old.der").write_bytes(old.stdout)
    pin(issued(tmp_path / "old.der"))
    answer = strongswan(server, tmp_path, "new-key", "--cert", "old.der", "--key", "key")
    assert answer.returncode == 0, answer.stderr.decode()
    renewed = Identity.objects.get(fingerprint=pki.fingerprint(x509.load_der_x509_certificate(answer.stdout)))
    assert (renewed.is_renewal, renewed.bound_key) == (True, "UDID-1")


@needs_strongswan
def test_strongswan_fetches_the_authority(server, authority, tmp_path):
    command = ["pki", "--scepca", "--url", f"{server.url}/scep", "--caout", "got.der"]
    run(command, tmp_path)
    assert issued(tmp_path / "got.der") == authority


# certmonger, the daemon: it makes its own keys and requests


def certmonger(server, folder: Path, script: str) -> subprocess.CompletedProcess:
    """Run a script beside a certmonger of its own; it ends with the bus."""
    add = f"getcert add-scep-ca -s -c ours -u {server.url}/scep -N {folder}/ca.pem\n"
    known = "for i in $(seq 50); do getcert list-cas -s -c ours | grep -q thumbprint && break; sleep 0.1; done\n"
    end = "\nkill $daemon; wait $daemon"
    start = "/usr/lib/certmonger/certmonger-session -n 2>daemon.log & daemon=$!\n"
    ready = "for i in $(seq 50); do test -e .config/certmonger/lock && break; sleep 0.1; done; sleep 0.3\n"
    return run(["dbus-run-session", "--", "bash", "-c", start + ready + add + known + script + end], folder)


def certmonger_request(folder: Path, name: str, challenge: str) -> str:
    files = f"-f {folder}/{name}.pem -k {folder}/{name}.key"
    return f"getcert request -s -c ours {files} -I {name} -N CN=certmonger -L '{challenge}' -w -v\n"


@needs_certmonger
def test_certmonger_enrolls_and_is_told_of_a_refusal(server, authority, challenge, tmp_path):
    script = certmonger_request(tmp_path, "one", challenge) + certmonger_request(tmp_path, "two", "wrong")
    answer = certmonger(server, tmp_path, script + "getcert list -s -i one; getcert list -s -i two")
    said = answer.stdout.decode()
    assert "status: MONITORING" in said and "eku: id-kp-clientAuth" in said, said + answer.stderr.decode()
    assert "status: CA_REJECTED" in said and "Transaction either is not permitted" in said
    certificate = issued(tmp_path / "one.pem")
    certificate.verify_directly_issued_by(authority)
    assert Identity.objects.get().fingerprint == pki.fingerprint(certificate)
    assert not (tmp_path / "two.pem").exists()


@needs_certmonger
def test_certmonger_renews(server, authority, challenge, tmp_path):
    wait = "for i in $(seq 300); do test -e pinned && break; sleep 0.1; done\n"
    script = certmonger_request(tmp_path, "one", challenge) + "cp one.pem old.tmp; mv old.tmp old.pem\n" + wait
    script += "getcert resubmit -s -i one -w -v; getcert list -s -i one"
    answers = []
    client = threading.Thread(target=lambda: answers.append(certmonger(server, tmp_path, script)))
    client.start()
    deadline = time.monotonic() + TIMEOUT_S
    while not (tmp_path / "old.pem").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    old = issued(tmp_path / "old.pem")
    pin(old)
    (tmp_path / "pinned").touch()
    client.join()
    renewed = issued(tmp_path / "one.pem")
    assert renewed.serial_number != old.serial_number, answers[0].stdout.decode()
    identity = Identity.objects.get(fingerprint=pki.fingerprint(renewed))
    assert (identity.is_renewal, identity.bound_key) == (True, "UDID-1")


# scep-submit with a request of the pretend device: its transport and its checks alone


def scep_submit(server, folder: Path, *options: str) -> subprocess.CompletedProcess:
    return run([str(SCEP_SUBMIT), "-u", f"{server.url}/scep", *options], folder)


@needs_certmonger
def test_scep_submit_asks_for_capabilities_and_the_authority(server, authority, tmp_path):
    assert b"POSTPKIOperation\n" in scep_submit(server, tmp_path, "-c").stdout
    assert x509.load_pem_x509_certificate(scep_submit(server, tmp_path, "-C").stdout) == authority


@needs_certmonger
def test_scep_submit_transports_a_request_and_accepts_the_answer(server, authority, challenge, client, tmp_path):
    der, _exchange, signer = scep_client.message(client, challenge)
    (tmp_path / "request.pem").write_text(pem(der))
    options = ["-r", "ca.pem", "-N", "ca.pem", "-p", "request.pem"]
    answer = scep_submit(server, tmp_path, *options)
    assert answer.returncode == 0, answer.stdout.decode()
    envelope = base64.b64decode(b"".join(answer.stdout.split(b"-----")[2].split()))
    (certificate,) = cms.open_degenerate(cms.open_envelope(envelope, signer))
    assert pki.issued_by(certificate, authorities.issuing_authority().certificate)
    refused, _exchange, _signer = scep_client.message(client, "wrong")
    (tmp_path / "request.pem").write_text(pem(refused))
    answer = scep_submit(server, tmp_path, *options)
    assert answer.returncode == 2 and b"not permitted" in answer.stdout


def pem(der: bytes) -> str:
    return f"-----BEGIN PKCS7-----\n{base64.encodebytes(der).decode()}-----END PKCS7-----\n"

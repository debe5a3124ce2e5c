"""A device enrolls and works through a real nginx that terminates TLS: its TLS client certificate is all it shows."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from commands.models import QueuedCommand
from commands.queue import queue_command
from devices.authorities import issuing_authority
from devices.models import Channel, Enrollment, Identity
from devices.timeline import SYSTEM
from mdm_project.embedded.place import free_port
from simulator import http, plists
from simulator.catalog import IPHONE, MAC
from simulator.device import PretendDevice, Setup
from simulator.keys import KeyMaker, identity_from_pem
from simulator.state import new_device
from tests.deploy.certificates import write_certificate
from tests.deploy.nginx import Nginx, running_nginx
from tests.factories import make_enrollment_profile, make_push_certificate
from tests.servers import running_server


class UnsigningDevice(PretendDevice):
    """A device whose enrollment profile does not ask for Mdm-Signature: only TLS says who it is."""

    def accept(self, configuration):
        enrollment = super().accept(configuration)
        return replace(enrollment, mdm=enrollment.mdm | {"SignMessage": False})


@dataclass
class Site:
    """An installation behind nginx."""

    nginx: Nginx
    roots_pem: str

    def profile_url(self, slug: str) -> str:
        return f"{self.nginx.url}/enroll/{slug}/profile"

    def device(self, keys: KeyMaker, platform: str, number: int) -> UnsigningDevice:
        setup = Setup(extra_roots_pem=self.roots_pem)
        return UnsigningDevice(new_device(platform, number, "nginx"), keys, setup)

    def put(self, path: str, message: dict, *, identity=None, headers=None) -> http.Response:
        """Send one message over TLS, with or without a client certificate."""

        async def send() -> http.Response:
            client = http.Client(lambda: http.tls_context(extra_roots_pem=self.roots_pem, identity=identity))
            kind = {"Content-Type": plists.CONNECT_CONTENT_TYPE}
            try:
                body = plists.write(message)
                return await client.request("PUT", f"{self.nginx.url}{path}", headers=kind | (headers or {}), body=body)
            finally:
                client.close()

        return self.play(send())

    def play(self, coroutine):
        """Run a coroutine to its end and until the goodbyes of its TLS connections are through; return its result."""

        async def until_quiet():
            result = await coroutine
            while any(peer.raddr and peer.raddr.port == self.nginx.https_port for peer in own_connections()):
                await asyncio.sleep(0.01)
            return result

        return asyncio.run(until_quiet())


@pytest.fixture
def keys() -> Iterator[KeyMaker]:
    maker = KeyMaker()
    yield maker
    maker.close()


@pytest.fixture
def site(committed_db, tmp_path) -> Iterator[Site]:
    issuing_authority()
    make_push_certificate()
    certificate, key = write_certificate(tmp_path, "localhost")
    port, https_port = free_port(0), free_port(0)
    settings = {"PUBLIC_URL": f"https://localhost:{https_port}", "TRUSTED_PROXIES": "127.0.0.1/32"}
    with (
        running_server(port=port, **settings),
        running_nginx(tmp_path, port, certificate, key, https_port) as nginx,
    ):
        yield Site(nginx, Path(certificate).read_text())


@pytest.fixture
def slug(committed_db) -> str:
    return make_enrollment_profile(shared_challenge_uses=10).slug


def own_connections() -> list:
    return psutil.Process().net_connections("tcp")


def fingerprint(device: PretendDevice) -> bytes:
    return device.identity.certificate.fingerprint(hashes.SHA256())


def idle(device: PretendDevice) -> dict:
    return {"UDID": device.state.hardware.udid, "Status": "Idle"}


@pytest.mark.parametrize("platform", [IPHONE, MAC])
def test_a_device_enrolls_and_answers_a_command_by_its_tls_certificate_alone(site, slug, keys, platform):
    device = site.device(keys, platform, 1)
    site.play(device.enroll(site.profile_url(slug)))

    udid = device.state.hardware.udid
    assert device.enrollment.server_url.startswith(site.nginx.url)
    assert Enrollment.objects.get(key=udid).state == Enrollment.State.ENROLLED
    assert bytes(Identity.objects.get(enrollment_key=udid).fingerprint) == fingerprint(device)

    channels = Channel.objects.filter(enrollment_key=udid, user_key="")
    command = queue_command("DeviceInformation", {"Queries": ["DeviceName"]}, channels, actor=SYSTEM, push=False)
    visit = site.play(device.connect())

    assert ("DeviceInformation", "Acknowledged") in visit.commands
    assert QueuedCommand.objects.get(command=command).state == QueuedCommand.State.ACKNOWLEDGED
    assert device.violations == []


def test_without_a_certificate_a_device_is_refused_but_never_unenrolled(site, slug, keys):
    device = site.device(keys, IPHONE, 1)
    site.play(device.enroll(site.profile_url(slug)))

    assert site.put("/mdm/connect", idle(device)).status == 400
    assert site.put("/mdm/connect", idle(device), identity=device.identity).status == 200


def test_another_devices_certificate_is_refused_whether_shown_or_written_into_the_header(site, slug, keys):
    victim, thief = site.device(keys, IPHONE, 1), site.device(keys, IPHONE, 2)
    site.play(victim.enroll(site.profile_url(slug)))
    site.play(thief.enroll(site.profile_url(slug)))
    forged = {"Client-Cert": quote(victim.identity.certificate.public_bytes(Encoding.PEM).decode(), safe="")}

    assert site.put("/mdm/connect", idle(victim), identity=thief.identity).status == 403
    assert site.put("/mdm/connect", idle(victim), headers=forged).status == 400
    assert site.put("/mdm/connect", idle(victim), identity=thief.identity, headers=forged).status == 403
    assert site.put("/mdm/connect", idle(victim), identity=victim.identity).status == 200


def test_a_certificate_of_nobody_we_trust_is_refused(site, slug, keys, tmp_path):
    device = site.device(keys, IPHONE, 1)
    site.play(device.enroll(site.profile_url(slug)))
    certificate, key = write_certificate(tmp_path, "stranger")
    stranger = identity_from_pem(key.read_bytes() + certificate.read_bytes())

    assert site.put("/mdm/connect", idle(device), identity=stranger).status == 400

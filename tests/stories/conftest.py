"""The stage of stories: a pretend APNs, pretend devices woken by it, and the demo profile on the real server."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from apns.certificates import store_push_certificate
from devices.timeline import SYSTEM
from enrollment.services import ensure_demo_profile
from simulator.apns import ApnsServer
from simulator.catalog import IPHONE
from simulator.device import PretendDevice
from simulator.keys import KeyMaker
from simulator.push_ca import PushCA
from simulator.session import Visit
from simulator.state import DEVICE, new_device
from tests.servers import running_worker

ACT_TIMEOUT_S = 60


@dataclass
class Stage:
    """Pretend devices on a loop of their own; `act` runs a coroutine there and waits for it.

    A device that is woken by a push visits the server by itself; its visits are kept in order in `visits`.
    """

    server_url: str
    apns: ApnsServer
    loop: asyncio.AbstractEventLoop
    keys: KeyMaker
    seed: str
    devices: list[PretendDevice] = field(default_factory=list)
    visits: dict[str, list[Visit]] = field(default_factory=dict)

    def act(self, coroutine):
        """Run what a device does, and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(ACT_TIMEOUT_S)

    def new_device(self, platform: str = IPHONE, *, is_intel: bool = False, **options) -> PretendDevice:
        """Make a device that is not enrolled yet, and that the pretend APNs can wake once it is."""
        state = new_device(platform, len(self.devices), self.seed, is_intel=is_intel)
        state.is_supervised = True

        def opened(device, channel):
            def wake():
                self.loop.create_task(self._visit(device, channel.user_id))

            self.apns.register(channel.token, device.enrollment.topic, channel.push_magic, wake)

        def closed(device, channel):
            self.apns.unregister(channel.token)

        device = PretendDevice(state, self.keys, on_channel_open=opened, on_channel_close=closed, **options)
        self.devices.append(device)
        return device

    def enroll(self, platform: str = IPHONE, slug: str = "demo", **options) -> PretendDevice:
        """Make a device and enroll it through the profile of that slug."""
        device = self.new_device(platform, **options)
        self.act(device.enroll(f"{self.server_url}/enroll/{slug}/profile"))
        return device

    async def _visit(self, device: PretendDevice, channel_name: str = DEVICE) -> None:
        visit = await device.connect(channel_name)
        self.visits.setdefault(device.state.hardware.udid, []).append(visit)


@pytest.fixture
def stage(server, tmp_path):
    """The real server with the demo profile and a pretend push certificate; use `woken_stage` for real pushes."""
    with open_stage(server.url, tmp_path) as stage:
        yield stage


@contextmanager
def open_stage(server_url: str, folder: Path) -> Iterator[Stage]:
    """Set up a stage in front of a running server; the folder holds the pretend push authority."""
    push_ca = PushCA(folder / "push-ca")
    identity = push_ca.push_identity()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="pretend devices")
    thread.start()
    apns = ApnsServer(push_ca)
    keys = KeyMaker()
    devices: list[PretendDevice] = []
    try:
        asyncio.run_coroutine_threadsafe(apns.start(), loop).result(ACT_TIMEOUT_S)
        pem = identity.certificate_pem + identity.key_pem
        store_push_certificate(pem, actor=SYSTEM, name="Pretend")
        ensure_demo_profile()
        yield Stage(server_url, apns, loop, keys, seed=folder.name, devices=devices)
    finally:
        asyncio.run_coroutine_threadsafe(_close(apns, devices), loop).result(ACT_TIMEOUT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        keys.close()


async def _close(apns: ApnsServer, devices: list[PretendDevice]) -> None:
    for device in devices:
        device.hang_up()
    await apns.close()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0)  # transports close in the loop's next turn


@pytest.fixture
def woken_stage(stage):
    """The stage with a Celery worker that pushes through the pretend APNs."""
    settings = {
        "APNS_HOST": "127.0.0.1",
        "APNS_PORT": str(stage.apns.port),
        "APNS_CA_FILE": str(stage.apns.push_ca.ca_file),
    }
    with running_worker(**settings):
        yield stage

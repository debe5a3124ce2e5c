"""What the simulator's tests share: keys that are made once, a fake MDM server, devices."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from simulator.catalog import IPHONE
from simulator.device import PretendDevice
from simulator.state import new_device
from tests.simulator.fake_mdm import FakeMDM, make_ca


class SparedKeys:
    """Hands out keys made once per run: making them is not what these tests are about."""

    def __init__(self):
        self._keys = [rsa.generate_private_key(65537, 2048) for _ in range(3)]
        self._next = 0

    async def make(self, size_bits: int) -> rsa.RSAPrivateKey:
        self._next += 1
        return self._keys[self._next % len(self._keys)]


@pytest.fixture(scope="session")
def keys():
    return SparedKeys()


@pytest.fixture(scope="session")
def ca():
    return make_ca()


@pytest.fixture
def tell(ca, keys):
    """Run a story: an async function that gets a running fake server and a maker of devices."""

    @asynccontextmanager
    async def stage():
        async with FakeMDM(ca) as server:
            devices = []

            def make_device(platform=IPHONE, number=0, setup=None, state=None, **options):
                state = state or new_device(platform, number, "tests")
                state.is_supervised = True
                devices.append(PretendDevice(state, keys, setup, **options))
                return devices[-1]

            try:
                yield server, make_device
            finally:
                for device in devices:
                    device.hang_up()

    def run(story):
        async def play():
            async with stage() as (server, make_device):
                await story(server, make_device)

        asyncio.run(play())

    return run

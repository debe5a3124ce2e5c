"""Thousands of pretend devices in one process.

Owns who is in the fleet, their waking by the pretend APNs, retries, and the small changes of everyday life. A device's
own behaviour is in simulator.device. The same seed gives the same devices; keys and tokens are new at each enrollment.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from simulator import apps
from simulator.catalog import APPLE_TV, IPAD, IPHONE, MAC, VISION
from simulator.chains import Refused
from simulator.device import PretendDevice, Setup
from simulator.keys import KeyMaker
from simulator.session import UNWELCOME, Visit
from simulator.state import DEVICE, Channel, DeviceState, Store, new_device

# Of 25 devices: 11 iPhones, 6 Macs, 6 iPads, an Apple TV and a Vision Pro; a small fleet has some of each.
MIX = (
    (IPHONE, MAC, IPAD, IPHONE, APPLE_TV, MAC, IPHONE, IPAD, VISION)
    + (IPHONE, MAC, IPHONE, IPAD) * 2
    + (IPHONE, IPHONE, MAC, IPAD, IPHONE, MAC, IPHONE, IPAD)
)
INTEL_PLACE, AWAITING_PLACE = 5, 10
# A Mac that nobody has encrypted yet, and one whose person is away: nobody asks for the PIN of its lock.
OPEN_PLACE, AWAY_PLACE = 1, 5
WAKE_DELAY_S = (0.1, 0.5)
FIRST_RETRY_S, LAST_RETRY_S = 2, 300
POWERED_OFF_S = 45
FIND_PIN_S = 60
LOG_IN_S = 5
LIFE_INTERVAL_S = 5


class PushService(Protocol):
    """What the fleet needs of the pretend APNs."""

    def register(self, token: bytes, topic: str, push_magic: str, wake: Callable[[], object]) -> None: ...

    def unregister(self, token: bytes) -> None: ...

    def set_online(self, token: bytes, is_online: bool) -> None: ...


@dataclass(frozen=True)
class Plan:
    """What to run; shared_keys > 0 makes devices share that many RSA keys, for load tests only."""

    profile_url: str
    count: int
    data_dir: Path
    seed: str = "demo"
    concurrency: int = 32
    shared_keys: int = 0
    setup: Setup = Setup()
    platforms: tuple[str, ...] = MIX
    is_lively: bool = True
    rejoins: bool = False  # enroll again those that left

    def platform_of(self, number: int) -> str:
        return self.platforms[number % len(self.platforms)]


@dataclass
class Tally:
    """Counts for progress lines and checks."""

    enrolled: int = 0
    commands: int = 0
    not_acknowledged: int = 0
    retries: int = 0
    violations: int = 0


@dataclass
class Seat:
    """One device of the fleet and the channels that are visiting or have been woken meanwhile."""

    number: int
    device: PretendDevice
    visiting: set[str] = field(default_factory=set)
    woken_again: set[str] = field(default_factory=set)
    violations_told: int = 0


class Fleet:
    """Build with a plan, `await run()` until `stop()`; say is called with one line for each thing worth telling."""

    def __init__(self, plan: Plan, push: PushService | None, say: Callable[[str], None] = print):
        self.plan = plan
        self.tally = Tally()
        self.seats: list[Seat] = []
        self._push = push
        self._say = say
        self._keys = KeyMaker(shared_keys=plan.shared_keys)
        self._store = Store(plan.data_dir / "fleet.sqlite3")
        self._slots = asyncio.Semaphore(plan.concurrency)
        self._tasks: set[asyncio.Task] = set()
        self._stopping = asyncio.Event()
        self._rng = random.Random(f"{plan.seed}/life")

    async def run(self) -> None:
        """Bring every device up, then live until stopped."""
        try:
            for number in range(self.plan.count):
                self.seats.append(self._seat(number))
                await asyncio.sleep(0)  # a large fleet must not keep its APNs from answering
            for seat in self.seats:
                self._spawn(self._begin(seat))
            self._spawn(self._report_progress())
            if self.plan.is_lively:
                self._spawn(self._live())
            await self._stopping.wait()
        finally:
            await self._close()

    def stop(self) -> None:
        """End run() soon."""
        self._stopping.set()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for seat in self.seats:
            seat.device.hang_up()
        self._keys.close()
        self._store.close()

    # Seats

    def _seat(self, number: int) -> Seat:
        platform = self.plan.platform_of(number)
        state = self._store.load(number) or make_state(platform, number, self.plan.seed)
        seat = Seat(number, None)
        seat.device = PretendDevice(
            state,
            self._keys,
            self.plan.setup,
            save=lambda changed: self._store.save(number, changed),
            on_channel_open=lambda device, channel: self._register(seat, device, channel),
            on_channel_close=lambda device, channel: self._unregister(channel),
        )
        return seat

    def _register(self, seat: Seat, device: PretendDevice, channel: Channel) -> None:
        if self._push is None:
            return
        name = channel.user_id
        self._push.register(channel.token, device.enrollment.topic, channel.push_magic, lambda: self.wake(seat, name))

    def _unregister(self, channel: Channel) -> None:
        if self._push is not None:
            self._push.unregister(channel.token)

    async def _begin(self, seat: Seat) -> None:
        """Enroll a new device; one that is enrolled asks once on each channel, one that left stays away."""
        if seat.device.is_enrolled:
            self.tally.enrolled += 1
            for name in list(seat.device.state.channels):
                self.wake(seat, name)
        elif self.plan.rejoins or not seat.device.state.has_left:
            await self._enroll(seat)

    async def _enroll(self, seat: Seat) -> None:
        delay_s = FIRST_RETRY_S
        while not seat.device.is_enrolled:
            try:
                async with self._slots:
                    await seat.device.enroll(self.plan.profile_url)
            except Refused as refused:
                self.tally.retries += 1
                self._say(f"{seat.device.state.name} could not enroll, again in {delay_s} s: {refused}")
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, LAST_RETRY_S)
        self.tally.enrolled += 1
        self._tell_violations(seat)

    # Waking

    def wake(self, seat: Seat, channel_name: str = DEVICE) -> None:
        """Let a channel visit the server soon; a wake during a visit leads to one more visit."""
        if channel_name in seat.visiting:
            seat.woken_again.add(channel_name)
            return
        seat.visiting.add(channel_name)
        self._spawn(self._visit(seat, channel_name))

    async def _visit(self, seat: Seat, channel_name: str) -> None:
        try:
            while True:
                seat.woken_again.discard(channel_name)
                await asyncio.sleep(self._rng.uniform(*WAKE_DELAY_S))
                await self._visit_until_served(seat, channel_name)
                if channel_name not in seat.woken_again:
                    return
        finally:
            seat.visiting.discard(channel_name)

    async def _visit_until_served(self, seat: Seat, channel_name: str) -> None:
        delay_s = FIRST_RETRY_S
        while True:
            async with self._slots:
                visit = await seat.device.connect(channel_name)
            self._count(seat, visit)
            if not visit.should_retry:
                return
            self.tally.retries += 1
            await asyncio.sleep(delay_s * self._rng.uniform(0.8, 1.2))
            delay_s = min(delay_s * 2, LAST_RETRY_S)

    def _count(self, seat: Seat, visit: Visit) -> None:
        device = seat.device
        self.tally.commands += len(visit.commands)
        self.tally.not_acknowledged += sum(status != "Acknowledged" for _, status in visit.commands)
        self._tell_violations(seat)
        if visit.ended == UNWELCOME or (visit.commands and not device.is_enrolled):
            self.tally.enrolled -= 1
            self._say(f"{device.state.name} left: {device.events[-1]}")
        if device.faults.is_offline:
            self._spawn(self._power_cycle(seat))
        if device.state.lock_pin and visit.commands and not is_away(seat.number, self.plan):
            self._spawn(self._enter_pin(seat))
        if (
            self.plan.is_lively
            and device.state.hardware.is_mac
            and ("InstallProfile", "Acknowledged") in visit.commands
        ):
            self._spawn(self._log_in(seat))

    def _tell_violations(self, seat: Seat) -> None:
        for violation in seat.device.violations[seat.violations_told :]:
            self.tally.violations += 1
            self._say(f"{seat.device.state.name} saw the server break the protocol: {violation}")
        seat.violations_told = len(seat.device.violations)

    async def _power_cycle(self, seat: Seat) -> None:
        """Keep a device that was shut down off the network for a while; what was pushed meanwhile comes late."""
        channels = list(seat.device.state.channels.values())
        for channel in channels:
            self._set_online(channel, False)
        await asyncio.sleep(POWERED_OFF_S)
        seat.device.faults.is_offline = False
        for channel in channels:
            self._set_online(channel, True)
            self.wake(seat, channel.user_id)

    async def _enter_pin(self, seat: Seat) -> None:
        """Let somebody ask for the PIN of a locked Mac and type it."""
        await asyncio.sleep(FIND_PIN_S)
        seat.device.enter_pin(seat.device.state.lock_pin)
        for name in list(seat.device.state.channels):
            self.wake(seat, name)

    async def _log_in(self, seat: Seat) -> None:
        """Let the person of a Mac log in, which begins a FileVault that waits for it."""
        await asyncio.sleep(LOG_IN_S)
        seat.device.log_in()

    def _set_online(self, channel: Channel, is_online: bool) -> None:
        if self._push is not None:
            self._push.set_online(channel.token, is_online)

    # Everyday life

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(LIFE_INTERVAL_S)
            seat = self._rng.choice(self.seats) if self.seats else None
            if seat is None or not seat.device.is_enrolled:
                continue
            live_a_little(seat.device, self._rng)
            if self._rng.random() < 0.25:  # a network change makes a device ask by itself
                self.wake(seat)

    async def _report_progress(self) -> None:
        last = None
        while True:
            line = self.progress()
            if line != last:
                self._say(line)
                last = line
            await asyncio.sleep(1)

    def progress(self) -> str:
        """Sum up the fleet in one line."""
        tally = self.tally
        return (
            f"{tally.enrolled} of {self.plan.count} devices enrolled, {tally.commands} commands answered, "
            f"{tally.not_acknowledged} not acknowledged, {tally.retries} retries, {tally.violations} violations"
        )

    def _spawn(self, coroutine) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._say(f"the simulator failed: {task.exception()!r}")


def is_away(number: int, plan: Plan) -> bool:
    """Say whether the person of a device is away; only Macs matter."""
    return number % len(MIX) == AWAY_PLACE and plan.platform_of(number) == MAC


def make_state(platform: str, number: int, seed: str) -> DeviceState:
    """Make a device of the fleet; of those in MIX one Mac is of Intel, one waits for its configuration, one is open."""
    place = number % len(MIX)
    state = new_device(platform, number, seed, is_intel=platform == MAC and place == INTEL_PLACE)
    state.is_awaiting_configuration = platform == MAC and place == AWAITING_PLACE
    if place == OPEN_PLACE:
        state.recovery_key = ""
    return state


def live_a_little(device: PretendDevice, rng: random.Random) -> None:
    """Change what changes by itself: battery, free space, an app's version."""
    state = device.state
    if state.hardware.has_battery:
        drained = state.battery_level - rng.uniform(0.01, 0.08)
        state.battery_level = round(drained, 2) if drained > 0.1 else 1.0
    state.available_gb = round(max(1.0, state.available_gb + rng.uniform(-1.5, 1.2)), 2)
    if state.apps and rng.random() < 0.2:
        app = state.apps[rng.choice(sorted(state.apps))]
        app["version"] = apps.bump_version(app["version"])
    device.changed()

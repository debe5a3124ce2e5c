"""A pretend Apple device: it enrolls, checks in, connects, obeys, misbehaves on request and leaves.

Owns the life of one enrollment and the device's lists of what the server did wrong. How commands are answered is in
simulator.answers, the command loop in simulator.session. Every step of enrolling is a method of its own, so that other
ways in (ADE, account-driven) override one step instead of all. Apple: Deploying MDM enrollment profiles; Check-in.
"""

import asyncio
import secrets
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from simulator import answers, checkin, filevault, identity, plists, profile, session
from simulator.catalog import APPLE_TV
from simulator.chains import MDM, Refused, installation_failed, refuse
from simulator.cms import IPHONE_STYLE, MAC_STYLE, Identity, Style
from simulator.faults import Faults
from simulator.http import Client, TransportError, tls_context
from simulator.keys import KeyMaker, identity_from_pem, identity_to_pem
from simulator.profile import Configuration, Enrollment
from simulator.state import DEVICE, Channel, DeviceState, Membership, new_channel, secret_words
from simulator.wire import TryLater, Unwelcome, Wire

DONE_COMMANDS_REMEMBERED = 200
RENEW_BY_AUTHENTICATE, RENEW_BY_TOKEN_UPDATE = "authenticate", "token-update"

answers.load_all()


@dataclass(frozen=True)
class Setup:
    """How a device reaches its server, and the choices that differ between real devices."""

    allow_http: bool = False
    relay_header: str | None = None  # send the identity in this header, as a TLS-terminating proxy would
    extra_roots_pem: str = ""
    renewal: str = RENEW_BY_AUTHENTICATE
    style: Style | None = None  # of Mdm-Signature; by platform unless given
    timeout_s: float = 30


class PretendDevice:
    """One device. Its methods are what a person or the network does to it; `violations` is what the server did wrong.

    identity_override stands for an identity from elsewhere (an outside CA): no SCEP is spoken then.
    save is called with the state whenever something worth keeping changed; on_channel_open and on_channel_close with
    a channel that can be, or can no longer be, woken.
    """

    def __init__(
        self,
        state: DeviceState,
        keys: KeyMaker,
        setup: Setup | None = None,
        *,
        identity_override: Identity | None = None,
        save: Callable[[DeviceState], None] = lambda state: None,
        on_channel_open: Callable[["PretendDevice", Channel], None] = lambda device, channel: None,
        on_channel_close: Callable[["PretendDevice", Channel], None] = lambda device, channel: None,
    ):
        self.state = state
        self.keys = keys
        self.setup = setup or Setup()
        self.faults = Faults()
        self.also_knows: set[str] = set()  # payload types that this device knows and the schema does not
        self.violations: list[str] = []
        self.events: deque[str] = deque(maxlen=200)
        self.received: deque[dict] = deque(maxlen=50)  # commands as they came, newest last
        self.reported: deque[dict] = deque(maxlen=50)  # and what was answered, sent or not
        self.enrollment: Enrollment | None = None
        self.wire: Wire | None = None
        self._identity_override = identity_override
        self._save = save
        self._on_channel_open = on_channel_open
        self._on_channel_close = on_channel_close
        self._lock = asyncio.Lock()
        self._done: dict[str, deque[str]] = {}
        if state.membership is not None:
            self._resume(state.membership)

    @property
    def is_enrolled(self) -> bool:
        return self.enrollment is not None

    @property
    def is_busy(self) -> bool:
        return self.state.is_locked

    @property
    def channel(self) -> Channel:
        return self.state.channels[DEVICE]

    @property
    def user_channels(self) -> list[Channel]:
        return [channel for channel in self.state.channels.values() if channel.is_user]

    @property
    def owner_guid(self) -> str:
        """The GUID of the Mac's one local user."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, self.state.hardware.udid)).upper()

    @property
    def identity(self) -> Identity:
        return self.wire.identity

    # Joining

    async def enroll(self, profile_url: str) -> None:
        """Download a profile, install it and check in; raise Refused with what the screen would show."""
        await self.install_enrollment(await self.download_profile(profile_url))

    async def download_profile(self, url: str) -> bytes:
        client = self._client("Mozilla/5.0 (pretend device) Safari/605.1.15")
        try:
            response = await client.download(url)
        except TransportError as error:
            raise refuse(MDM, 12002, f"The profile could not be downloaded: {error}") from error
        finally:
            client.close()
        if response.status != 200:
            raise refuse(MDM, 12002, f"The profile was answered with status {response.status}.")
        if response.content_type.split(";")[0].strip() != profile.CONTENT_TYPE:
            raise refuse(MDM, 12002, f"A download of type {response.content_type!r} is not offered for installation.")
        return response.body

    async def install_enrollment(self, data: bytes) -> None:
        """Install an enrollment profile by hand; a device that is enrolled takes only an update of its own."""
        async with self._lock:
            configuration = profile.read_configuration(data)
            try:
                if self.is_enrolled:
                    await self.update_enrollment(configuration)
                else:
                    await self.join(configuration)
            except Refused as cause:
                raise installation_failed(configuration.name, cause) from cause
            finally:
                self.hang_up()
                self.changed()

    async def join(self, configuration: Configuration) -> None:
        """Take an identity and check in; for callers that hold the device already."""
        enrollment = self.accept(configuration)
        self.state.supervised_at = self.state.supervised_at or time.time()
        self._adopt(enrollment, await self.obtain_identity(enrollment))
        self.state.enrollment_id = str(uuid.uuid4()).upper() if enrollment.is_user_enrollment else ""
        self.state.channels = {DEVICE: new_channel()}
        try:
            await self.check_in()
        except (TryLater, Unwelcome) as error:
            self.forget_enrollment(f"could not check in: {error}")
            self.state.has_left = False
            raise refuse(MDM, 12002, f"The device could not check in: {error}") from error
        self.state.has_left = False
        self.events.append("enrolled")

    def accept(self, configuration: Configuration) -> Enrollment:
        """Judge an enrollment profile; raise Refused."""
        enrollment = profile.read_enrollment(configuration, allow_http=self.setup.allow_http)
        if self.state.hardware.is_mac and profile.PER_USER not in enrollment.capabilities:
            raise refuse(MDM, 12011, "The MDM payload lacks the capability com.apple.mdm.per-user-connections.")
        return enrollment

    async def obtain_identity(self, enrollment: Enrollment) -> Identity:
        if self._identity_override is not None:
            return self._identity_override
        client = self._client("mobile device SCEP client")
        try:
            return await identity.obtain(enrollment.identity_payload, client, self.keys.make)
        finally:
            client.close()

    async def check_in(self) -> None:
        """Send the messages of a new enrollment in a device's order."""
        await self.authenticate()
        has_unlock_token = not self.state.hardware.is_mac and self.state.hardware.platform != APPLE_TV
        if has_unlock_token and not self.state.enrollment_id:
            self.state.unlock_token = secrets.token_bytes(1024)
        await self.update_token(self.channel)
        self._on_channel_open(self, self.channel)
        if self.state.hardware.is_mac:
            await self.escrow_bootstrap_token()
            await self.open_user_channel()

    async def authenticate(self) -> None:
        message = checkin.authenticate(self.state, self.channel, self.enrollment.topic)
        self._expect_empty("Authenticate", await self.wire.check_in(message))

    async def update_token(self, channel: Channel) -> None:
        message = checkin.token_update(self.state, channel, self.enrollment.topic)
        self._expect_empty("TokenUpdate", await self.wire.check_in(message))

    async def escrow_bootstrap_token(self) -> None:
        """Give a new bootstrap token to a server that takes them."""
        if profile.BOOTSTRAP_TOKEN not in self.enrollment.capabilities:
            return
        token = secrets.token_bytes(48)
        try:
            message = checkin.set_bootstrap_token(self.state, self.channel, token)
            self._expect_empty("SetBootstrapToken", await self.wire.check_in(message))
        except TryLater as error:
            self.note(str(error))
            return
        self.state.bootstrap_token = token

    async def fetch_bootstrap_token(self) -> bytes:
        """Ask for the escrowed bootstrap token; empty when the server has none."""
        body = await self.wire.check_in(checkin.get_bootstrap_token(self.state, self.channel))
        return plists.read_dictionary(body).get("BootstrapToken", b"") if body else b""

    async def open_user_channel(self) -> None:
        """Open the channel of the Mac's user; local users start with a TokenUpdate."""
        if profile.PER_USER not in self.enrollment.capabilities:
            return
        user_id = self.owner_guid
        names = {"short_name": self.state.owner_short_name, "long_name": self.state.owner_name}
        channel = new_channel(user_id, **names)
        try:
            await self.update_token(channel)
        except TryLater as error:
            self.note(f"user channel: {error}")
            return
        self.state.channels[user_id] = channel
        self._on_channel_open(self, channel)

    async def update_enrollment(self, configuration: Configuration) -> None:
        """Replace the enrollment profile in place: a new identity, then the check-in this device's OS does.

        On any failure the old profile and identity stay; raises Refused.
        """
        enrollment = self.accept(configuration)
        profile.check_update(self.enrollment, enrollment)
        before = (self.enrollment, self.identity)
        self._adopt(enrollment, await self.obtain_identity(enrollment))
        try:
            if self.setup.renewal == RENEW_BY_AUTHENTICATE:
                await self.authenticate()
            for channel in self.state.channels.values():
                await self.update_token(channel)
        except (TryLater, Unwelcome) as error:
            self._adopt(*before)
            raise refuse(MDM, 12002, f"The device could not check in: {error}") from error
        self.events.append("enrollment profile updated")

    # Living

    async def connect(self, channel_name: str = DEVICE) -> session.Visit:
        """Visit the server once on a channel, as after a push; an offline or unenrolled device does nothing."""
        async with self._lock:
            is_away = self.faults.is_offline or self.state.lock_pin or not self.is_enrolled
            if is_away or channel_name not in self.state.channels:
                return session.Visit(ended=session.LEFT, detail="offline, locked or not enrolled")
            return await session.visit(self, self.state.channels[channel_name])

    async def connect_all(self) -> list[session.Visit]:
        """Visit the server once on each channel."""
        return [await self.connect(name) for name in list(self.state.channels)]

    def lock(self) -> None:
        """Lock the screen: commands that may wait get NotNow."""
        self.state.is_locked = True

    async def unlock(self) -> list[session.Visit]:
        """Unlock; channels whose last session ended with NotNow come back by themselves, others do not."""
        self.state.is_locked = False
        waiting = [name for name, channel in self.state.channels.items() if channel.ended_not_now]
        return [await self.connect(name) for name in waiting]

    def log_in(self, *, puts_off: bool = False) -> bool:
        """Have a Mac's person log in, which starts a deferred FileVault; return whether it is on then."""
        is_on = filevault.log_in(self, puts_off=puts_off)
        self.changed()
        return is_on

    def change_recovery_key(self) -> None:
        """Have a new recovery key made on the Mac, as `fdesetup changerecovery -personal` does."""
        filevault.make_key(self)
        self.changed()

    def enter_pin(self, pin: str) -> bool:
        """Type the PIN of a locked Mac; True if it starts again."""
        if not self.state.lock_pin or pin != self.state.lock_pin:
            return False
        self.state.lock_pin = ""
        self.changed()
        return True

    async def rotate_push_token(self, channel_name: str = DEVICE) -> None:
        """Take a new push token, as after a restore, and tell the server."""
        async with self._lock:
            channel = self.state.channels[channel_name]
            self._on_channel_close(self, channel)
            channel.token = secrets.token_bytes(32)
            await self.update_token(channel)
            self._on_channel_open(self, channel)
            self.hang_up()
            self.changed()

    # Leaving

    async def unenroll(self) -> None:
        """Remove the enrollment profile as a person does: one attempt to check out, then everything managed goes."""
        async with self._lock:
            await self.leave("removed by its user")
            self.changed()

    async def leave(self, reason: str) -> None:
        """Check out if the profile says so, and forget the enrollment whatever the server answers."""
        if self.enrollment.checks_out:
            message = checkin.check_out(self.state, self.channel, self.enrollment.topic)
            try:
                self._expect_empty("CheckOut", await self.wire.check_in(message))
            except (TryLater, Unwelcome) as error:
                self.events.append(f"check-out failed: {error}")
        self.forget_enrollment(reason)

    def forget_enrollment(self, reason: str) -> None:
        """Drop identity, channels, managed profiles and managed apps."""
        for channel in self.state.channels.values():
            self._on_channel_close(self, channel)
        self.hang_up()
        self.enrollment = self.wire = self.state.membership = None
        for identifier in self.state.managed_apps:
            self.state.apps.pop(identifier, None)
        self.state.channels, self.state.managed_apps = {}, {}
        self.state.unlock_token = self.state.bootstrap_token = b""
        self.state.enrollment_id = ""
        self.state.has_left = True
        self._done.clear()
        self.events.append(f"unenrolled: {reason}")

    async def shut_down(self) -> None:
        """Switch off: no push reaches the device until faults.is_offline is cleared."""
        self.faults.is_offline = True
        self.events.append("shut down")

    def erase(self) -> None:
        """Go back to factory settings; only the hardware stays."""
        self.forget_enrollment("erased")
        self.state.apps, self.state.settings, self.state.lost_mode = {}, {}, {}
        self.state.books, self.state.provisioning_profiles, self.state.admin_accounts = {}, {}, []
        self.state.lock_pin = self.state.recovery_lock = self.state.recovery_key = ""
        self.state.is_recovery_key_escrowed, self.state.filevault_put_off = False, 0
        self.state.primary_account = {}
        # Set up again it has another code, for another 15 days.
        self.state.bypass_code = secret_words(5) if self.state.bypass_code else ""
        self.state.supervised_at = 0
        self.state.has_passcode = self.state.is_locked = False
        self.state.name = self.state.hardware.product_class

    # What the session and the answers use

    def note(self, violation: str) -> None:
        """Record something a server must not do."""
        self.violations.append(violation)
        self.events.append(f"violation: {violation}")

    def changed(self) -> None:
        """Save the state."""
        self._save(self.state)

    def hang_up(self) -> None:
        if self.wire is not None:
            self.wire.close()

    def remember_done(self, channel: Channel, command_uuid: str) -> None:
        """Remember a command whose report the server has taken."""
        done = self._done.setdefault(channel.user_id, deque(maxlen=DONE_COMMANDS_REMEMBERED))
        done.append(command_uuid)

    def was_done(self, channel: Channel, command_uuid: str) -> bool:
        return command_uuid in self._done.get(channel.user_id, ())

    def _client(self, user_agent: str) -> Client:
        roots = self.setup.extra_roots_pem
        trust = partial(tls_context, extra_roots_pem=roots)
        return Client(trust, user_agent=user_agent, timeout_s=self.setup.timeout_s)

    def _expect_empty(self, message_type: str, body: bytes) -> None:
        if body:
            self.note(f"{message_type} was answered with a body of {len(body)} bytes")

    def _adopt(self, enrollment: Enrollment, new_identity: Identity) -> None:
        self.hang_up()
        self.enrollment = enrollment
        self.state.membership = Membership(enrollment.configuration.data, identity_to_pem(new_identity))
        self.wire = self._make_wire(enrollment, new_identity)

    def _resume(self, membership: Membership) -> None:
        self.enrollment = profile.read_enrollment(
            profile.read_configuration(membership.profile), allow_http=self.setup.allow_http
        )
        self.wire = self._make_wire(self.enrollment, identity_from_pem(membership.identity_pem))
        for channel in self.state.channels.values():
            self._on_channel_open(self, channel)

    def _make_wire(self, enrollment: Enrollment, own: Identity) -> Wire:
        hardware = self.state.hardware
        by_platform = MAC_STYLE if hardware.is_mac else IPHONE_STYLE
        return Wire(
            enrollment,
            own,
            style=self.setup.style or by_platform,
            user_agent="MDM-OSX/1.0 mdmclient/1600" if hardware.is_mac else "MDM/1.0",
            note=self.note,
            relay_header=self.setup.relay_header,
            extra_roots_pem=self.setup.extra_roots_pem,
            timeout_s=self.setup.timeout_s,
        )

"""What a pretend device keeps across restarts, and where.

Owns the device's memory (identity, tokens, profiles, apps) and its file: one SQLite row per device holding a binary
property list. Knows nothing of the protocol.
"""

import random
import secrets
import sqlite3
import time
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path

from simulator import apps, catalog, people, plists
from simulator.catalog import Hardware

DEVICE = ""  # the device channel's name; a user channel is named by its UserID


@dataclass
class Channel:
    """One channel's push address, installed profiles and unfinished business."""

    token: bytes
    push_magic: str
    user_id: str = DEVICE
    user_short_name: str = ""
    user_long_name: str = ""
    profiles: dict[str, bytes] = field(default_factory=dict)  # raw, by PayloadIdentifier, oldest first
    unsent_report: dict = field(default_factory=dict)  # kept until the server has taken it with a 200
    ended_not_now: bool = False
    declarations_token: str = ""

    @property
    def is_user(self) -> bool:
        return self.user_id != DEVICE


@dataclass
class Membership:
    """An enrollment as the device keeps it: the profile as received and the identity in PEM."""

    profile: bytes
    identity_pem: bytes


@dataclass
class DeviceState:
    """Everything one device remembers."""

    hardware: Hardware
    name: str
    os_version: str
    build_version: str
    owner_name: str
    owner_short_name: str
    is_supervised: bool
    battery_level: float
    available_gb: float
    has_passcode: bool
    apps: dict[str, dict]
    managed_apps: dict[str, dict] = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    is_locked: bool = False
    has_left: bool = False  # it was enrolled once and is no longer
    is_activation_locked: bool = False
    lost_mode: dict = field(default_factory=dict)
    unlock_token: bytes = b""
    bootstrap_token: bytes = b""
    enrollment_id: str = ""  # under a user enrollment, instead of the UDID
    is_awaiting_configuration: bool = False  # Setup Assistant waits for DeviceConfigured
    is_shared: bool = False  # a Shared iPad
    is_user_approved: bool = True  # a Mac's enrollment
    lock_pin: str = ""  # a Mac that was locked starts only with it
    bypass_code: str = ""  # of Activation Lock
    supervised_at: float = 0  # Unix time; 0: not set up yet
    recovery_lock: str = ""
    firmware_password: str = ""
    recovery_key: str = ""  # of FileVault
    is_recovery_key_escrowed: bool = False  # an escrow payload was there when it was made
    filevault_put_off: int = 0  # how often the person did not want it yet
    primary_account: dict = field(default_factory=dict)  # what AccountConfiguration says of the person's own
    admin_accounts: list[dict] = field(default_factory=list)  # made by AccountConfiguration: GUID, hash...
    other_users: list[str] = field(default_factory=list)  # short names of people besides the owner
    books: dict[str, dict] = field(default_factory=dict)  # by PersistentID or store id
    provisioning_profiles: dict[str, dict] = field(default_factory=dict)  # by UUID
    channels: dict[str, Channel] = field(default_factory=dict)
    membership: Membership | None = None

    def dump(self) -> bytes:
        """Serialise; None has no place in a property list, so an absent membership is left out."""
        content = asdict(self)
        if self.membership is None:
            del content["membership"]
        return plists.write_compact(content)

    @classmethod
    def load(cls, data: bytes) -> "DeviceState":
        content = plists.read_dictionary(data)
        content["hardware"] = Hardware(**content["hardware"])
        content["channels"] = {name: Channel(**channel) for name, channel in content["channels"].items()}
        if "membership" in content:
            content["membership"] = Membership(**content["membership"])
        return cls(**content)


def new_device(platform: str, number: int, seed: str, *, is_intel: bool = False) -> DeviceState:
    """Make the nth device of a seed, fresh out of the box: the same one for the same arguments."""
    rng = random.Random(f"{seed}/{number}/{platform}")
    hardware = catalog.build_hardware(platform, rng, is_intel=is_intel)
    owner = people.person(number)
    version, build = catalog.choose_release(platform, rng, is_intel=is_intel)
    state = DeviceState(
        hardware=hardware,
        name=people.device_name(owner, hardware.product_class, number),
        os_version=version,
        build_version=build,
        owner_name=owner.full_name,
        owner_short_name=owner.short_name,
        is_supervised=platform in (catalog.MAC, catalog.APPLE_TV) or rng.random() < 0.75,
        battery_level=round(rng.uniform(0.15, 1.0), 2),
        available_gb=round(hardware.capacity_gb * rng.uniform(0.1, 0.7), 2),
        has_passcode=platform != catalog.APPLE_TV and rng.random() < 0.9,
        apps=apps.choose_apps(platform, rng),
    )
    if hardware.model_name.startswith("MacBook"):
        state.recovery_key = secret_words(6, rng)
    if state.is_supervised and platform != catalog.APPLE_TV:
        state.bypass_code = secret_words(5, rng)
    return state


def secret_words(groups: int, rng: random.Random | None = None) -> str:
    """Make a recovery key (six groups) or a bypass code: four characters a group."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    rng = rng or random.SystemRandom()
    return "-".join("".join(rng.choices(alphabet, k=4)) for _ in range(groups))


def new_channel(user_id: str = DEVICE, *, short_name: str = "", long_name: str = "") -> Channel:
    """Give a channel a token and push magic that no other has."""
    return Channel(
        token=secrets.token_bytes(32),
        push_magic=str(uuid.uuid4()).upper(),
        user_id=user_id,
        user_short_name=short_name,
        user_long_name=long_name,
    )


class Store:
    """Device states on disk, one row each; a second run finds what the first one saved."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS devices"
            " (number INTEGER PRIMARY KEY, state BLOB NOT NULL, saved_at REAL NOT NULL)"
        )
        path.chmod(0o600)  # it holds private keys

    def load(self, number: int) -> DeviceState | None:
        row = self._database.execute("SELECT state FROM devices WHERE number = ?", (number,)).fetchone()
        return DeviceState.load(row[0]) if row else None

    def save(self, number: int, state: DeviceState) -> None:
        with self._database:
            self._database.execute(
                "INSERT OR REPLACE INTO devices VALUES (?, ?, ?)", (number, state.dump(), time.time())
            )

    def close(self) -> None:
        self._database.close()

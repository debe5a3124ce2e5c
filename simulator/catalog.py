"""Pretend hardware: real model identifiers, plausible serials, UDIDs, IMEIs and MAC addresses.

Owns what a device is born with. Deterministic for a given random generator. Model identifiers and builds are public
facts about Apple's products; serials and addresses are made up.
"""

import random
import uuid
from dataclasses import dataclass

IPHONE, IPAD, MAC, APPLE_TV, VISION = "iPhone", "iPad", "Mac", "Apple TV", "Vision Pro"
MOBILE = (IPHONE, IPAD)
PLATFORMS = (IPHONE, IPAD, MAC, APPLE_TV, VISION)
SERIAL_ALPHABET = "CDFGHJKLMNPQRTVWXY0123456789"

# product identifier, marketing name, model number, chip id of the UDID, capacities in GB
MODELS = {
    IPHONE: (
        ("iPhone12,8", "iPhone SE", "MX9T2", "00008030", (64, 128)),
        ("iPhone13,2", "iPhone 12", "MGJ53", "00008101", (64, 128, 256)),
        ("iPhone14,5", "iPhone 13", "MLPF3", "00008110", (128, 256)),
        ("iPhone15,2", "iPhone 14 Pro", "MPXV3", "00008120", (128, 256, 512)),
        ("iPhone15,4", "iPhone 15", "MTP03", "00008120", (128, 256)),
        ("iPhone17,1", "iPhone 16 Pro", "MYMG3", "00008140", (128, 256, 512)),
        ("iPhone17,3", "iPhone 16", "MYE73", "00008140", (128, 256)),
    ),
    IPAD: (
        ("iPad12,1", "iPad (9th generation)", "MK2K3", "00008030", (64, 256)),
        ("iPad13,18", "iPad (10th generation)", "MPQ03", "00008101", (64, 256)),
        ("iPad13,16", "iPad Air (5th generation)", "MM9C3", "00008103", (64, 256)),
        ("iPad14,3", "iPad Pro (11-inch)", "MNXD3", "00008112", (128, 256, 512)),
        ("iPad14,1", "iPad mini (6th generation)", "MK7M3", "00008110", (64, 256)),
    ),
    MAC: (
        ("Mac14,2", "MacBook Air", "MLXW3", "", (256, 512)),
        ("Mac15,12", "MacBook Air", "MRXN3", "", (256, 512)),
        ("Mac14,9", "MacBook Pro", "MPHE3", "", (512, 1024)),
        ("Mac15,6", "MacBook Pro", "MRX33", "", (512, 1024)),
        ("Mac14,3", "Mac mini", "MMFJ3", "", (256, 512)),
        ("Mac16,10", "Mac mini", "MU9D3", "", (256, 512)),
        ("Mac15,4", "iMac", "MQRC3", "", (256, 512)),
    ),
    APPLE_TV: (
        ("AppleTV11,1", "Apple TV 4K (2nd generation)", "MXGY2", "00008020", (32, 64)),
        ("AppleTV14,1", "Apple TV 4K (3rd generation)", "MN873", "00008110", (64, 128)),
    ),
    VISION: (("RealityDevice14,1", "Apple Vision Pro", "MQLA3", "00008112", (256, 512, 1024)),),
}

INTEL_MODELS = (
    ("MacBookPro16,1", "MacBook Pro", "MVVJ2", "", (512, 1024)),
    ("MacBookAir9,1", "MacBook Air", "MVH22", "", (256, 512)),
    ("Macmini8,1", "Mac mini", "MXNF2", "", (256, 512)),
)
NEWEST_OF_INTEL = 15  # these models do not get macOS 26

# version, build, build of the update that a device on it is offered
RELEASES = {
    IPHONE: (("17.7.2", "21H221"), ("18.5", "22F76"), ("18.6.2", "22G100"), ("26.0.1", "23A355"), ("26.1", "23B85")),
    IPAD: (("17.7.2", "21H221"), ("18.5", "22F76"), ("18.6.2", "22G100"), ("26.0.1", "23A355"), ("26.1", "23B85")),
    MAC: (("13.7.6", "22H625"), ("14.7.6", "23H626"), ("15.5", "24F74"), ("15.6.1", "24G90"), ("26.1", "25B78")),
    APPLE_TV: (("17.6", "21M71"), ("18.5", "22L572"), ("18.6", "22M84")),
    VISION: (("2.4", "22O238"), ("2.5", "22O473"), ("2.6", "22O785")),
}


@dataclass(frozen=True)
class Hardware:
    """What a device is born with; addresses a platform lacks are empty."""

    platform: str
    product_name: str
    model_name: str
    model_number: str
    serial_number: str
    udid: str
    provisioning_udid: str
    capacity_gb: int
    wifi_mac: str
    bluetooth_mac: str
    ethernet_mac: str = ""
    imei: str = ""
    meid: str = ""
    iccid: str = ""
    phone_number: str = ""

    @property
    def is_mac(self) -> bool:
        return self.platform == MAC

    @property
    def is_apple_silicon(self) -> bool:
        return self.is_mac and self.product_name not in {model[0] for model in INTEL_MODELS}

    @property
    def is_cellular(self) -> bool:
        return bool(self.imei)

    @property
    def has_battery(self) -> bool:
        return self.platform in (IPHONE, IPAD, VISION) or self.model_name.startswith("MacBook")

    @property
    def product_class(self) -> str:
        """The short name people give it: iPhone, MacBook Pro, Apple TV."""
        return self.model_name if self.is_mac else self.platform


def build_hardware(platform: str, rng: random.Random, *, is_intel: bool = False) -> Hardware:
    """Make one device of a platform; is_intel makes a Mac without Apple silicon."""
    product, name, number, chip, capacities = rng.choice(INTEL_MODELS if is_intel else MODELS[platform])
    is_cellular = platform == IPHONE or (platform == IPAD and rng.random() < 0.4)
    ecid = f"{chip or '00008112'}-{rng.getrandbits(64) >> 8:016X}"
    first_mac = rng.getrandbits(24)
    return Hardware(
        platform=platform,
        product_name=product,
        model_name=name,
        model_number=f"{number}LL/A",
        serial_number=_serial(rng),
        udid=str(uuid.UUID(int=rng.getrandbits(128), version=5)).upper() if platform == MAC else ecid,
        provisioning_udid=ecid,
        capacity_gb=rng.choice(capacities),
        wifi_mac=_mac_address(first_mac),
        bluetooth_mac=_mac_address(first_mac + 1),
        ethernet_mac=_mac_address(first_mac + 2) if platform in (MAC, APPLE_TV) else "",
        **(_cellular(rng, platform) if is_cellular else {}),
    )


def choose_release(platform: str, rng: random.Random, *, is_intel: bool = False) -> tuple[str, str]:
    """Choose version and build, most often one of the newest two."""
    releases = RELEASES[platform]
    if is_intel:
        releases = [one for one in releases if int(one[0].split(".")[0]) <= NEWEST_OF_INTEL]
    return rng.choices(releases, weights=range(1, len(releases) + 1))[0]


def _serial(rng: random.Random) -> str:
    return "".join(rng.choices(SERIAL_ALPHABET, k=10))


def _mac_address(number: int) -> str:
    # The second bit of the first byte marks an address as locally administered: no maker owns it.
    return ":".join(f"{byte:02x}" for byte in bytes.fromhex(f"a6f0d4{number & 0xFFFFFF:06x}"))


def _cellular(rng: random.Random, platform: str) -> dict[str, str]:
    imei = f"35{rng.randrange(10**12):012d}"
    iccid = f"8901260{rng.randrange(10**11):011d}"
    return {
        "imei": _spaced_imei(imei + luhn_digit(imei)),
        "meid": imei,
        "iccid": iccid + luhn_digit(iccid),
        "phone_number": f"+1202555{rng.randrange(10**4):04d}" if platform == IPHONE else "",
    }


def _spaced_imei(digits: str) -> str:
    return f"{digits[:2]} {digits[2:8]} {digits[8:14]} {digits[14:]}"


def luhn_digit(digits: str) -> str:
    """Compute the check digit that IMEIs and ICCIDs end in (ISO/IEC 7812-1, annex B)."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if position % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)

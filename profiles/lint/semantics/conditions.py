"""Keys that hang on each other: needed if another has a value, one of several, useless beside another. One table.

A rule is about dictionaries at one place of a payload; "[]" in the place stands for every item of a list.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from profiles.content import Path
from profiles.lint.document import Document, Payload
from profiles.lint.findings import Level, Report

# What a rule finds: the key it is about, and the sentence.
Found = Iterator[tuple[str, str]]


@dataclass(frozen=True)
class Rule:
    """``slugs`` are entries of the catalogue, "" in ``at`` is the payload itself."""

    slugs: tuple[str, ...]
    at: str
    check: Callable[[dict], Found]
    code: str = "condition"
    level: Level = Level.ERROR


def check_conditions(document: Document, report: Report) -> None:
    for payload in document.payloads:
        for rule in _BY_SLUG.get(payload.entry.slug if payload.entry else "", ()):
            _apply(rule, payload, report)


def _apply(rule: Rule, payload: Payload, report: Report) -> None:
    for path, holder in _holders(payload.values, rule.at.split(".") if rule.at else [], payload.path):
        for key, message in rule.check(holder):
            report.add(rule.level, rule.code, (*path, key), message, **payload.about)


def _holders(value, parts: list[str], path: Path) -> Iterator[tuple[Path, dict]]:
    if not parts:
        if isinstance(value, dict):
            yield path, value
        return
    first, *rest = parts
    if first == "[]" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _holders(item, rest, (*path, index))
    elif isinstance(value, dict) and first in value:
        yield from _holders(value[first], rest, (*path, first))


# Sorts of rules


def _needs(when: dict, *keys: str) -> Callable[[dict], Found]:
    """Where every key of ``when`` has its value (or one of several), ``keys`` must be there."""

    def check(values: dict) -> Found:
        if _holds(values, when):
            for key in keys:
                if _is_missing(values.get(key)):
                    yield key, f"{key} is needed {_words(when)}."

    return check


def _forbids(when: dict, *keys: str) -> Callable[[dict], Found]:
    def check(values: dict) -> Found:
        if _holds(values, when):
            for key in keys:
                if key in values:
                    yield key, f"{key} must not be set {_words(when)}."

    return check


def _takes(when: dict, key: str, *allowed) -> Callable[[dict], Found]:
    """Where ``when`` holds, a key that is set must be one of ``allowed``."""

    def check(values: dict) -> Found:
        if _holds(values, when) and key in values and not any(_equal(values[key], each) for each in allowed):
            yield key, f"{key} must be {' or '.join(map(_plain, allowed))} {_words(when)}."

    return check


def _must_be(when: dict, key: str, *allowed) -> Callable[[dict], Found]:
    """Where ``when`` holds, a key must be set, and to one of ``allowed``."""

    def check(values: dict) -> Found:
        if _holds(values, when) and not any(_equal(values.get(key), each) for each in allowed):
            yield key, f"{key} must be {' or '.join(map(_plain, allowed))} {_words(when)}."

    return check


def _any_of(*keys: str, words: str) -> Callable[[dict], Found]:
    def check(values: dict) -> Found:
        if all(_is_missing(values.get(key)) for key in keys):
            yield keys[0], words

    return check


def _one_family(*families: tuple[str, ...], words: str) -> Callable[[dict], Found]:
    """Keys of one family alone must be set, those of the others not."""

    def check(values: dict) -> Found:
        given = [family for family in families if any(key in values for key in family)]
        if len(given) != 1:
            yield (given[1] if given else families[0])[0], words

    return check


class _Present:
    """A value that is there, whatever it is."""


SET = _Present()


def _holds(values: dict, when: dict) -> bool:
    for key, wanted in when.items():
        value = values.get(key)
        if wanted is SET:
            if _is_missing(value):
                return False
        elif not any(_equal(value, each) for each in (wanted if isinstance(wanted, tuple) else (wanted,))):
            return False
    return True


def _is_missing(value) -> bool:
    return value is None or value == "" or value == [] or value == {}


def _equal(value, wanted) -> bool:
    """Compare; true and 1 are taken for one another, as devices do."""
    return not isinstance(value, dict | list) and value == wanted


def _words(when: dict) -> str:
    parts = []
    for key, wanted in when.items():
        if wanted is SET:
            parts.append(f"{key} is set")
        else:
            options = wanted if isinstance(wanted, tuple) else (wanted,)
            parts.append(f"{key} is {' or '.join(map(_plain, options))}")
    return "where " + " and ".join(parts)


def _plain(value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _defers(values: dict) -> Found:
    has_account = not _is_missing(values.get("Username")) and not _is_missing(values.get("Password"))
    if values.get("Enable") == "On" and values.get("Defer") is not True and not has_account:
        yield "Defer", "Defer must be true, or Username and Password given, for FileVault to be turned on by MDM."


def _complex_fits(values: dict) -> Found:
    special, length = values.get("minComplexChars"), values.get("minLength")
    if isinstance(special, int) and isinstance(length, int) and special > length:
        yield "minComplexChars", f"minComplexChars is {special}, and a passcode may have {length} characters."


# The table

_ETHERNET = tuple(
    f"{each}ethernet-managed"
    for each in ("global", "first", "second", "third", "firstactive", "secondactive", "thirdactive")
)  # fmt: skip
_VPN = ("vpn-managed", "vpn-managed-applayer")
_WARN = {"level": Level.WARNING}
_FIRST_UNLOCK = {"AllowJoinBeforeFirstUnlock": True}

_RULES = (
    # Wi-Fi
    Rule(
        ("wifi-managed",), "", code="one_of",
        check=_any_of(
            "SSID_STR", "DomainName", "HESSID", "NAIRealmNames", "MCCAndMNCs", "RoamingConsortiumOIs",
            words="It names no network: give it an SSID, or for Passpoint a domain name, realms or roaming partners.",
        ),
    ),
    Rule(("wifi-managed",), "", _needs({"ProxyType": "Manual"}, "ProxyServer", "ProxyServerPort")),
    Rule(("wifi-managed",), "", _forbids(_FIRST_UNLOCK, "EAPClientConfiguration", "QoSMarkingPolicy")),
    Rule(("wifi-managed",), "", _takes(_FIRST_UNLOCK, "IsHotspot", False)),
    Rule(("wifi-managed",), "", _takes(_FIRST_UNLOCK, "ProxyType", "None")),
    Rule(
        ("wifi-managed", *_ETHERNET), "EAPClientConfiguration", _needs({"TLSMinimumVersion": "1.3"}, "OuterIdentity"),
        **_WARN,
    ),
    Rule(
        ("wifi-managed", *_ETHERNET), "EAPClientConfiguration",
        _must_be({"EAPFASTUsePAC": True}, "EAPFASTProvisionPAC", True), **_WARN,
    ),
    # Proxies, DNS, relays
    Rule(("proxy-http-global",), "", _needs({"ProxyType": "Manual"}, "ProxyServer", "ProxyServerPort")),
    Rule(("dnssettings-managed",), "DNSSettings", _needs({"DNSProtocol": "HTTPS"}, "ServerURL")),
    Rule(("dnssettings-managed",), "DNSSettings", _needs({"DNSProtocol": "TLS"}, "ServerName")),
    Rule(("dnssettings-managed",), "DNSSettings", _forbids({"DNSProtocol": "HTTPS"}, "ServerName"), **_WARN),
    Rule(("dnssettings-managed",), "DNSSettings", _forbids({"DNSProtocol": "TLS"}, "ServerURL"), **_WARN),
    Rule(
        ("relay-managed",), "Relays.[]", code="one_of",
        check=_any_of("HTTP3RelayURL", "HTTP2RelayURL", words="A relay needs HTTP3RelayURL, HTTP2RelayURL or both."),
    ),
    # VPN
    Rule(_VPN, "", _needs({"VPNType": ("VPN", "TransparentProxy")}, "VPNSubType")),
    Rule(_VPN, "", _needs({"VPNType": "VPN"}, "VPN")),
    Rule(_VPN, "", _needs({"VPNType": "TransparentProxy"}, "TransparentProxy")),
    Rule(_VPN, "", _needs({"VPNType": "IKEv2"}, "IKEv2")),
    Rule(_VPN, "", _needs({"VPNType": "IPSec"}, "IPSec")),
    Rule(_VPN, "", _needs({"VPNType": "L2TP"}, "PPP")),
    Rule(_VPN, "", _needs({"VPNType": "AlwaysOn"}, "AlwaysOn")),
    Rule(_VPN, "IKEv2", _needs({"AuthenticationMethod": "Certificate"}, "PayloadCertificateUUID")),
    Rule(_VPN, "IKEv2", _needs({"AuthenticationMethod": "SharedSecret"}, "SharedSecret")),
    Rule(
        _VPN, "IKEv2",
        _needs({"CertificateType": SET, "ExtendedAuthEnabled": 1}, "ServerCertificateIssuerCommonName"),
    ),
    Rule(_VPN, "VPN", _needs({"AuthenticationMethod": "Certificate"}, "PayloadCertificateUUID")),
    # Sign-in
    Rule(("extensiblesso",), "", _needs({"Type": "Redirect"}, "URLs")),
    Rule(("extensiblesso",), "", _needs({"Type": "Credential"}, "Hosts")),
    Rule(("extensiblesso",), "", _forbids({"Type": "Credential"}, "URLs"), **_WARN),
    Rule(("extensiblesso",), "", _must_be({"PlatformSSO": SET}, "Type", "Redirect")),
    Rule(
        ("extensiblesso",), "PlatformSSO", _must_be({"EnableCreateUserAtLogin": True}, "UseSharedDeviceKeys", True),
    ),
    Rule(
        ("extensiblesso",), "PlatformSSO",
        _takes({"EnableCreateUserAtLogin": True}, "AuthenticationMethod", "Password", "SmartCard"),
    ),
    Rule(("sso",), "Kerberos", _needs({"Realm": SET}, "PrincipalName"), **_WARN),
    # Certificates
    Rule(("security-acme",), "", _must_be({"HardwareBound": True}, "KeyType", "ECSECPrimeRandom")),
    Rule(("security-acme",), "", _must_be({"HardwareBound": True}, "KeySize", 256, 384)),
    Rule(("security-acme",), "", _must_be({"Attest": True}, "HardwareBound", True)),
    # Content filters
    Rule(("webcontent-filter",), "", _needs({"FilterType": "Plugin"}, "UserDefinedName", "PluginBundleID")),
    Rule(("webcontent-filter",), "", _needs({"FilterURLs": True}, "URLFilterParameters")),
    Rule(
        ("webcontent-filter",), "",
        _needs({"FilterDataProviderBundleIdentifier": SET}, "FilterDataProviderDesignatedRequirement"),
    ),
    Rule(
        ("webcontent-filter",), "", _needs({"FilterPackets": True}, "FilterPacketProviderDesignatedRequirement"),
    ),
    Rule(("webcontent-filter",), "", _must_be({"PermittedURLs": SET}, "AutoFilterEnabled", True), **_WARN),
    # Passcode, screens, FileVault, AirPlay
    Rule(("mobiledevice-passwordpolicy",), "", _needs({"minutesUntilFailedLoginReset": SET}, "maxFailedAttempts")),
    Rule(("mobiledevice-passwordpolicy",), "", _complex_fits),
    Rule(("screensaver",), "", _must_be({"askForPasswordDelay": SET}, "askForPassword", True), **_WARN),
    Rule(("filevault2",), "", _defers),
    Rule(("airplay-security",), "", _needs({"SecurityType": "PASSWORD"}, "Password")),
    # Accounts: nobody is asked when MDM installs them.
    Rule(("eas-account", "ews-account"), "", _needs({"Host": SET}, "UserName"), **_WARN),
    Rule(("caldav-account",), "", _needs({"CalDAVHostName": SET}, "CalDAVUsername"), **_WARN),
    # Xsan: Apple's own SANs, or StorNext's.
    Rule(
        ("xsan",), "", code="one_of",
        check=_one_family(
            ("sanConfigURLs",), ("fsnameservers",),
            words="An Xsan needs sanConfigURLs, and a StorNext SAN fsnameservers: one of the two.",
        ),
    ),
    Rule(("xsan",), "", _needs({"sanAuthMethod": SET}, "sharedSecret")),
    # Caching
    Rule(
        ("assetcache-managed",), "",
        _takes({"AllowSharedCaching": False}, "AllowPersonalCaching", True), **_WARN,
    ),
)  # fmt: skip

_BY_SLUG: dict[str, list[Rule]] = {}
for _rule in _RULES:
    for _slug in _rule.slugs:
        _BY_SLUG.setdefault(_slug, []).append(_rule)

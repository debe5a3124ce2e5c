"""What several payloads of a type come to on one device, by Apple's merge rules. Pure: nothing here reads a row.

Apple's schema says of a payload whether more than one may be installed (``multiple``). What then becomes of a key that
is in two of them is said in words only: restrictions and passcode rules are combined so that the stricter one holds;
preferences of a Mac are one value per key, and which one is not said; accounts, networks and certificates each apply by
themselves. For passcodes the combination of each key is that of the declaration which replaces the payload.

Apple: developer.apple.com/documentation/devicemanagement/restrictions, .../passcode;
github.com/apple/device-management (multiple, combinetype)
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from profiles import catalogue
from profiles.catalogue import Entry, Key, Type

RESTRICTIONS = "applicationaccess"
PASSCODE = "mobiledevice-passwordpolicy"
# One value per key, whoever sets it, although several payloads may be installed.
_PREFERENCES = frozenset(
    {
        "applicationaccess-new",
        "loginwindow",
        "mcx-accounts",
        "mcx-energysaver",
        "mcx-wifi",
        "security-firewall",
        "system-logging",
        "systempolicy-control",
        "systempolicy-managed",
    }
)
# Key of the passcode payload -> key of the declaration that tells how it is combined.
_PASSCODE_DECLARATION = "com.apple.configuration.passcode.settings"
_PASSCODE_KEYS = {
    "forcePIN": "RequirePasscode",
    "requireAlphanumeric": "RequireAlphanumericPasscode",
    "minLength": "MinimumLength",
    "minComplexChars": "MinimumComplexCharacters",
    "maxFailedAttempts": "MaximumFailedAttempts",
    "minutesUntilFailedLoginReset": "FailedAttemptsResetInMinutes",
    "maxGracePeriod": "MaximumGracePeriodInMinutes",
    "maxInactivity": "MaximumInactivityInMinutes",
    "maxPINAgeInDays": "MaximumPasscodeAgeInDays",
    "changeAtNextAuth": "ChangeAtNextAuth",
}
# The declaration asks the other way round (RequireComplexPasscode), or its number counts otherwise.
_PASSCODE_OWN = {"allowSimple": "boolean-and", "pinHistory": "number-max"}


class Rule(StrEnum):
    ONE = "one"
    STRICTEST = "strictest"
    BY_KEY = "by_key"
    BY_ITSELF = "by_itself"


RULE_WORDS = {
    Rule.ONE: "one payload of this type per device",
    Rule.STRICTEST: "the strictest value holds",
    Rule.BY_KEY: "one value per key",
    Rule.BY_ITSELF: "each payload applies by itself",
}


class State(StrEnum):
    """``alone``: set once. ``agreed``: set alike. ``combined``: a rule decided. ``conflict``: no rule decides."""

    ALONE = "alone"
    AGREED = "agreed"
    COMBINED = "combined"
    CONFLICT = "conflict"


class Outcome(StrEnum):
    IN_FORCE = "in_force"
    OVERRULED = "overruled"
    CONFLICT = "conflict"


@dataclass(frozen=True, eq=False)
class Contribution:
    """A payload that a device has. ``values`` are plist values without the common keys, ``shown`` what may be seen."""

    source: object
    entry: Entry | None
    payload_type: str
    uuid: str
    values: dict
    shown: dict

    @property
    def slug(self) -> str:
        return self.entry.slug if self.entry else ""

    @property
    def label(self) -> str:
        return self.entry.label if self.entry else self.payload_type


@dataclass(frozen=True)
class Voice:
    """What one payload says of a key, and what came of it."""

    contribution: Contribution
    value: object
    outcome: Outcome


@dataclass(frozen=True)
class Setting:
    """A key of a payload type on a device. ``value`` is None where no rule decides, and nobody can say what holds.

    ``payload_uuid`` is "" where payloads of the type are merged.
    """

    payload_type: str
    slug: str
    label: str
    payload_uuid: str
    key: str
    value: object
    rule: Rule
    state: State
    voices: tuple[Voice, ...]

    @property
    def is_conflict(self) -> bool:
        return self.state is State.CONFLICT

    @property
    def overruled(self) -> tuple[Voice, ...]:
        return tuple(voice for voice in self.voices if voice.outcome is Outcome.OVERRULED)


def contributions_of(source, values: dict, shown: dict, slugs: dict[str, str] | None = None) -> list[Contribution]:
    """Return the payloads of a profile as contributions; content as plist values, whole and as it may be seen."""
    common = {key.name for key in catalogue.common_payload_keys().keys}
    pairs = zip(payloads_in(values), payloads_in(shown), strict=True)
    return [
        Contribution(
            source=source,
            entry=entry_of(payload, slugs or {}),
            payload_type=str(payload.get("PayloadType", "")),
            uuid=str(payload.get("PayloadUUID", "")),
            values={key: value for key, value in payload.items() if key not in common},
            shown=masked,
        )
        for payload, masked in pairs
    ]


def payloads_in(values: dict) -> list[dict]:
    """Return what of PayloadContent are payloads at all."""
    content = values.get("PayloadContent")
    return [each for each in content if isinstance(each, dict)] if isinstance(content, list) else []


def entry_of(payload: dict, slugs: dict[str, str]) -> Entry | None:
    """Return the catalogue's entry of a payload: the one that was chosen where it fits the type, else the best fit."""
    candidates = catalogue.payloads_of_type(str(payload.get("PayloadType", "")))
    chosen = slugs.get(str(payload.get("PayloadUUID")))
    for entry in candidates:
        if entry.slug == chosen:
            return entry
    return catalogue.payload_for(str(payload.get("PayloadType", "")), payload)


def rule_for(entry: Entry | None, system: str) -> Rule:
    """Return how payloads of a type come together on an OS (Apple's name); the preferences of an app go by key."""
    if entry is None or entry.slug in _PREFERENCES:
        return Rule.BY_KEY
    if entry.slug in (RESTRICTIONS, PASSCODE):
        return Rule.STRICTEST
    support = entry.support.get(system)
    is_one = support is not None and support.allows_multiple is False
    return Rule.ONE if is_one else Rule.BY_ITSELF


def merge(contributions: Iterable[Contribution], system: str) -> list[Setting]:
    """Return every key that is set, by type and key, with what holds on this OS."""
    kinds: dict[tuple[str, str], list[Contribution]] = {}
    for each in contributions:
        kinds.setdefault((each.payload_type, each.slug), []).append(each)
    return [setting for kind in sorted(kinds) for setting in _merge_kind(kinds[kind], system)]


def _merge_kind(same: list[Contribution], system: str) -> Iterator[Setting]:
    rule = rule_for(same[0].entry, system)
    if rule is Rule.BY_ITSELF:
        for each in same:
            for key in sorted(each.values):
                yield _setting([each], key, rule)
        return
    for key in sorted({key for each in same for key in each.values}):
        # Where there must be one payload, one that lacks the key disagrees as well.
        speakers = same if rule is Rule.ONE else [each for each in same if key in each.values]
        yield _setting(speakers, key, rule)


def _setting(speakers: Sequence[Contribution], key: str, rule: Rule) -> Setting:
    first = speakers[0]
    said = [each.values.get(key) for each in speakers]
    state, value = _decide(first.entry, key, rule, said)
    heard = [each for each in speakers if _are_equal([each.values.get(key), value])]
    shown = heard[0].shown.get(key) if heard and state is not State.CONFLICT else value

    def outcome(one: Contribution) -> Outcome:
        if state is State.CONFLICT:
            return Outcome.CONFLICT
        return Outcome.IN_FORCE if one in heard else Outcome.OVERRULED

    voices = tuple(Voice(each, each.shown.get(key), outcome(each)) for each in speakers)
    uuid = first.uuid if rule is Rule.BY_ITSELF else ""
    return Setting(first.payload_type, first.slug, first.label, uuid, key, shown, rule, state, voices)


def _decide(entry: Entry | None, key: str, rule: Rule, said: list) -> tuple[State, object]:
    if len(said) == 1:
        return State.ALONE, said[0]
    if _are_equal(said):
        return State.AGREED, said[0]
    combine = _combination(entry, key) if rule is Rule.STRICTEST else None
    # What is of the wrong type cannot be compared; lint names it.
    if combine is None or not all(isinstance(value, int | float) for value in said):
        return State.CONFLICT, None
    return State.COMBINED, combine(said)


def _are_equal(said: list) -> bool:
    """True and 1 are the same to a device, and to Python."""
    return all(value == said[0] for value in said)


def _combination(entry: Entry | None, name: str) -> Callable[[list], object] | None:
    key = entry.find((name,)) if entry else None
    if key is None:
        return None
    if entry.slug == PASSCODE:
        return _COMBINATIONS.get(_passcode_combination(name))
    if key.type is not Type.BOOLEAN:
        return None
    return _COMBINATIONS["boolean-and" if _allows(key) else "boolean-or"]


def _allows(key: Key) -> bool:
    """Say whether true is the laxer value of a restriction: allowCamera, and not forceEncryptedBackup."""
    return key.name.startswith(("allow", "safariAllow")) or key.default is True


def _passcode_combination(name: str) -> str:
    if name in _PASSCODE_OWN:
        return _PASSCODE_OWN[name]
    if name not in _PASSCODE_KEYS:
        return ""
    key = catalogue.declaration(_PASSCODE_DECLARATION).find((_PASSCODE_KEYS[name],))
    return key.combine if key else ""


_COMBINATIONS: dict[str, Callable[[list], object]] = {
    "boolean-and": all,
    "boolean-or": any,
    "number-max": max,
    "number-min": min,
}

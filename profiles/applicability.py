"""Whether a device can use a profile, and if not, why: the one judgement that deciding, lint and pages share.

A payload that a device does not know (another platform, a system too old or too new, on a Mac what User Enrollment
forbids) is skipped, and the rest of its profile installed. One that it knows and must not have (supervision, kind of
enrollment, channel, Shared iPad, the user's approval) makes it refuse the whole profile. A profile is for a device
unless it is refused or nothing in it is of use. What Apple's schema does not know is the settings of an app on a Mac,
and elsewhere of no use that anybody could tell. Rows are not looked at here: see profiles.traits, profiles.refusals.

Apple: developer.apple.com/documentation/devicemanagement/profile-specific-payload-keys
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from mdm_project import plist
from profiles import catalogue
from profiles.catalogue import Availability, Entry, Target
from profiles.catalogue.availability import ADE, USER_ENROLLMENT, Reason, evaluate
from profiles.content import payloads_of
from profiles.models.desired import WAITS

_SKIPPED = frozenset({"platform", "too_old", "removed", "unknown"})
_LISTED = 3
_TARGETS = {
    1: ("iPhone and iPad", ("ios", "ipados")), 2: ("Apple Watch", ("watchos",)), 3: ("HomePod", ()),
    4: ("Apple TV", ("tvos",)), 5: ("Mac", ("macos",)), 6: ("Apple Vision Pro", ("visionos",)),
}  # fmt: skip
_UNKNOWN_TYPE = Reason("unknown", "no payload type that Apple's schema knows")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a channel and its device; None and "" are what was not told yet.

    ``kind`` is one of devices.Enrollment.Kind; ``device`` may still turn out to be ADE while ``is_ade`` is None.
    """

    platform: str = ""
    version: str = ""
    is_supervised: bool | None = None
    kind: str = "device"
    is_user: bool = False
    is_approved: bool | None = None
    is_shared: bool | None = None
    is_ade: bool | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A payload as far as it is judged: its type, and its entry in the catalogue where Apple defines it."""

    type: str
    entry: Entry | None = None

    @property
    def label(self) -> str:
        return self.entry.label if self.entry else f"“{self.type}”"


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a profile decides who can use it; ``target`` is its TargetDeviceType."""

    parts: tuple[Part, ...]
    target: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """Why a device cannot use a profile ("" where it can), and of one that it can, what it skips or nobody checked.

    ``anyway`` is what is left of the refusal when staff say to send what Apple's schema does not know.
    """

    refusal: str = ""
    anyway: str = ""
    ignored: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()


def shape_of(content: dict) -> Shape:
    """Return what of a profile's content (JSON form) decides who can use it."""
    values = plist.from_json(content)
    target = values.get("TargetDeviceType", 0)
    parts = (_part(payload) for payload in payloads_of(values) if isinstance(payload, dict))
    is_number = isinstance(target, int) and not isinstance(target, bool)
    return Shape(tuple(dict.fromkeys(parts)), target if is_number else 0)


def _part(payload: dict) -> Part:
    kind = str(payload.get("PayloadType", ""))
    return Part(kind, catalogue.payload_for(kind, payload))


def skips(code: str, target: Target) -> bool:
    """Say whether a device leaves out a payload for this reason and takes the rest; else it refuses the profile."""
    return code in _SKIPPED or (code == "user_enrollment" and target.system == "macOS")


def judge(shape: Shape, facts: Facts) -> Judgement:
    """Say whether a device can use a profile. Where that depends on what it has not told, it waits for that."""
    if not facts.platform:
        waits = f"{WAITS}what kind of device it is"
        return Judgement(waits, waits)
    found = {choice: _judge(shape, target) for choice, target in _possible(facts)}
    if len({(each.refusal != "", each.anyway != "") for each in found.values()}) == 1:
        return next(iter(found.values()))
    waits = f"{WAITS}{' and '.join(_that_matter(found))}"
    is_usable = any(not each.refusal for each in found.values())
    refusal = waits if is_usable else next(each.refusal for each in found.values())
    return Judgement(refusal, waits)


_OPEN = (
    ("is_supervised", "whether it is supervised"),
    ("is_approved", "whether its user approved the enrollment"),
    ("is_shared", "whether it is a Shared iPad"),
    ("is_ade", "how it was enrolled"),
    ("version", "which version of its system it runs"),
)


def _possible(facts: Facts) -> Iterator[tuple[tuple, Target]]:
    """Yield what the device may turn out to be, with the values chosen for each of _OPEN (None: it is known)."""
    yes_or_no = (True, False)
    is_mac, is_pad, is_own = facts.platform == "macos", facts.platform == "ipados", facts.kind == USER_ENROLLMENT
    open_facts = (
        yes_or_no if facts.is_supervised is None and not is_own else (None,),
        yes_or_no if is_mac and facts.is_approved is None else (None,),
        yes_or_no if is_pad and facts.is_shared is None and not is_own else (None,),
        yes_or_no if not is_own and facts.kind != ADE and facts.is_ade is None else (None,),
        ("", "0.1") if not facts.version else (None,),
    )
    for choice in product(*open_facts):
        supervised, approved, shared, ade, version = choice
        known = replace(
            facts,
            is_supervised=facts.is_supervised if supervised is None else supervised,
            is_approved=facts.is_approved if approved is None else approved,
            is_shared=facts.is_shared if shared is None else shared,
            kind=ADE if ade else facts.kind,
            version=facts.version if version is None else version,
        )
        yield choice, target_of(known)


def _that_matter(found: dict[tuple, Judgement]) -> list[str]:
    """Return which open facts change the answer, in words."""
    words = []
    for index, (_name, phrase) in enumerate(_OPEN):
        answers: dict[tuple, set[bool]] = {}
        for choice, each in found.items():
            others = (*choice[:index], *choice[index + 1 :])
            answers.setdefault(others, set()).add(bool(each.anyway))
        if any(len(different) > 1 for different in answers.values()):
            words.append(phrase)
    return words or ["more of itself"]


def target_of(facts: Facts) -> Target:
    """Return the facts as the catalogue asks for them; the platform must be known.

    A device in User Enrollment is never supervised nor shared, and does not say so.
    """
    is_own = facts.kind == USER_ENROLLMENT
    return Target(
        facts.platform,
        facts.version,
        supervised=False if is_own else facts.is_supervised,
        enrollment_kind=facts.kind,
        channel="user" if facts.is_user else "device",
        shared_ipad=False if is_own or facts.platform == "ios" else facts.is_shared,
        user_approved=facts.is_approved if facts.platform == "macos" else None,
    )


@lru_cache(maxsize=20_000)
def _availability(entry: Entry, target: Target) -> Availability:
    return evaluate(entry.support, target)


def reasons_of(part: Part, target: Target) -> tuple[Reason, ...]:
    """Return why a payload cannot be used on a device, or would have no effect there."""
    if part.entry is None:
        return () if target.system == "macOS" else (_UNKNOWN_TYPE,)
    found = _availability(part.entry, target)
    return found.reasons or found.ignored


def _judge(shape: Shape, target: Target) -> Judgement:
    wanted, platforms = _TARGETS.get(shape.target, ("", None))
    if platforms is not None and target.os not in platforms:
        refusal = f"is meant for {wanted} only (TargetDeviceType)"
        return Judgement(refusal, refusal)
    by_part = [(part, reasons_of(part, target)) for part in shape.parts]
    refused = [_sentence(part, each) for part, found in by_part for each in found if _is_refused(each, target)]
    if refused:
        return Judgement(_joined(refused), _joined(refused))
    ignored = tuple(_sentence(part, found[0]) for part, found in by_part if found)
    unchecked = tuple(part.type for part in shape.parts if part.entry is None)
    if len(ignored) < len(shape.parts) or not shape.parts:
        return Judgement("", "", ignored, unchecked)
    return Judgement(_joined(ignored), "" if unchecked else _joined(ignored), ignored, unchecked)


def _is_refused(reason: Reason, target: Target) -> bool:
    return not skips(reason.code, target) and not reason.code.startswith("ignored")


def _sentence(part: Part, reason: Reason) -> str:
    verb = "" if reason.message.startswith(("needs ", "has ")) else "was " if reason.code == "removed" else "is "
    return f"{part.label} {verb}{reason.message}"


def used_content(content: dict, facts: Facts) -> dict:
    """Return a profile's content (JSON form) without the payloads that the device skips."""
    if not facts.platform:
        return content
    target = target_of(facts)
    used = [each for each in payloads_of(content) if not reasons_of(_part(plist.from_json(each)), target)]
    return content | {"PayloadContent": used}


def _joined(sentences: Sequence[str]) -> str:
    listed = list(dict.fromkeys(sentences))
    return "; ".join(listed[:_LISTED]) + (f"; and {len(listed) - _LISTED} more" if listed[_LISTED:] else "")

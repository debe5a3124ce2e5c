"""Whether devices are as they should be: passcode, encryption, and every profile that they should have, in words.

Owns the one answer; console, helpdesk, dashboard, lists and API ask here. Each reason has words of its own. What a
platform does not have is never judged (an Apple TV has no passcode and nothing to encrypt), what a device has not told
yet is said, and nobody is called compliant before everything was looked at.

Apple: developer.apple.com/documentation/devicemanagement/security-info-command
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import BooleanField, Count, Exists, ExpressionWrapper, OuterRef, Q

from commands.standing import ItemStanding, Word
from devices.models import Device, Enrollment
from devices.querysets import DeviceQuerySet
from mdm_project.status import Status

Platform = Device.Platform
WITH_PASSCODE = (Platform.IOS, Platform.IPADOS, Platform.VISIONOS, Platform.WATCHOS)
WITH_ENCRYPTION = (*WITH_PASSCODE, Platform.MACOS)
WANTED = (Word.PENDING, Word.SENT, Word.ACKNOWLEDGED, Word.VERIFIED, Word.FAILED)
PROFILE_FAILED, NOT_COMPLIANT, NOT_CHECKED = "profile_failed", "not_compliant", "not_checked"
_HAS_PASSCODE = Q(platform__in=WITH_PASSCODE, is_passcode_present=True)


@dataclass(frozen=True)
class Rule:
    """A condition on Device, and what is said of those that meet it."""

    name: str
    words: str
    of: Q


RULES = (
    Rule("no_passcode", "no passcode", Q(platform__in=WITH_PASSCODE, is_passcode_present=False)),
    Rule("weak_passcode", "the passcode does not meet the rules", _HAS_PASSCODE & Q(is_passcode_compliant=False)),
    # Without a passcode nothing is encrypted on what is carried about: that is one reason and not two.
    Rule("not_encrypted", "not encrypted", Q(is_encrypted=False) & (Q(platform=Platform.MACOS) | _HAS_PASSCODE)),
)
OPEN = (
    Rule("platform", "what kind of device it is", Q(platform="")),
    Rule("passcode", "whether it has a passcode", Q(platform__in=WITH_PASSCODE, is_passcode_present=None)),
    Rule("passcode_rules", "whether the passcode meets the rules", _HAS_PASSCODE & Q(is_passcode_compliant=None)),
    Rule("encryption", "whether it is encrypted", Q(platform__in=WITH_ENCRYPTION, is_encrypted=None)),
)
CHOICES = {
    NOT_COMPLIANT: "Not compliant, whatever the reason",
    **{rule.name: rule.words[:1].upper() + rule.words[1:] for rule in RULES},
    PROFILE_FAILED: "A profile failed",
    NOT_CHECKED: "Not checked yet",
}


@dataclass
class Compliance:
    """What is against a device, what could not be judged yet, and how far its profiles are."""

    platform: str
    is_enrolled: bool
    reasons: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    wanted: int = 0
    verified: int = 0
    failed: int = 0

    @property
    def problems(self) -> list[str]:
        more = [f"{self.failed} profile{'' if self.failed == 1 else 's'} failed"] if self.failed else []
        return self.reasons + more

    @property
    def status(self) -> Status:
        """Return the word with its reason; green only when everything was looked at and is as it should be."""
        if not self.is_enrolled:
            return Status("Compliance not known", "wait", "help", "The device is not enrolled.")
        if self.problems:
            return Status("Not compliant", "bad", "gpp_maybe", self._sentences("; ".join(self.problems)))
        if self.unchecked:
            return Status("Compliance not known", "wait", "help", self._sentences(""))
        if self.verified < self.wanted:
            words = f"{self.verified} of {self.wanted} profiles are proven installed."
            return Status("Not yet compliant", "wait", "pending", words)
        return Status("Compliant", "ok", "verified_user", f"{_judged(self.platform)}; {self._profiles}.")

    def _sentences(self, problems: str) -> str:
        unchecked = f"not checked yet: {'; '.join(self.unchecked)}" if self.unchecked else ""
        return " ".join(f"{part[:1].upper()}{part[1:]}." for part in (problems, unchecked) if part)

    @property
    def _profiles(self) -> str:
        return f"all {self.wanted} profiles are proven installed" if self.wanted else "no profile is meant for it"


def _judged(platform: str) -> str:
    if platform in WITH_PASSCODE:
        return "Passcode and encryption are as they should be"
    if platform in WITH_ENCRYPTION:
        return "It is encrypted"
    return "It has neither passcode nor encryption to look at"


def judge(device_ids: Iterable[int]) -> dict[int, Compliance]:
    """Return how these devices stand, by id: two statements, however many they are."""
    ids = list(device_ids)
    conditions = {f"rule_{rule.name}": rule.of for rule in (*RULES, *OPEN)}
    flags = {name: ExpressionWrapper(of, output_field=BooleanField()) for name, of in conditions.items()}
    rows = Device.objects.filter(pk__in=ids).annotate(is_enrolled=_is_enrolled(), **flags).order_by("pk")
    counts = _profiles(ids)
    found = {}
    for row in rows.values("pk", "platform", "is_enrolled", *flags):
        number = counts[row["pk"]]
        found[row["pk"]] = Compliance(
            platform=row["platform"], is_enrolled=row["is_enrolled"],
            reasons=[rule.words for rule in RULES if row[f"rule_{rule.name}"]],
            unchecked=[rule.words for rule in OPEN if row[f"rule_{rule.name}"]],
            wanted=number.total(), verified=number[Word.VERIFIED], failed=number[Word.FAILED],
        )  # fmt: skip
    return found


def _is_enrolled() -> Exists:
    return Exists(Enrollment.objects.enrolled().filter(device=OuterRef("pk")))


def _profiles(ids: list[int]) -> dict[int, Counter]:
    rows = ItemStanding.objects.filter(device__in=ids, word__in=WANTED, wanted__isnull=False).order_by()
    counts: dict[int, Counter] = defaultdict(Counter)
    for row in rows.values("device_id", "word").annotate(number=Count("*")):
        counts[row["device_id"]][row["word"]] = row["number"]
    return counts


def narrowed(devices: DeviceQuerySet, value: str) -> DeviceQuerySet:
    """Return the enrolled devices of which one of CHOICES is true."""
    failed = Exists(ItemStanding.objects.filter(device=OuterRef("pk"), word=Word.FAILED, wanted__isnull=False))
    any_rule, unknown = Q(), Q()
    for rule in RULES:
        any_rule |= rule.of
    for rule in OPEN:
        unknown |= rule.of
    conditions = {rule.name: rule.of for rule in RULES}
    conditions |= {NOT_COMPLIANT: any_rule | failed, PROFILE_FAILED: Q(failed), NOT_CHECKED: unknown}
    return devices.enrolled().filter(conditions[value])


def count_by_rule(devices: DeviceQuerySet) -> list[tuple[Rule, int]]:
    """Return how many enrolled devices each rule finds, those that find some: one statement."""
    numbers = devices.enrolled().aggregate(**{rule.name: Count("pk", filter=rule.of) for rule in RULES})
    return [(rule, numbers[rule.name]) for rule in RULES if numbers[rule.name]]

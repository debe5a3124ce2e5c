"""What a key or a payload asks of devices, in a few words each, from the support that the catalogue states.

A key's badges say only what its surroundings do not say already.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from profiles.catalogue.support import SYSTEMS, Support, version_of

# What every device in use has; younger versions are worth a word.
OLD = {"iOS": "13.0", "macOS": "10.15", "tvOS": "13.0", "visionOS": "1.2", "watchOS": "10.0"}


@dataclass(frozen=True)
class Badge:
    words: str
    tone: str = "wait"
    is_deprecation: bool = False


def systems_of(support: Mapping[str, Support]) -> list[str]:
    return [system for system in SYSTEMS if system in support and not support[system].is_absent]


def badges_of(support: Mapping[str, Support], outer: Mapping[str, Support] | None = None) -> list[Badge]:
    """Return the badges of a key inside of what has the support ``outer``, or of a payload."""
    outer = outer or {}
    systems = systems_of(support)
    return [
        *_platforms(systems, systems_of(outer)),
        *_introduced(support, outer, systems),
        *_supervised(support, outer, systems),
        *_enrollment(support, outer, systems),
        *_ends(support, outer, systems),
    ]


def _platforms(systems: list[str], outer: list[str]):
    if outer and systems and systems != outer:
        yield Badge(f"{systems[0]} only" if len(systems) == 1 else ", ".join(systems))
    if not systems:
        yield Badge("on no platform", "attn")


def _introduced(support, outer, systems: list[str]):
    for system in systems:
        version = support[system].introduced
        before = outer[system].introduced if system in outer else ""
        if version and version_of(version) > max(version_of(before), version_of(OLD[system])):
            yield Badge(f"{system} {_short(version)}+", "info")


def _short(version: str) -> str:
    return version.removesuffix(".0") if version.count(".") < 2 else version


def _where(found: list[str], systems: list[str]) -> str:
    """Name the platforms that something holds on, unless it holds on all."""
    return "" if found == systems else f" ({', '.join(found)})"


def _supervised(support, outer, systems: list[str]):
    found = [system for system in systems if support[system].needs_supervision]
    if found and not all(system in outer and outer[system].needs_supervision for system in found):
        # Macs in MDM count as supervised, so the platforms that know the difference decide.
        yield Badge(f"supervised only{_where(found, [each for each in systems if each != 'macOS'] or systems)}", "attn")
    found = [system for system in systems if support[system].needs_ade]
    if found and not all(system in outer and outer[system].needs_ade for system in found):
        yield Badge(f"automated enrollment only{_where(found, systems)}", "attn")


def _enrollment(support, outer, systems: list[str]):
    found = [system for system in systems if support[system].user_enrollment == "forbidden"]
    before = [system for system in found if system in outer and outer[system].user_enrollment == "forbidden"]
    able = [system for system in systems if system in ("iOS", "macOS", "visionOS")]
    if found and found != before:
        yield Badge(f"not in User Enrollment{_where(found, able)}", "wait")
    ignored = [system for system in systems if support[system].user_enrollment == "ignored"]
    if ignored and not any(system in outer and outer[system].user_enrollment == "ignored" for system in ignored):
        yield Badge(f"no effect in User Enrollment{_where(ignored, able)}", "wait")


def _ends(support, outer, systems: list[str]):
    for words, name in (("deprecated", "deprecated"), ("removed", "removed")):
        ends = {system: getattr(support[system], name) for system in systems if getattr(support[system], name)}
        before = {system: getattr(outer[system], name) for system in ends if system in outer}
        if not ends or ends == before:
            continue
        versions = ", ".join(f"{system} {_short(version)}" for system, version in ends.items())
        yield Badge(f"{words} in {versions}", "attn", is_deprecation=len(ends) == len(systems))

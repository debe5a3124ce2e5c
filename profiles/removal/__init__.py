"""The removal explainer: who can remove a profile from a device, how, and what goes with it.

`explain_removal` is a pure function of facts; `removability` reads the facts of every profile on a device. Removing is
done elsewhere (commands.reconcile, enrollment.services). See docs/removal.md.
"""

from profiles.removal.consequences import caveats, consequences, exchange_steps
from profiles.removal.facts import DeviceFacts, Exemption, Explanation, Origin, ProfileFacts, Way
from profiles.removal.reading import Removable, removable_profiles
from profiles.removal.ways import ways

__all__ = [
    "DeviceFacts",
    "Exemption",
    "Explanation",
    "Origin",
    "ProfileFacts",
    "Removable",
    "Way",
    "explain_removal",
    "removability",
]


def explain_removal(device: DeviceFacts, profile: ProfileFacts) -> Explanation:
    """Say by which of Apple's rules a profile can be removed from a device, by whom, and what happens then."""
    return Explanation(
        ways=ways(device, profile),
        goes_with=consequences(device, profile),
        caveats=caveats(device, profile),
        exchange=exchange_steps(device, profile),
    )


def removability(device) -> list[tuple[Removable, Explanation]]:
    """Explain every profile on a device, as its newest ProfileList has them, by channel and name; six statements."""
    facts, found = removable_profiles(device)
    return [(each, explain_removal(facts, each.facts)) for each in found]

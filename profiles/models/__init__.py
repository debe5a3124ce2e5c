"""What a device should have: profiles and their versions, who gets them, and how far each device is."""

from profiles.models.assignment import Assignment, Plan
from profiles.models.catalogue import CatalogueText
from profiles.models.declaration import Declaration
from profiles.models.desired import DesiredItem, ItemStatus
from profiles.models.profile import Profile, ProfileVersion, RemovalPolicy

__all__ = [
    "Assignment",
    "CatalogueText",
    "Declaration",
    "DesiredItem",
    "ItemStatus",
    "Plan",
    "Profile",
    "ProfileVersion",
    "RemovalPolicy",
]

"""Staff with the permissions of a role, signed in to the console."""

import pytest

from tests.factories import make_staff

VIEWING = (
    "devices.view_device",
    "devices.view_person",
    "devices.view_event",
    "devices.view_group",
    "devices.view_tag",
    "devices.view_customattribute",
    "devices.view_identity",
    "devices.view_certificateauthority",
    "devices.view_rejectedmessage",
    "commands.view_command",
    "apns.view_pushcertificate",
    "enrollment.view_enrollmentprofile",
    "profiles.view_profile",
    "profiles.view_removalpolicy",
    "profiles.view_assignment",
)
OPERATING = (*VIEWING, "commands.add_command", "commands.change_command", "devices.change_device")
ROLES = {"nobody": (), "viewer": VIEWING, "operator": OPERATING}


@pytest.fixture
def sign_in(client, db):
    """Return a function that signs somebody of a role in and returns the client; `anonymous` signs nobody in."""

    def sign_in_as(role: str, *more_permissions: str):
        if role == "anonymous":
            client.logout()
        elif role == "superuser":
            client.force_login(make_staff(is_superuser=True))
        else:
            client.force_login(make_staff(*ROLES[role], *more_permissions))
        return client

    return sign_in_as


@pytest.fixture
def console(sign_in):
    """The console as a superuser sees it."""
    return sign_in("superuser")

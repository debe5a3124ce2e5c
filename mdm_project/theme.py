"""How the console looks and what its navigation holds: the UNFOLD setting of django-unfold, and nothing else.

Colours are leaf green on warm greys; status colours are in static/console/console.css. Contrast is 4.5:1 or better
wherever text stands on them (primary 600 carries white text, primary 500 is a link on the dark background).
"""

from collections.abc import Callable

from django.templatetags.static import static
from django.urls import reverse_lazy


def _may(*permissions: str) -> Callable:
    """Show an item to whoever holds one of the permissions."""
    return lambda request: any(request.user.has_perm(permission) for permission in permissions)


def _file(path: str) -> Callable:
    return lambda request: static(path)


def _item(title: str, icon: str, route: str, *permissions: str) -> dict:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{route}"), "permission": _may(*permissions)}


NAVIGATION = [
    {
        "items": [
            {"title": "Dashboard", "icon": "monitoring", "link": reverse_lazy("admin:index")},
            {
                "title": "Helpdesk",
                "icon": "support_agent",
                "link": reverse_lazy("helpdesk"),
                "permission": _may("devices.view_device"),
            },
            _item("Devices", "devices", "devices_device_changelist", "devices.view_device"),
            _item("Groups", "category", "devices_group_changelist", "devices.view_group"),
            _item("Profiles", "tune", "profiles_profile_changelist", "profiles.view_profile"),
            _item("Commands", "terminal", "commands_command_changelist", "commands.view_command"),
            _item("Workflows", "account_tree", "commands_workflow_changelist", "commands.view_workflow"),
            _item(
                "Enrollment",
                "add_to_home_screen",
                "enrollment_enrollmentprofile_changelist",
                "enrollment.view_enrollmentprofile",
            ),
        ],
    },
    {
        "title": "Apple services",
        "separator": True,
        "items": [
            _item("Push certificates", "notifications", "apns_pushcertificate_changelist", "apns.view_pushcertificate"),
        ],
    },
    {
        "title": "Administration",
        "separator": True,
        "items": [
            _item(
                "Removal policies",
                "rule",
                "profiles_removalpolicy_changelist",
                "profiles.view_removalpolicy",
            ),
            _item("Safety", "health_and_safety", "commands_heldaction_changelist", "commands.view_heldaction"),
            _item("Declarations", "fact_check", "profiles_declaration_changelist", "profiles.view_declaration"),
            _item("Tags", "sell", "devices_tag_changelist", "devices.view_tag"),
            _item(
                "Custom attributes",
                "data_object",
                "devices_customattribute_changelist",
                "devices.view_customattribute",
            ),
            _item("People", "person", "devices_person_changelist", "devices.view_person"),
            _item("Timeline", "history", "devices_event_changelist", "devices.view_event"),
            _item("Rejected messages", "block", "devices_rejectedmessage_changelist", "devices.view_rejectedmessage"),
            _item("Identities", "badge", "devices_identity_changelist", "devices.view_identity"),
            _item(
                "Authorities",
                "verified_user",
                "devices_certificateauthority_changelist",
                "devices.view_certificateauthority",
            ),
            _item("Staff", "manage_accounts", "mdm_project_user_changelist", "mdm_project.view_user"),
            _item("Roles", "groups", "auth_group_changelist", "auth.view_group"),
            _item("Access limits", "visibility", "devices_accesslimit_changelist", "devices.view_accesslimit"),
            _item("API tokens", "key", "mdm_project_apitoken_changelist", "mdm_project.view_apitoken"),
            _item("Sign-ins", "login", "mdm_project_signin_changelist", "mdm_project.view_signin"),
        ],
    },
]

COLORS = {
    "base": {
        "50": "oklch(98.4% .003 80)",
        "100": "oklch(96.2% .004 80)",
        "200": "oklch(91.8% .006 80)",
        "300": "oklch(86% .008 80)",
        "400": "oklch(70% .012 80)",
        "500": "oklch(53% .014 80)",
        "600": "oklch(43.5% .014 80)",
        "700": "oklch(36% .013 80)",
        "800": "oklch(26.5% .010 80)",
        "900": "oklch(20.5% .008 80)",
        "950": "oklch(14.5% .006 80)",
    },
    "primary": {
        "50": "oklch(97.5% .02 150)",
        "100": "oklch(94.5% .045 150)",
        "200": "oklch(89% .08 150)",
        "300": "oklch(81% .115 150)",
        "400": "oklch(73% .135 150)",
        "500": "oklch(65% .14 150)",
        "600": "oklch(52.4% .13 150)",
        "700": "oklch(46% .115 150)",
        "800": "oklch(39.5% .095 150)",
        "900": "oklch(33.5% .078 150)",
        "950": "oklch(24% .058 150)",
    },
}

UNFOLD = {
    "LOGIN": {"form": "mdm_project.sign_in.LimitedAuthenticationForm"},
    "SITE_TITLE": "Espalier",
    "ENVIRONMENT": "commands.console.governor.badge",
    "SITE_HEADER": "Espalier",
    "SITE_URL": None,
    "SITE_ICON": {"light": _file("console/logo.svg"), "dark": _file("console/logo-dark.svg")},
    "SITE_FAVICONS": [
        {"rel": "icon", "sizes": "any", "type": "image/svg+xml", "href": _file("console/favicon.svg")},
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "COLORS": COLORS,
    "STYLES": [_file("console/console.css")],
    "SCRIPTS": [_file("console/console.js")],
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": NAVIGATION,
    },
}

"""The roles that come with the product, as data, and what limited people may do.

A role is a group of django.contrib.auth, found again by `Role.slug` whatever it is called now. After each migration
every role is given the permissions of its definition that it was never given before: new ones arrive, and what an
administrator took away stays away.
"""

from dataclasses import dataclass

PRODUCT_APPS = ("devices", "profiles", "apns", "commands", "software", "enrollment", "mdm_project", "auth")
API_ONLY = "api-only"
EVERYTHING = "*"


@dataclass(frozen=True)
class Definition:
    """A role: what it is called, what it is for, and names of permissions (`EVERYTHING` for all there are)."""

    slug: str
    name: str
    purpose: str
    permissions: frozenset[str]


_FLEET = frozenset(
    {
        "devices.view_device",
        "devices.view_person",
        "devices.view_event",
        "devices.view_group",
        "devices.view_tag",
        "devices.view_customattribute",
        "devices.view_note",
        "devices.view_rejectedmessage",
        "commands.view_command",
        "profiles.view_profile",
        "profiles.view_assignment",
        "profiles.view_declaration",
        "commands.view_workflow",
        "commands.view_heldaction",
        "profiles.view_removalpolicy",
        "profiles.view_cataloguetext",
        "enrollment.view_enrollmentprofile",
    }
)
_OPERATIONS = frozenset(
    {
        "devices.view_identity",
        "devices.view_certificateauthority",
        "devices.view_accesslimit",
        "apns.view_pushcertificate",
        "mdm_project.view_user",
        "mdm_project.view_signin",
        "auth.view_group",
    }
)
_OWN_TOKENS = frozenset({"mdm_project.view_apitoken", "mdm_project.add_apitoken"})

ROLES = (
    Definition(
        "administrator",
        "Administrator",
        "Everything but handing out rights, which is for superusers.",
        frozenset({EVERYTHING}),
    ),
    Definition(
        "profile-author",
        "Profile author",
        "Writes profiles and says which groups get them; sends no commands.",
        _FLEET
        | _OWN_TOKENS
        | {
            *(f"profiles.{verb}_{what}" for verb in ("add", "change") for what in ("profile", "assignment")),
            *(f"profiles.{verb}_declaration" for verb in ("add", "change", "delete")),
            *(f"profiles.{verb}_removalpolicy" for verb in ("add", "change", "delete")),
            *(f"devices.{verb}_group" for verb in ("add", "change", "delete")),
            *(f"devices.{verb}_customattribute" for verb in ("add", "change", "delete")),
            "profiles.add_profileversion",
            "profiles.delete_assignment",
            "profiles.view_profile_secrets",
            "devices.share_savedsearch",
            "devices.change_tag",
            "devices.delete_tag",
        },
    ),
    Definition(
        "helpdesk",
        "Helpdesk",
        "Helps people with their devices: looks, sends commands, reveals secrets with a reason.",
        _FLEET
        | _OWN_TOKENS
        | {
            "devices.change_device",
            "devices.share_savedsearch",
            "devices.add_note",
            "devices.add_snooze",
            "devices.reveal_secret",
            "devices.view_location",
            "commands.add_command",
            "commands.change_command",
            "commands.add_workflow",
            "commands.change_workflow",
            "commands.stop_destructive",
        },
    ),
    Definition(
        "auditor",
        "Auditor",
        "Reads everything, changes nothing, sees no secret.",
        _FLEET | _OPERATIONS,
    ),
    Definition(
        API_ONLY,
        "API only",
        "For programs: may not sign in to the console. Reads the fleet; give it a second role to let it do more.",
        _FLEET,
    ),
)

# What keeps counting for somebody who is limited to groups of devices: what obeys the limit row by row. All else acts
# on the whole fleet, or tells of it, and is refused; a permission that is added later is refused until it is here.
WITHIN_LIMITS = (
    _FLEET
    | _OWN_TOKENS
    | {
        "devices.change_device",
        "devices.add_note",
        "devices.change_note",
        "devices.view_raw_reports",
        "devices.share_savedsearch",
        "commands.add_command",
        "commands.change_command",
        "commands.add_workflow",
        "commands.change_workflow",
        "commands.stop_destructive",
        "devices.reveal_secret",
        "devices.view_location",
        "profiles.add_profile",
        "profiles.change_profile",
        "profiles.add_profileversion",
        "profiles.add_assignment",
        "profiles.change_assignment",
        "profiles.delete_assignment",
    }
)


def is_api_only(user) -> bool:
    """Tell whether somebody is a program: it has tokens, and no console; read once for each request."""
    if not user.is_authenticated:
        return False
    known = user.__dict__.get("_is_api_only")
    if known is None:
        known = user.__dict__["_is_api_only"] = user.groups.filter(role__slug=API_ONLY).exists()
    return known


def sync_roles(sender, using: str, **kwargs) -> None:
    """Make the roles, and give them the permissions of an app that was just migrated (signal post_migrate)."""
    from django.db import connections, transaction

    from mdm_project.models import Role

    if sender.label not in PRODUCT_APPS:
        return
    if Role._meta.db_table not in connections[using].introspection.table_names():
        return
    with transaction.atomic(using), connections[using].cursor() as cursor:
        # What an upgrade brings makes nobody's powers new (migration 0004).
        cursor.execute("SET LOCAL espalier.upgrade = 'on'")
        for definition in ROLES:
            _give(_role(definition), definition, sender.label)
        cursor.execute("SET LOCAL espalier.upgrade = ''")


def _role(definition: Definition):
    from django.contrib.auth.models import Group

    from mdm_project.models import Role

    known = Role.objects.filter(slug=definition.slug).select_related("group").first()
    if known is not None:
        return known
    # A group of that name which somebody made has members who were not meant.
    is_taken = Group.objects.filter(name=definition.name).exists()
    group = Group.objects.create(name=f"{definition.name} (built in)" if is_taken else definition.name)
    return Role.objects.create(slug=definition.slug, group=group)


def _give(role, definition: Definition, app_label: str) -> None:
    from django.contrib.auth.models import Permission

    found = Permission.objects.filter(content_type__app_label=app_label)
    by_name = {f"{app_label}.{permission.codename}": permission for permission in found}
    if EVERYTHING not in definition.permissions:
        by_name = {name: permission for name, permission in by_name.items() if name in definition.permissions}
    new = sorted(set(by_name) - set(role.given))
    if new:
        role.group.permissions.add(*(by_name[name] for name in new))
        role.given = sorted({*role.given, *new})
        role.save(update_fields=["given"])

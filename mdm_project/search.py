"""The console's search of everything ('/' or Ctrl-K): devices, groups, profiles, commands, people, pages."""

from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse

from commands.models import Command
from devices.models import Device, Group, Person
from enrollment.models import EnrollmentProfile
from mdm_project.platforms import icon_of, system_words
from profiles.models import Profile

MAX_OF_A_KIND = 8


@dataclass(frozen=True)
class Found:
    title: str
    description: str
    link: str
    icon: str


def find(request, site, text: str) -> list[Found]:
    """Return what somebody may see that matches a text, at most eight of a kind, devices first."""
    kinds = (_devices, _groups, _profiles, _commands, _people, _enrollment_profiles)
    found = [one for kind in kinds for one in kind(request.user, text)]
    return found + _pages(request, site, text)


def _devices(user, text: str) -> list[Found]:
    devices = Device.objects.visible_to(user).matching(text).order_by("name", "id")[:MAX_OF_A_KIND]
    return [
        Found(
            title=str(device),
            description=" · ".join(
                filter(
                    None, [device.serial_number, device.model_name, system_words(device.platform, device.os_version)]
                )
            ),
            link=reverse("admin:devices_device_change", args=[device.pk]),
            icon=icon_of(device.platform),
        )
        for device in devices
    ]


def _groups(user, text: str) -> list[Found]:
    groups = Group.objects.visible_to(user).filter(name__icontains=text).order_by("name", "id")
    return [
        Found(
            title=group.name,
            description=f"group, {group.get_kind_display().lower()}",
            link=reverse("admin:devices_group_change", args=[group.pk]),
            icon="category",
        )
        for group in groups.only("name", "kind")[:MAX_OF_A_KIND]
    ]


def _profiles(user, text: str) -> list[Found]:
    matching = Q(name__icontains=text) | Q(identifier__icontains=text)
    profiles = Profile.objects.visible_to(user).active().filter(matching).order_by("name", "id")
    return [
        Found(
            title=profile.name,
            description=f"profile {profile.identifier}",
            link=reverse("admin:profiles_profile_change", args=[profile.pk]),
            icon="tune",
        )
        for profile in profiles.only("name", "identifier")[:MAX_OF_A_KIND]
    ]


def _commands(user, text: str) -> list[Found]:
    commands = Command.objects.visible_to(user)
    by_uuid = commands.filter(uuid__iexact=text) if len(text) >= 8 else commands.none()
    return [
        Found(
            title=command.request_type,
            description=f"command of {command.actor}, {command.created_at:%Y-%m-%d %H:%M}",
            link=reverse("admin:commands_command_change", args=[command.pk]),
            icon="terminal",
        )
        for command in by_uuid.defer("body_encrypted").order_by("-id")[:MAX_OF_A_KIND]
    ]


def _people(user, text: str) -> list[Found]:
    if not user.has_perm("devices.view_person"):
        return []
    people = Person.objects.visible_to(user).filter(name__icontains=text).order_by("name", "id")[:MAX_OF_A_KIND]
    return [
        Found(
            title=str(person),
            description=" · ".join(filter(None, [person.department, person.site])) or "person",
            link=reverse("admin:devices_person_change", args=[person.pk]),
            icon="person",
        )
        for person in people
    ]


def _enrollment_profiles(user, text: str) -> list[Found]:
    if not user.has_perm("enrollment.view_enrollmentprofile"):
        return []
    profiles = EnrollmentProfile.objects.filter(name__icontains=text).order_by("name", "id")[:MAX_OF_A_KIND]
    return [
        Found(
            title=profile.name,
            description=f"enrollment profile /enroll/{profile.slug}/",
            link=reverse("admin:enrollment_enrollmentprofile_change", args=[profile.pk]),
            icon="add_to_home_screen",
        )
        for profile in profiles
    ]


def _pages(request, site, text: str) -> list[Found]:
    items = [item for group in site.get_sidebar_list(request) for item in group["items"] if item["has_permission"]]
    return [
        Found(title=item["title"], description="page", link=str(item["link"]), icon=item["icon"])
        for item in items
        if text.lower() in item["title"].lower()
    ]

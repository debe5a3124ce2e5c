"""What a rule can look at: columns of devices, and rows that belong to them.

A fact of rows is about a device when any of its rows meets the condition; the rows are correlated to the device of the
outer query, so a rule never joins and never counts a device twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    DateTimeField,
    DecimalField,
    Exists,
    F,
    Func,
    Max,
    OuterRef,
    QuerySet,
    When,
)
from django.db.models.functions import Cast

from devices.models import (
    AttributeValue,
    ChannelContact,
    CustomAttribute,
    Device,
    Enrollment,
    Group,
    Identity,
    InstalledApplication,
    InstalledCertificate,
    InstalledProfile,
    Membership,
    Person,
    Tag,
)

HAS = ("has", "does not have")
IS_IN = ("is in", "is not in")


@dataclass(frozen=True)
class Fact:
    """Something known of a device: ``path`` is a field of Device, or of ``rows(of)`` where there are rows.

    ``of`` says what else the condition must name (an application's identifier); ``shown`` is what people read instead
    of the path. The words of presence are ``verbs``.
    """

    name: str
    label: str
    kind: str
    path: str
    rows: Callable[[str], QuerySet] | None = None
    of: str = ""
    choices: tuple[tuple[object, str], ...] = ()
    shown: str = ""
    verbs: tuple[str, str] = HAS


class Version(Func):
    """The numbers in front of a version's text as an array, which PostgreSQL compares part by part; null: none."""

    template = r"string_to_array(substring(%(expressions)s from '^\s*(\d{1,18}(?:\.\d{1,18})*)'), '.')::bigint[]"
    output_field = ArrayField(BigIntegerField())


def _of_device(model, **more) -> Callable[[str], QuerySet]:
    return lambda of: model.objects.filter(device=OuterRef("pk"), **more).order_by()


def _people(of: str) -> QuerySet:
    return Person.objects.filter(pk=OuterRef("person_id")).order_by()


def _enrollments(of: str) -> QuerySet:
    """The current enrollment; of several the newest counts, as everywhere."""
    current = Enrollment.objects.current()
    newer = current.filter(device=OuterRef("device"), id__gt=OuterRef("id"))
    return current.filter(~Exists(newer), device=OuterRef("pk")).order_by()


def _contacts(of: str) -> QuerySet:
    contacts = ChannelContact.objects.filter(channel__device=OuterRef("pk")).order_by()
    return contacts.values("channel__device").annotate(newest=Max("seen_at"))


def _identities(of: str) -> QuerySet:
    keys = Enrollment.objects.current().filter(device=OuterRef(OuterRef("pk"))).order_by().values("key")
    return Identity.objects.filter(is_active=True, enrollment_key__in=keys).order_by()


def _tags(of: str) -> QuerySet:
    return Tag.objects.filter(devices=OuterRef("pk")).order_by()


def _application_versions(of: str) -> QuerySet:
    versions = InstalledApplication.objects.filter(device=OuterRef("pk"), identifier=of).order_by()
    return versions.annotate(parts=Version(F("short_version")))


def _columns(kind: str, **labels: str) -> list[Fact]:
    return [Fact(name, label, kind, name) for name, label in labels.items()]


_PLATFORMS = tuple(Device.Platform.choices[:-1])
_STATES = tuple(Enrollment.State.choices)
_KINDS = tuple(Enrollment.Kind.choices)

BUILT_IN: dict[str, Fact] = {
    fact.name: fact
    for fact in [
        *_columns("text", name="name", serial_number="serial number", udid="UDID", asset_tag="asset tag"),
        Fact("platform", "platform", "choice", "platform", choices=_PLATFORMS),
        *_columns("text", model="model", model_name="model name", model_number="order number"),
        Fact("os_version", "OS version", "version", "os_version_parts", shown="os_version"),
        *_columns("text", build_version="build", supplemental_os_version="rapid security response"),
        *_columns("boolean", is_supervised="supervised", is_encrypted="encrypted"),
        *_columns("boolean", is_passcode_present="has a passcode"),
        *_columns("boolean", is_passcode_compliant="passcode complies", is_firewall_enabled="firewall on"),
        *_columns("boolean", is_sip_enabled="System Integrity Protection on", is_lost_mode_enabled="in Lost Mode"),
        *_columns("boolean", is_activation_lock_enabled="Activation Lock on"),
        *_columns("boolean", is_user_approved_enrollment="enrollment approved by the user"),
        *_columns("boolean", is_ade_enrolled="enrolled through ADE", is_user_enrollment="under User Enrollment"),
        *_columns("boolean", is_awaiting_configuration="awaiting configuration"),
        *_columns("number", battery_level="battery level (0 to 1)", capacity_gb="capacity (GB)"),
        *_columns("number", available_gb="free space (GB)"),
        *_columns("text", imei="IMEI", phone_number="phone number", wifi_mac="Wi-Fi address"),
        *_columns("date", created_at="known since", last_answer_at="last inventory"),
        Fact("last_seen_at", "last seen", "date", "newest", _contacts),
        Fact("enrollment_state", "enrollment", "choice", "state", _enrollments, choices=_STATES),
        Fact("enrollment_kind", "enrollment kind", "choice", "kind", _enrollments, choices=_KINDS),
        Fact("enrollment_profile", "enrollment profile", "text", "profile_slug", _enrollments),
        Fact("enrolled_at", "enrolled", "date", "enrolled_at", _enrollments),
        Fact("identity_expires_at", "client certificate's expiry", "date", "not_after", _identities),
        Fact("person_name", "user's name", "text", "name", _people),
        Fact("person_email", "user's email address", "text", "email", _people),
        Fact("person_department", "user's department", "text", "department", _people),
        Fact("person_site", "user's site", "text", "site", _people),
        Fact("tag", "tag", "presence", "name", _tags),
        Fact("application", "application", "presence", "identifier", _of_device(InstalledApplication)),
        Fact("application_name", "application named", "presence", "name", _of_device(InstalledApplication)),
        Fact(
            "application_version", "version of {of}", "version", "parts", _application_versions,
            of="the application's identifier", shown="short_version",
        ),
        Fact("profile", "profile", "presence", "identifier", _of_device(InstalledProfile)),
        Fact("profile_name", "profile named", "presence", "display_name", _of_device(InstalledProfile)),
        Fact("certificate", "certificate named", "presence", "common_name", _of_device(InstalledCertificate)),
        Fact("certificate_expires_at", "a certificate's expiry", "date", "not_after", _of_device(InstalledCertificate)),
    ]
}  # fmt: skip


class Vocabulary:
    """The facts of this installation: the built-in ones, custom attributes and static groups, read when first needed.

    One vocabulary serves many rules; it is as old as its first use. With a user, it offers the groups that they see.
    """

    def __init__(self, user=None):
        self._user = user

    @cached_property
    def _attribute_rows(self) -> list[CustomAttribute]:
        return list(CustomAttribute.objects.order_by("name"))

    @property
    def secrets(self) -> set[str]:
        """The names of attributes that no rule may look at: who is in a group would tell what the value is."""
        return {attribute.name for attribute in self._attribute_rows if attribute.is_secret}

    @cached_property
    def attributes(self) -> dict[str, Fact]:
        return {each.name: _attribute_fact(each) for each in self._attribute_rows if not each.is_secret}

    @cached_property
    def group(self) -> Fact:
        static = (
            Group.objects.reached_by(self._user)
            .filter(kind=Group.Kind.STATIC)
            .order_by("name", "id")
            .values_list("id", "name")
        )
        rows = _of_device(Membership, group__kind=Group.Kind.STATIC)
        return Fact("group", "group", "membership", "group_id", rows, choices=tuple(static), verbs=IS_IN)

    def fact(self, name: str, of: str = "") -> Fact | None:
        if name == "attribute":
            return self.attributes.get(of)
        return self.group if name == "group" else BUILT_IN.get(name)

    def facts(self) -> list[tuple[Fact, str]]:
        """Return every fact, in the order to offer them, with the name of its attribute where it is of one."""
        built_in = [(fact, "") for fact in [*BUILT_IN.values(), self.group]]
        return built_in + [(fact, name) for name, fact in self.attributes.items()]


_TYPES = {
    CustomAttribute.Kind.NUMBER: lambda: Cast("value", DecimalField(max_digits=40, decimal_places=10)),
    CustomAttribute.Kind.DATE: lambda: Cast("value", DateTimeField()),
    CustomAttribute.Kind.BOOLEAN: lambda: Cast("value", BooleanField()),
    CustomAttribute.Kind.VERSION: lambda: Version(F("value")),
}


def _attribute_fact(attribute: CustomAttribute) -> Fact:
    name, of = attribute.label or attribute.name, "the attribute's name"
    values = _of_device(AttributeValue, attribute_id=attribute.pk)
    if attribute.kind not in _TYPES:
        return Fact("attribute", name, attribute.kind, "value", values, of=of)
    # PostgreSQL may convert before it has looked whose value it is; within CASE it may not.
    typed = Case(When(attribute_id=attribute.pk, then=_TYPES[attribute.kind]()))
    return Fact(
        "attribute", name, attribute.kind, "typed", lambda of: values(of).annotate(typed=typed), of=of, shown="value"
    )

"""Tags and custom attributes: what staff know of devices and Apple does not. Values are kept as text, checked by kind.

Dates are kept in ISO 8601, numbers without needless zeros, booleans as true and false; rules convert them in SQL.
Values of secret attributes are encrypted (devices.secret_attributes) and named nowhere.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import validate_slug
from django.db import IntegrityError, transaction

from devices.changes import tell_changed
from devices.models import AttributeValue, CustomAttribute, Device, Event, Group, Tag
from devices.redaction import REDACTED
from devices.rules import mentions
from devices.rules.operators import canonical_date, read_number, read_text, read_version
from devices.secret_attributes import make_secret, refuse_in_rules, seal_text, text_of
from devices.timeline import Actor, record_event
from mdm_project.errors import BadRequest, Conflict

MAX_TAG = 60
MAX_ATTRIBUTE = 60
MAX_LABEL = 100
Kind = CustomAttribute.Kind
_ALL_LOCKED = "SELECT * FROM devices_customattribute ORDER BY name FOR KEY SHARE"


@transaction.atomic
def define_attribute(
    name: str, *, actor: Actor, label: str = "", kind: str = Kind.TEXT, is_secret: bool = False
) -> CustomAttribute:
    """Make an attribute; its kind never changes. Raise BadRequest, or Conflict when the name is taken."""
    problems = _problems_of(name, label, kind)
    if problems:
        raise BadRequest("the attribute cannot be made", fields=problems)
    # As variables attributes are in capitals with underscores, where cost-center and COST_CENTER would be one.
    variable = name.upper().replace("-", "_")
    others = CustomAttribute.objects.order_by("name").values_list("name", flat=True)
    if any(other.upper().replace("-", "_") == variable for other in others):
        raise Conflict(f"there is an attribute {name} already", fields={"name": "is taken"})
    try:
        with transaction.atomic():
            attribute = CustomAttribute.objects.create(
                name=name, label=label.strip() or name, kind=kind, is_secret=is_secret
            )
    except IntegrityError as error:
        raise Conflict(f"there is an attribute {name} already", fields={"name": "is taken"}) from error
    which = f"{attribute.get_kind_display()}{', secret' if is_secret else ''}"
    record_event("attribute_defined", f"attribute {name} ({which}) defined", actor=actor.name)
    return attribute


@transaction.atomic
def relabel_attribute(attribute: CustomAttribute, label: str, *, actor: Actor) -> CustomAttribute:
    """Change what people read; the name stays, since rules and profiles use it."""
    problems = _problems_of(attribute.name, label, attribute.kind)
    if problems:
        raise BadRequest("the attribute cannot be changed", fields=problems)
    attribute.label = label.strip() or attribute.name
    attribute.save(update_fields=["label"])
    record_event("attribute_changed", f"attribute {attribute.name} is now called {attribute.label}", actor=actor.name)
    return attribute


@transaction.atomic
def change_attribute(
    attribute: CustomAttribute, *, actor: Actor, label: str | None = None, is_secret: bool | None = None
) -> CustomAttribute:
    """Change what is given: what people read, and whether it is secret, which it stays. Raise BadRequest, Conflict."""
    if label is not None:
        attribute = relabel_attribute(attribute, label, actor=actor)
    if is_secret:
        return make_secret(attribute, actor=actor)
    if is_secret is False and attribute.is_secret:
        raise BadRequest(f"{attribute.name} stays secret", fields={"is_secret": "cannot be taken back"})
    return attribute


@transaction.atomic
def delete_attribute(attribute: CustomAttribute, *, actor: Actor) -> None:
    """Delete an attribute with its values; raise Conflict, naming the groups, when rules use it."""
    CustomAttribute.objects.select_for_update().get(pk=attribute.pk)
    refuse_in_rules(attribute)
    record_event("attribute_deleted", f"attribute {attribute.name} deleted", actor=actor.name)
    attribute.delete()


@transaction.atomic
def set_attributes(values: dict[int, dict[str, object]], *, actor: Actor) -> int:
    """Set {device id: {attribute name: value}}; None or "" removes one, REDACTED keeps a secret one. Return how many
    devices changed.

    Raises BadRequest with all problems by key path ``<device id>.<name>``; then nothing is set.
    """
    # Locked against becoming secret meanwhile, not against others who set values.
    known = {attribute.name: attribute for attribute in CustomAttribute.objects.raw(_ALL_LOCKED)}
    wanted, problems = _checked(values, known)
    if problems:
        raise BadRequest("; ".join(list(problems.values())[:3]), fields=problems)
    device_ids = _locked(values)
    before = {
        (value.device_id, value.attribute_id): text_of(value)
        for value in AttributeValue.objects.filter(device_id__in=device_ids, attribute__in=known.values())
    }
    changed = {key: text for key, text in wanted.items() if before.get(key, "") != text and key[0] in device_ids}
    by_id = {attribute.pk: attribute for attribute in known.values()}
    _write(changed, {pk for pk, attribute in by_id.items() if attribute.is_secret})
    told = defaultdict(list)
    for (device_id, attribute_id), text in changed.items():
        told[device_id].append(_told(by_id[attribute_id], text))
    _record("attributes_changed", {device_id: ", ".join(lines) for device_id, lines in told.items()}, actor)
    return len(told)


def _told(attribute: CustomAttribute, text: str) -> str:
    if attribute.is_secret and text:
        return f"{attribute.name} has a new value"
    return f"{attribute.name} is now {text or 'empty'}"


@transaction.atomic
def set_tags(device: Device, names: Iterable[str], *, actor: Actor) -> None:
    """Make exactly these the tags of a device; new words become tags."""
    wanted = _checked_tags(names)
    present = set(device.tags.values_list("name", flat=True))
    add_tags([device.pk], wanted - present, actor=actor)
    remove_tags([device.pk], present - wanted, actor=actor)


@transaction.atomic
def rename_tag(tag: Tag, name: str, *, actor: Actor) -> Tag:
    """Change a tag's word; raise Conflict when it is taken, or when rules use the old one."""
    tag = Tag.objects.select_for_update().get(pk=tag.pk)
    (name,) = _checked_tags([name])
    if name == tag.name:
        return tag
    _refuse_in_rules(tag)
    before, tag.name = tag.name, name
    try:
        with transaction.atomic():
            tag.save(update_fields=["name"])
    except IntegrityError as error:
        raise Conflict(f"there is a tag {name} already", fields={"name": "is taken"}) from error
    record_event("tag_renamed", f"tag {before} is now called {name}", actor=actor.name)
    tell_changed(tag.devices.order_by("id").values_list("id", flat=True))
    return tag


@transaction.atomic
def delete_tag(tag: Tag, *, actor: Actor) -> None:
    """Delete a tag and take it off all devices; raise Conflict when rules use it."""
    tag = Tag.objects.select_for_update().get(pk=tag.pk)
    _refuse_in_rules(tag)
    record_event("tag_deleted", f"tag {tag.name} deleted", actor=actor.name)
    remove_tags(list(tag.devices.order_by("id").values_list("id", flat=True)), [tag.name], actor=actor)
    tag.delete()


def _refuse_in_rules(tag: Tag) -> None:
    smart = Group.objects.filter(kind=Group.Kind.SMART).order_by("id")
    users = [group.name for group in smart if mentions(group.rule, "tag", value=tag.name)]
    if users:
        raise Conflict(f"{tag.name} is used by the rule of group {', '.join(users)}")


@transaction.atomic
def add_tags(device_ids: Iterable[int], names: Iterable[str], *, actor: Actor) -> int:
    """Put tags on devices; return how many devices did not have them all."""
    names = _checked_tags(names)
    Tag.objects.bulk_create([Tag(name=name) for name in sorted(names)], ignore_conflicts=True)
    tags = list(Tag.objects.filter(name__in=names).order_by("name"))
    device_ids = _locked(device_ids)
    through = Tag.devices.through
    present = set(through.objects.filter(device__in=device_ids, tag__in=tags).values_list("device_id", "tag_id"))
    missing = [
        (device_id, tag) for device_id in sorted(device_ids) for tag in tags if (device_id, tag.pk) not in present
    ]
    through.objects.bulk_create([through(device_id=device_id, tag=tag) for device_id, tag in missing])
    told = defaultdict(list)
    for device_id, tag in missing:
        told[device_id].append(tag.name)
    _record("tagged", {device_id: f"tagged {', '.join(added)}" for device_id, added in told.items()}, actor)
    return len(told)


@transaction.atomic
def remove_tags(device_ids: Iterable[int], names: Iterable[str], *, actor: Actor) -> int:
    """Take tags off devices; return how many devices had one of them."""
    through = Tag.devices.through
    rows = through.objects.filter(device__in=_locked(device_ids), tag__name__in=set(names))
    told = defaultdict(list)
    for device_id, name in rows.order_by("device_id", "tag__name").values_list("device_id", "tag__name"):
        told[device_id].append(name)
    rows.delete()
    _record("untagged", {device_id: f"no longer tagged {', '.join(gone)}" for device_id, gone in told.items()}, actor)
    return len(told)


def normalised(kind: str, value) -> str:
    """Return a value as the text that is kept; raise ValueError with what was expected."""
    if kind == Kind.BOOLEAN:
        words = {True: "true", False: "false", "true": "true", "false": "false", "yes": "true", "no": "false"}
        key = value.strip().lower() if isinstance(value, str) else value
        if not isinstance(key, bool | str) or key not in words:
            raise ValueError("must be true or false")
        return words[key]
    if kind == Kind.NUMBER:
        return _number(value)
    text = read_text(value).strip()
    if kind == Kind.DATE:
        return canonical_date(text)
    if kind == Kind.VERSION:
        read_version(text)
    return text


def _number(value) -> str:
    if isinstance(value, str):
        try:
            value = float(value) if any(sign in value for sign in ".eE") else int(value)
        except ValueError as error:
            raise ValueError("must be a number") from error
    number = format(Decimal(str(read_number(value))), "f")
    return (number.rstrip("0").rstrip(".") if "." in number else number) or "0"


def _problems_of(name: str, label: str, kind: str) -> dict[str, str]:
    problems = {}
    try:
        validate_slug(name)
    except ValidationError:
        problems["name"] = "may have letters, digits, _ and - only"
    if len(name) > MAX_ATTRIBUTE:
        problems["name"] = f"must be 1 to {MAX_ATTRIBUTE} characters"
    if len(label) > MAX_LABEL or (label and not label.isprintable()):
        problems["label"] = f"must be up to {MAX_LABEL} printable characters"
    if kind not in Kind.values:
        problems["kind"] = f"must be one of: {', '.join(Kind.values)}"
    return problems


def _checked(values: dict, known: dict[str, CustomAttribute]) -> tuple[dict[tuple[int, int], str], dict[str, str]]:
    wanted, problems = {}, {}
    for device_id, named in values.items():
        for name, value in named.items():
            path = f"{device_id}.{name}"
            if name not in known:
                problems[path] = f"there is no attribute {name}"
                continue
            if known[name].is_secret and value == REDACTED:
                continue
            try:
                text = "" if value is None or value == "" else normalised(known[name].kind, value)
            except ValueError as error:
                problems[path] = f"{name} {error}"
                continue
            wanted[device_id, known[name].pk] = text
    return wanted, problems


def _checked_tags(names: Iterable[str]) -> set[str]:
    words = {name.strip() for name in names}
    bad = [word for word in sorted(words) if not word or len(word) > MAX_TAG or not word.isprintable()]
    if bad:
        raise BadRequest(
            f"a tag must be 1 to {MAX_TAG} printable characters", fields={"tags": f"not a tag: {bad[0]!r}"}
        )
    return words


def _locked(device_ids: Iterable[int]) -> set[int]:
    """Lock the devices in the order of their ids, as the interpreters of reports do; return those that exist."""
    devices = Device.objects.filter(pk__in=set(device_ids)).order_by("id").select_for_update(no_key=True)
    return set(devices.values_list("id", flat=True))


def _write(changed: dict[tuple[int, int], str], secret_ids: set[int]) -> None:
    rows = [
        AttributeValue(device_id=device_id, attribute_id=attribute_id, value=text)
        for (device_id, attribute_id), text in sorted(changed.items())
        if text
    ]
    for row in rows:
        if row.attribute_id in secret_ids:
            seal_text(row, row.value)
    columns = ["value", "value_encrypted"]
    AttributeValue.objects.bulk_create(
        rows, update_conflicts=True, update_fields=columns, unique_fields=["device", "attribute"]
    )
    by_attribute = defaultdict(list)
    for (device_id, attribute_id), text in changed.items():
        if not text:
            by_attribute[attribute_id].append(device_id)
    for attribute_id, device_ids in by_attribute.items():
        AttributeValue.objects.filter(attribute_id=attribute_id, device_id__in=device_ids).delete()


def _record(kind: str, told: dict[int, str], actor: Actor) -> None:
    Event.objects.bulk_create(
        [Event(device_id=pk, kind=kind, summary=text[:1000], actor=actor.name[:200]) for pk, text in told.items()]
    )
    tell_changed(told)

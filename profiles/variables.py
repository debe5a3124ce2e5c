"""Variables in profiles: $SERIAL_NUMBER and the like stand for facts about the device a profile is rendered for.

A variable is a dollar before two or more capitals, digits and underscores, in a text value. Two dollars before such a
word stand for one dollar, so ``$$UDID`` is sent as ``$UDID``; dollars before anything else mean themselves. Words that
name no variable stay as they are. What a version uses was recorded when it was published; values are looked up for
many channels at once.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from devices.models import AttributeValue, Channel, CustomAttribute
from devices.redaction import REDACTED
from devices.secret_attributes import text_of
from mdm_project.plist_values import XML_ILLEGAL
from profiles.content import Path, dotted, is_identity, strings

# Begins at the first dollar of a run, so that long runs of dollars cost no more than other text.
_WORD = re.compile(r"(?<!\$)(\$++)([A-Z][A-Z0-9_]*[A-Z0-9])")


def _user_name(channel: Channel) -> str:
    if channel.is_user_channel:
        return channel.user_long_name or channel.user_short_name
    return channel.device.person.name if channel.device.person else ""


def _user_email(channel: Channel) -> str:
    return channel.device.person.email if channel.device.person else ""


BUILT_IN: dict[str, Callable[[Channel], str | None]] = {
    "SERIAL_NUMBER": lambda channel: channel.device.serial_number,
    "UDID": lambda channel: channel.device.udid,
    "DEVICE_NAME": lambda channel: channel.device.name,
    "MODEL": lambda channel: channel.device.model,
    "OS_VERSION": lambda channel: channel.device.os_version,
    "ASSET_TAG": lambda channel: channel.device.asset_tag,
    "USER_NAME": _user_name,
    "USER_EMAIL": _user_email,
}


class Use(NamedTuple):
    """Where a word that looks like a variable stands."""

    path: Path
    name: str

    @property
    def key_path(self) -> str:
        return dotted(self.path)


def variable_name(attribute_name: str) -> str:
    """Return the name of a custom attribute as a variable: ``building-a`` is $BUILDING_A."""
    return attribute_name.upper().replace("-", "_")


def known_names() -> frozenset[str]:
    """Return the names of all variables there are now."""
    attributes = CustomAttribute.objects.order_by("id").values_list("name", flat=True)
    return frozenset(BUILT_IN) | {variable_name(name) for name in attributes}


def secret_names() -> frozenset[str]:
    """Return the names of the variables whose values are secret."""
    attributes = CustomAttribute.objects.filter(is_secret=True).order_by("id").values_list("name", flat=True)
    return frozenset(variable_name(name) for name in attributes)


def uses(content) -> list[Use]:
    """Return every word after a dollar that is not escaped, known or not, with its key path."""
    return [
        Use(path, match[2])
        for path, text in strings(content)
        for match in _WORD.finditer(text)
        if len(match[1]) % 2  # pairs of dollars are escaped ones
    ]


def used_variables(content) -> list[str]:
    """Return the names of the variables that a profile uses, sorted."""
    return sorted({use.name for use in uses(content)} & known_names())


def unknown_variables(content) -> list[Use]:
    """Return the words that look like variables and are none: they are sent as they are."""
    known = known_names()
    return [use for use in uses(content) if use.name not in known]


def escapes(content) -> list[Path]:
    """Return the key paths of texts in which two dollars will become one."""
    return [path for path, text in strings(content) if any(len(m[1]) > 1 for m in _WORD.finditer(text))]


def fill(value, values: dict[str, str], path: Path = ()):
    """Return the content with variables replaced and dollars unescaped, in text values only."""
    if isinstance(value, str):
        return _WORD.sub(lambda match: _replace(match, values), value) if "$" in value else value
    if isinstance(value, dict):
        return {
            key: item if is_identity((*path, key)) else fill(item, values, (*path, key)) for key, item in value.items()
        }
    if isinstance(value, list):
        return [fill(item, values, (*path, index)) for index, item in enumerate(value)]
    return value


def _replace(match: re.Match, values: dict[str, str]) -> str:
    dollars, name = match.groups()
    escaped = "$" * (len(dollars) // 2)
    if len(dollars) % 2 == 0:
        return escaped + name
    return escaped + values.get(name, f"${name}")


def values_for(
    channels: Iterable[Channel], names: Collection[str], *, for_people: bool = False
) -> dict[int, dict[str, str]]:
    """Return the values of variables by channel id; what a device has no value for is missing there.

    Those of secret attributes are in clear, since devices get them; ``for_people`` has REDACTED instead, whoever they
    are: revealing a value takes a reason. Two statements, however many channels.
    """
    keys = [channel.pk for channel in channels]
    rows = Channel.objects.filter(pk__in=keys).select_related("device__person").order_by("id")
    attributes = _attribute_values(keys, set(names) - BUILT_IN.keys(), for_people)
    found = {}
    for channel in rows:
        values = {name: BUILT_IN[name](channel) for name in names if name in BUILT_IN}
        values |= attributes.get(channel.device_id, {})
        found[channel.pk] = {name: XML_ILLEGAL.sub("", value) for name, value in values.items() if value}
    return found


def _attribute_values(channel_ids: list[int], names: Collection[str], for_people: bool) -> dict[int, dict[str, str]]:
    by_device: dict[int, dict[str, str]] = defaultdict(dict)
    if not names:
        return by_device
    devices = Channel.objects.filter(pk__in=channel_ids).values("device_id")
    rows = AttributeValue.objects.filter(device__in=devices).select_related("attribute")
    for row in rows.order_by("attribute_id", "id"):
        name = variable_name(row.attribute.name)
        if name in names:
            value = REDACTED if for_people and row.attribute.is_secret else text_of(row)
            by_device[row.device_id].setdefault(name, value)
    return by_device

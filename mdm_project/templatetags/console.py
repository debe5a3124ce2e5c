"""Template tags of the console: status words, copy buttons, ages, and answers of devices in readable form."""

import base64
import datetime

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from mdm_project import plist
from mdm_project.status import Status

register = template.Library()
DAY_S = 86400
# Up to so many seconds, in units of so many: days up to two years, then years.
UNITS = ((60, 1, "s"), (3600, 60, "min"), (DAY_S, 3600, "h"), (730 * DAY_S, DAY_S, "d"))
LONGEST = (365 * DAY_S, "y")
MAX_TEXT = 2000
MAX_ITEMS = 500


@register.simple_tag
def status(value: Status | None) -> SafeString:
    """Render a status word; its reason, if any, is the tooltip too."""
    if value is None:
        return mark_safe('<span class="e-faint">–</span>')
    return format_html(
        '<span class="e-status e-tone-{}" title="{}">'
        '<span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        value.tone, value.why, value.icon, value.word,
    )  # fmt: skip


@register.simple_tag
def copy(value: str | None, label: str = "") -> SafeString:
    """Render an identifier in monospace with a button that copies it."""
    if not value:
        return mark_safe('<span class="e-faint">–</span>')
    return format_html(
        '<span class="e-copy"><span class="e-mono">{}</span><button type="button" data-copy="{}" title="Copy"'
        ' aria-label="Copy {}"><span class="material-symbols-outlined" aria-hidden="true">content_copy</span>'
        "</button></span>",
        value, value, label or value,
    )  # fmt: skip


def age_words(moment: datetime.datetime, *, is_bare: bool = False) -> str:
    """Say how long ago a moment is, or how far ahead: `4 min ago`, `in 3 d`."""
    seconds = (timezone.now() - moment).total_seconds()
    distance = abs(int(seconds))
    if distance < 2:
        return "just now"
    size, unit = next(((size, unit) for limit, size, unit in UNITS if distance < limit), LONGEST)
    words = f"{distance // size} {unit}"
    if seconds < 0:
        return f"in {words}"
    return words if is_bare else f"{words} ago"


@register.simple_tag
def age(moment: datetime.datetime | None, never: str = "never", bare: str = "") -> SafeString:
    """Render a moment as an age that console.js keeps up to date; the exact time is its tooltip."""
    if moment is None:
        return format_html('<span class="e-faint">{}</span>', never)
    return format_html(
        '<time class="e-nowrap" datetime="{}" title="{}" data-age{}>{}</time>',
        moment.isoformat(),
        f"{moment:%Y-%m-%d %H:%M:%S} UTC",
        mark_safe(' data-bare="1"') if bare else "",
        age_words(moment, is_bare=bool(bare)),
    )


@register.simple_tag
def duration(start: datetime.datetime | None, end: datetime.datetime | None) -> str:
    """Say how long something took: `1.8 s`, `4 min`."""
    if start is None or end is None:
        return ""
    seconds = max(0.0, (end - start).total_seconds())
    if seconds < 60:
        return f"{seconds:.1f} s"
    size, unit = next(((size, unit) for limit, size, unit in UNITS if seconds < limit), LONGEST)
    return f"{int(seconds // size)} {unit}"


@register.filter
def yes_no(value: bool | None) -> str:
    return {True: "yes", False: "no"}.get(value, "not reported")


@register.filter
def plist_text(value) -> str:
    """Return a value as the text of a property list."""
    return plist.dumps(value).decode()


@register.filter
def readable(value) -> SafeString:
    """Render a value of a property list as nested lists; keys stay as Apple spells them."""
    if isinstance(value, dict):
        rows = ((key, readable(value[key])) for key in list(value)[:MAX_ITEMS])
        return format_html("<dl>{}</dl>", format_html_join("", "<dt>{}</dt><dd>{}</dd>", rows))
    if isinstance(value, list | tuple):
        if not value:
            return mark_safe('<span class="e-faint">empty list</span>')
        items = ((readable(item),) for item in value[:MAX_ITEMS])
        more = f"… and {len(value) - MAX_ITEMS} more" if len(value) > MAX_ITEMS else ""
        return format_html("<ol>{}</ol>{}", format_html_join("", "<li>{}</li>", items), more)
    return _readable_scalar(value)


def _readable_scalar(value) -> SafeString:
    if isinstance(value, bool):
        return format_html("{}", "yes" if value else "no")
    if isinstance(value, bytes):
        text = base64.b64encode(value[:48]).decode()
        return format_html(
            '<span class="e-faint">{}</span> <span class="e-mono">{}</span>', filesizeformat(len(value)), text
        )
    if isinstance(value, datetime.datetime):
        return format_html("{}", f"{value:%Y-%m-%d %H:%M:%S}")
    if value is None or value == "":
        return mark_safe('<span class="e-faint">empty</span>')
    return format_html("{}", str(value)[:MAX_TEXT])

"""Template tags of the console's lists: chips of the filters in force, the address of the CSV."""

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def filter_chips(changelist) -> SafeString:
    """Render a chip for each filter in force; clicking one takes the filter off."""
    chips = []
    for spec in changelist.filter_specs:
        choices = list(spec.choices(changelist))
        if not choices or choices[0].get("selected"):
            continue
        chosen = next((choice for choice in choices if choice.get("selected")), None)
        if chosen is not None:
            chips.append((choices[0]["query_string"], spec.title, chosen["display"]))
    return format_html_join("", _CHIP, chips)


_CHIP = (
    '<a class="e-status e-tone-info" href="{}" title="Take this filter off">{}: {}'
    '<span class="material-symbols-outlined" aria-hidden="true">close</span></a>'
)


@register.simple_tag
def csv_address(changelist) -> str:
    """Return the address of the CSV of a list, with its search, filters and order."""
    return format_html("csv/{}", changelist.get_query_string(remove=["p"]) or "")


@register.filter
def page_address(changelist, step: int) -> str:
    """Return the query string of a page before or after the one that is shown."""
    return changelist.get_query_string({"p": changelist.page_num + step})

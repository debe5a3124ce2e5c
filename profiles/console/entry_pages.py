"""What pages around the form of a catalogue entry share: parts that are added, files that are read, the panel."""

from django.http import Http404, HttpResponse
from django.shortcuts import render

from mdm_project.errors import BadRequest, EspalierError
from profiles.catalogue import Entry, labels
from profiles.console import uploads
from profiles.console.composer import icon_of
from profiles.console.fields import Field
from profiles.console.keys_form import EntryForm, KeysForm


def part_answer(request, form: KeysForm, addresses: dict) -> HttpResponse:
    """Answer with a new item of an array, a new key of a dictionary, or an inner dictionary to fill."""
    pointer = request.GET.get("at", "")
    if request.GET.get("fill"):
        made, template = form.part(pointer), "console/profile/field.html"
    else:
        made = form.added(pointer, request.GET.get("variant", ""))
        is_free = made is not None and made.token.startswith("*")
        template = "console/profile/free_key.html" if is_free else "console/profile/item.html"
    if made is None:
        raise Http404("the form has no such field")
    return render(request, template, {"field": made, "at": pointer, "is_new": True, **addresses})


def upload_answer(request, addresses: dict) -> HttpResponse:
    """Keep a file that was chosen, and answer with what it is."""
    file, pointer = request.FILES.get("file"), request.GET.get("at", "")
    made = Field(pointer, "data", is_set=True)
    try:
        if file is None:
            raise BadRequest("Choose a file.")
        data = file.read()
        made.token, made.value = uploads.keep(request.user, data), data
    except BadRequest as error:
        made.error, made.is_set = error.detail, False
    return render(request, "console/profile/data.html", {"field": made, "is_new": True, **addresses})


def read_form(request, form: EntryForm, errors: list[str]) -> bool:
    """Read what was submitted; on False ``errors`` says what cannot be read."""
    try:
        form.read(request)
    except BadRequest as error:
        errors.append(error.detail)
    errors += form.errors()
    return not errors


def said(error: EspalierError) -> list[str]:
    """Return an error as lines for the top of a form: what is wrong, and each key with its reason."""
    return [error.detail, *(f"{path.removeprefix('payload.')}: {why}" for path, why in error.fields.items())]


def preview_answer(request, form: EntryForm, preview_url: str) -> HttpResponse:
    """Answer with the content and the problems of what is in the form now."""
    try:
        form.read(request)
    except BadRequest as error:
        return HttpResponse(error.detail, status=400, content_type="text/plain")
    return render(request, "console/compose/panel.html", panel_of(form, preview_url))


def panel_of(form: EntryForm, preview_url: str) -> dict:
    return {"problems": form.problems(), "preview": form.preview(), "preview_url": preview_url}


def by_purpose(entries, key) -> list[tuple[str, str, list]]:
    """Return (purpose, icon, entries) in the order of the catalogue's purposes; ``entries`` are tuples led by one."""
    found: dict[str, list] = {group: [] for group in labels.GROUPS}
    for each in entries:
        entry: Entry = each[0]
        found.setdefault(entry.group, []).append(each)
    return [(group, icon_of(group), sorted(some, key=key)) for group, some in found.items() if some]

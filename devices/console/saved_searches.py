"""Saved searches above the device list: using one, keeping what the list shows, renaming, sharing, deleting.

The list's address is translated into filters by name (devices.list_filters) and back; what it holds beside them
(page, order) is not kept.
"""

from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from devices.models import DefaultSearch, SavedSearch
from devices.saved_searches import (
    MAX_NAME,
    SHARE,
    change_search,
    default_of,
    delete_search,
    may_change,
    problems_of,
    save_search,
    set_default,
    words_of,
)
from devices.timeline import Actor
from mdm_project.console import submitted
from mdm_project.errors import EspalierError

VIEW_DEVICE = "devices.view_device"
SHOWN = 40
# Parameters of Django's own filters: which filter they are, and its values by theirs.
_PLATFORM, _SUPERVISED, _SUPERVISED_UNKNOWN = "platform__exact", "is_supervised__exact", "is_supervised__isnull"
_IS_SUPERVISED = {"1": "yes", "0": "no", "True": "yes", "False": "no"}
_NOT_KEPT = {"q", "p", "o", "all", "e"}


def read_address(query: QueryDict) -> dict:
    """Return text and filters of the device list's address, as save_search takes them."""
    filters = {}
    for name in query:
        value = ",".join(query.getlist(name))
        if name == _PLATFORM:
            filters["platform"] = value or "unknown"
        elif name == _SUPERVISED:
            filters["is_supervised"] = _IS_SUPERVISED.get(value, value)
        elif name == _SUPERVISED_UNKNOWN:
            filters["is_supervised"] = "unknown"
        elif name not in _NOT_KEPT and value:
            filters[name] = value
    return {"search": query.get("q", "").replace("\x00", "").strip(), "filters": filters}


def address_of(saved: SavedSearch) -> str:
    """Return the query string with which the device list shows a saved search."""
    parameters = {"q": saved.search} if saved.search else {}
    for name, value in saved.filters.items():
        if name == "platform":
            parameters[_PLATFORM] = "" if value == "unknown" else value
        elif name == "is_supervised" and value == "unknown":
            parameters[_SUPERVISED_UNKNOWN] = "True"
        elif name == "is_supervised":
            parameters[_SUPERVISED] = {"yes": "1", "no": "0"}[value]
        else:
            parameters[name] = value
    return urlencode(parameters)


class SearchForm(forms.Form):
    """What a search is called, and who uses it."""

    name = forms.CharField(max_length=MAX_NAME, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}))
    is_shared = forms.BooleanField(
        required=False, label="Share it with everybody who sees devices", widget=UnfoldBooleanWidget(),
        help_text="Everybody finds only the devices that they may see.",
    )  # fmt: skip
    is_default = forms.BooleanField(
        required=False, label="Open my list of devices with it", widget=UnfoldBooleanWidget()
    )

    def __init__(self, *args, user, saved: SavedSearch | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        if not user.has_perm(SHARE) and not (saved and saved.is_shared):
            del self.fields["is_shared"]


class SavedSearchPages:
    """Mixin of the device admin: the saved searches above its list."""

    list_before_template = "console/device/searches.html"

    def search_urls(self) -> list:
        return [
            self.view_path("searches/add/", self.search_add_view, "search_add"),
            self.view_path("searches/<int:pk>/", self.search_open_view, "search_open"),
            self.view_path("searches/<int:pk>/edit/", self.search_edit_view, "search_edit"),
            self.view_path("searches/<int:pk>/delete/", self.search_delete_view, "search_delete"),
        ]

    def changelist_view(self, request, extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "GET" and not request.GET:
            chosen = default_of(request.user)
            if chosen is not None:
                return self.search_open_view(request, chosen.pk)
        response = super().changelist_view(request, {**self._searches(request), **(extra_context or {})})
        if hasattr(response, "context_data"):
            is_resembling = getattr(request, "is_resembling", False)
            response.context_data["resembling"] = is_resembling and bool(response.context_data["cl"].result_count)
        return response

    def _searches(self, request) -> dict:
        shown = read_address(request.GET)
        rows = list(SavedSearch.objects.visible_to(request.user).select_related("owner")[:SHOWN])
        used = [row for row in rows if {"search": row.search, "filters": row.filters} == shown]
        default = DefaultSearch.objects.filter(user=request.user).values_list("search", flat=True).first()
        return {
            "searches": rows,
            "used_search": used[0] if used else None,
            "may_change_search": bool(used) and may_change(used[0], request.user),
            "default_search": default,
            "may_save_search": not used and bool(shown["search"] or shown["filters"]),
            "save_address": f"{self.route('search_add')}?{request.GET.urlencode()}",
            "may_send_to_search": bool(used) and request.user.has_perm("commands.add_command"),
        }

    def search_open_view(self, request, pk):
        """Show what a saved search finds; one that cannot be used any more says why."""
        saved = self._search(request, pk)
        problems = problems_of(saved.search, saved.filters, request.user)
        if problems:
            why = "; ".join(f"{path.removeprefix('filters.')}: {why}" for path, why in problems.items())
            messages.error(request, f"The saved search {saved} cannot be used: {why}.")
            return HttpResponseRedirect(f"{self.route('changelist')}?q=")
        return HttpResponseRedirect(f"{self.route('changelist')}?{address_of(saved)}")

    def search_add_view(self, request):
        """Keep what the list shows under a name."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query = read_address(request.GET)
        form = SearchForm(submitted(request)[0], user=request.user)
        preview = SavedSearch(**query)
        context = {"title": "Save this search", "form": form, "words": words_of(preview, request.user)}
        return self._save(request, form, context, lambda **fields: save_search(**query, **fields))

    def search_edit_view(self, request, pk):
        """Rename a search, share it, open the list with it."""
        saved = self._search(request, pk)
        default = default_of(request.user)
        is_default = default is not None and default.pk == saved.pk
        initial = {"name": saved.name, "is_shared": saved.is_shared, "is_default": is_default}
        form = SearchForm(submitted(request)[0], user=request.user, saved=saved, initial=initial)
        context = {"title": f"Saved search “{saved}”", "form": form, "saved": saved}
        context["words"] = words_of(saved, request.user)
        if not may_change(saved, request.user):
            # Of a colleague's search only the choice of one's own list is one's own.
            del form.fields["name"], form.fields["is_shared"]
            return self._save(request, form, context, lambda **_fields: saved)
        context["delete_url"] = self.route("search_delete", saved.pk)
        return self._save(request, form, context, lambda **fields: change_search(saved, **fields))

    def search_delete_view(self, request, pk):
        """Ask, then delete a search."""
        saved, address = self._search(request, pk), f"{self.route('changelist')}?q="
        if not may_change(saved, request.user):
            raise PermissionDenied
        context = {"title": f"Delete {saved}", "back": address}
        context["warning"] = "The devices stay, and commands that were sent to it keep its name."
        if request.method == "POST":
            delete_search(saved, actor=Actor.staff(request.user))
            return self.done(request, f"{saved} deleted.", address, reload=True)
        return self.dialog(request, "console/group/delete.html", context)

    def _save(self, request, form, context: dict, save):
        if request.method == "POST" and form.is_valid():
            fields = dict(form.cleaned_data)
            opens = fields.pop("is_default")
            try:
                saved = save(**fields, actor=Actor.staff(request.user))
            except EspalierError as error:
                path = next(iter(error.fields), "")
                form.add_error(path if path in form.fields else None, error.detail)
            else:
                self._choose_default(request.user, saved, opens)
                return self.done(request, "Saved.", self.route("search_open", saved.pk), reload=True)
        context |= {"back": f"{self.route('changelist')}?q=", "button": "Save"}
        return self.dialog(request, "console/device/search_form.html", context)

    @staticmethod
    def _choose_default(user, saved: SavedSearch, opens: bool) -> None:
        if opens:
            set_default(user, saved)
        elif DefaultSearch.objects.filter(user=user, search=saved).exists():
            set_default(user, None)

    def _search(self, request, pk) -> SavedSearch:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(SavedSearch.objects.visible_to(request.user), pk=pk)

"""The frame around the helpdesk's pages: the console's, so that everything is where it was."""

import json

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render


def framed(request: HttpRequest, template: str, context: dict) -> HttpResponse:
    """Render a page inside the console's frame."""
    request.current_app = admin.site.name
    return render(request, template, {**admin.site.each_context(request), **context})


def dialog(request: HttpRequest, template: str, context: dict) -> HttpResponse:
    """Render a dialog: alone for htmx, inside a page of its own otherwise. What it shows is kept by nobody."""
    if request.headers.get("HX-Request"):
        answer = render(request, template, context)
    else:
        answer = framed(request, "console/dialog_page.html", {**context, "dialog_template": template})
    answer["Cache-Control"] = "no-store"
    return answer


def told(request: HttpRequest, message: str, address: str) -> HttpResponse:
    """Answer an action with a message: on the open page, or on the page at an address."""
    if not request.headers.get("HX-Request"):
        messages.info(request, message)
        return redirect(address)
    trigger = json.dumps({"console:done": {"message": message}, "refresh-live": ""})
    return HttpResponse(status=204, headers={"HX-Trigger": trigger})

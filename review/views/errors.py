"""What a person reads when a request was refused before any view saw it, or asked a view for what it does not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        return render(request, "413.html", status=413)
    return render(request, "400.html", status=400)


def broken(request: HttpRequest) -> HttpResponse:
    """What must not break itself: it asks nothing of the database, and goes without its looks where their files were not collected."""
    try:
        looks = {"icon": static("review/icon.svg"), "styles": [static(f"review/{name}.css") for name in ("themes", "parts")]}
    except ValueError:
        looks = {}
    return HttpResponse(render_to_string("500.html", looks), status=500)


class NoNul:
    """PostgreSQL stores no NUL and looks for none, so that no page is sent one. The API looks for itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Callable[..., HttpResponse], args: list[Any], kwargs: dict[str, Any]) -> None:
        """Raises BadRequest. After the check against forged forms, which has read the form already and answers for one that breaks off."""
        if request.path_info.startswith("/api/"):
            return
        sent = (value for form in (request.GET, request.POST) for _name, values in form.lists() for value in values)
        if "\x00" in request.path_info or any("\x00" in value for value in sent):
            raise BadRequest("a NUL character")


class MethodsInWords:
    """A page that is sent, or an act that is only looked at: Django answers with an empty 405."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not isinstance(response, HttpResponseNotAllowed) or request.path_info.startswith("/api/"):
            return response
        page = render(request, "405.html", status=405)
        page["Allow"] = response["Allow"]
        return page

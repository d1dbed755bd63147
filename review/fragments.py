"""Whether a page's own script asks, which takes a part of the page, or a browser, which takes all of it."""

from __future__ import annotations

from django.http import HttpRequest


def wanted(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def wanted_for(request: HttpRequest, element: str) -> bool:
    """Whether what the script asks for takes the place of the element of this id."""
    return wanted(request) and request.htmx.target == element  # type: ignore[attr-defined]


def wanted_by(request: HttpRequest, element: str) -> bool:
    """Whether the script asks for the element of this id."""
    return wanted(request) and request.htmx.trigger == element  # type: ignore[attr-defined]

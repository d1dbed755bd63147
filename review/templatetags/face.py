"""What surrounds every page: the navigation, and how the person wants it to look."""

from __future__ import annotations

from typing import Any

from django import template

from review import navigation, themes

register = template.Library()


@register.simple_tag(takes_context=True)
def navigation_here(context: dict[str, Any]) -> navigation.Place | None:
    """The navigation seen from the page that is drawn; None where no request is known."""
    request = context.get("request")
    return navigation.place(request) if request is not None and hasattr(request, "user") else None


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """light, dark, or nothing where the system decides."""
    return themes.of(context.get("user"))

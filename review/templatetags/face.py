"""What surrounds every page: the navigation, and how the person wants it to look."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import get_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from alignment import told
from review import cells, navigation, themes

register = template.Library()
register.filter("told", told.tell)


@register.simple_tag(takes_context=True)
def navigation_here(context: dict[str, Any]) -> navigation.Place | None:
    """The navigation seen from the page that is drawn; None where no request is known."""
    request = context.get("request")
    return navigation.place(request) if request is not None and hasattr(request, "user") else None


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """light, dark, or nothing where the system decides."""
    return themes.of(context.get("user"))


@register.simple_tag
def ago(moment: datetime | None) -> SafeString | str:
    """A time as people say it, exact on hover."""
    if moment is None:
        return ""
    recent = (timezone.now() - moment).total_seconds() < 60
    said = _("just now") if recent else _("%(span)s ago") % {"span": timesince(moment, depth=1)}
    return cells.moment(moment, said)


@register.simple_tag
def gap() -> str:
    """What stands between two sentences: a space, or nothing after a full-width stop."""
    return str(get_format("BETWEEN_SENTENCES"))


@register.simple_tag
def comma() -> str:
    """What stands between the names of a list."""
    return str(get_format("BETWEEN_NAMES"))


@register.filter
def unbroken(name: object) -> SafeString:
    """A short name such as G-168 that stays on one line."""
    return format_html('<span class="unbroken">{}</span>', name)


@register.filter
def span(length: timedelta) -> str:
    """How long something takes, in its largest unit."""
    now = timezone.now()
    return timesince(now - length, now, depth=1) if length >= timedelta(minutes=1) else _("a minute")

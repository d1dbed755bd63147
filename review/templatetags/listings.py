"""How scores and languages are written on pages."""

from __future__ import annotations

import math

from django import template
from django.utils.translation import get_language_info, gettext, ngettext

register = template.Library()


@register.filter
def score(probability: float | None) -> str:
    """Two digits, cut and never rounded up: 0.899 must not read as the 0.90 that is accepted."""
    return "–" if probability is None else f"{math.floor(probability * 100 + 1e-9) / 100:.2f}"


@register.filter
def exact(probability: float | None) -> str:
    """The stored value, in full and with a point, whatever the page's language writes."""
    return "" if probability is None else repr(probability)


@register.filter
def language(code: str) -> str:
    """A language's name in the page's language, else its code."""
    try:
        return gettext(get_language_info(code.split("-")[0] if not code.startswith("zh") else "zh-hans")["name"])
    except KeyError:
        return code


@register.filter
def percent(share: float | None) -> str:
    """A share with one decimal; nothing to divide by is a dash."""
    return "–" if share is None or share == "" else f"{100 * share:.1f} %"


@register.filter
def duration(seconds: float | None) -> str:
    """About how long, in the largest unit that says it."""
    if seconds is None:
        return "–"
    if seconds < 90:
        whole = max(1, round(seconds))
        return ngettext("%(n)s second", "%(n)s seconds", whole) % {"n": whole}
    if seconds < 90 * 60:
        whole = round(seconds / 60)
        return ngettext("%(n)s minute", "%(n)s minutes", whole) % {"n": whole}
    if seconds < 36 * 3600:
        whole = round(seconds / 3600)
        return ngettext("%(n)s hour", "%(n)s hours", whole) % {"n": whole}
    whole = round(seconds / 86_400)
    return ngettext("%(n)s day", "%(n)s days", whole) % {"n": whole}

"""How counts, sizes and times that something takes are written on pages."""

from __future__ import annotations

from functools import lru_cache
from math import floor, log10

from django import template
from django.utils.formats import number_format
from django.utils.translation import get_language, gettext, ngettext

register = template.Library()


@register.filter
def thousands(count: float | None) -> str:
    """35311 as 35,311, as the page's language writes it; what is not known is nothing."""
    return "" if count is None or count == "" else _grouped(round(count), get_language())


@lru_cache(maxsize=10_000)
def _grouped(count: int, language: str | None) -> str:
    """Kept: a table of two hundred people writes a thousand numbers, most of them small."""
    return number_format(count, force_grouping=True)


@register.filter
def speed(per_second: float | None) -> str:
    """So many a second. A slow one with its two foremost digits: none is not what it does."""
    if not per_second or per_second >= 10:
        return thousands(per_second)
    places = 1 - floor(log10(per_second))
    return str(number_format(round(per_second, places), places))


@register.filter
def to_ten_thousand(count: int) -> str:
    """A count that stopped there."""
    return f"{thousands(10_000)}+" if count > 10_000 else thousands(count)


@register.filter
def hundredths(number: float) -> str:
    """With two digits after the point. What rounds to nothing has no sign."""
    return f"{round(number, 2) or 0:.2f}"


@register.filter
def in_percent(number: float | str) -> str:
    """A number of hundredths with its sign, spaced as the page's language spaces it."""
    return gettext("%(number)s %%") % {"number": number}


@register.filter
def megabytes(size: int | None) -> str:
    """Bytes in the unit that reads best."""
    if not size:
        return "0 KB"
    if size < 1024 * 1024:
        return f"{thousands(size / 1024)} KB"
    return f"{number_format(round(size / 1024 / 1024, 1), 1, force_grouping=True)} MB"


@register.filter
def duration(seconds: float | None) -> str:
    """About how long, in the largest unit that says it."""
    if seconds is None:
        return ""
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

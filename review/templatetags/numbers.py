"""How counts, sizes and times that something takes are written on pages."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext, ngettext

register = template.Library()


@register.filter
def thousands(count: float | None) -> str:
    """35311 as 35,311; what is not known is nothing."""
    return "" if count is None or count == "" else f"{count:,.0f}"


@register.filter
def to_ten_thousand(count: int) -> str:
    """A count that stopped there."""
    return "10,000+" if count > 10_000 else thousands(count)


@register.filter
def megabytes(size: int | None) -> str:
    """Bytes in the unit that reads best."""
    if not size:
        return "0 KB"
    return f"{size / 1024:,.0f} KB" if size < 1024 * 1024 else f"{size / 1024 / 1024:,.1f} MB"


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds, minutes or hours, whichever says it in the fewest digits."""
    if seconds is None:
        return ""
    if seconds < 90:
        whole = max(1, round(seconds))
        return ngettext("%(count)s second", "%(count)s seconds", whole) % {"count": whole}
    if seconds < 5400:
        return gettext("%(count)s minutes") % {"count": round(seconds / 60)}
    return gettext("%(count)s hours") % {"count": f"{seconds / 3600:.1f}"}

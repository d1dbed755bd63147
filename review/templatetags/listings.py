"""How scores and languages are written on pages."""

from __future__ import annotations

import math

from django import template
from django.utils.formats import number_format
from django.utils.translation import get_language_info, gettext

from review.templatetags.numbers import in_percent

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
    return "–" if share is None or share == "" else in_percent(f"{number_format(round(100 * share, 1), 1)}")

"""How scores, languages and the rows of lists are written on pages."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from django import template
from django.utils.formats import localize, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info, gettext

from review.lists import Cell
from review.templatetags.face import ago
from review.templatetags.numbers import in_percent

register = template.Library()
SELECTED, SCOPE = " selected", " scope=row"


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


@register.simple_tag
def rows(found: Iterable[tuple[Any, Iterable[Cell]]]) -> SafeString:
    """The rows of a list with their cells. A template would take three times as long for fifty of them, most of the page's time."""
    around: dict[tuple[str, str], tuple[SafeString, SafeString]] = {}

    def drawn(cell: Cell) -> tuple[SafeString, Any, SafeString]:
        key = cell.column.name, cell.kind
        begin, end = around.get(key) or around.setdefault(key, _around(cell))
        return begin, _value(cell), end

    return format_html_join("\n", "<tr>{}</tr>", ((format_html_join("", "{}{}{}", map(drawn, cells)),) for _row, cells in found))


@register.simple_tag
def options(choices: Iterable[tuple[str, Any]], chosen: str) -> SafeString:
    """What a filter's field offers. Hundreds of people and sources are, as cells are, not drawn by a template one by one."""
    return format_html_join(
        "", '<option value="{}"{}>{}</option>', ((value, SELECTED if value == chosen else "", title) for value, title in choices)
    )


@register.simple_tag
def suggestions(texts: Iterable[str]) -> SafeString:
    return format_html_join("", '<option value="{}"></option>', ((text,) for text in texts))


def _around(cell: Cell) -> tuple[SafeString, SafeString]:
    """What stands before and after a cell's value: its title is translated and escaped once a page, not once a row."""
    name, scope = ("th", SCOPE) if cell.column.names_row else ("td", "")
    return format_html('<{}{} class="{}" data-label="{}">', name, scope, cell.kind, cell.column.title), format_html("</{}>", name)


def _value(cell: Cell) -> Any:
    value: Any = "" if cell.value is None else ago(cell.value) if cell.kind == "time" else localize(cell.value)
    if cell.link and cell.language:
        return format_html('<a href="{}" lang="{}">{}</a>', cell.link, cell.language, value)
    if cell.link:
        return format_html('<a href="{}">{}</a>', cell.link, value)
    if cell.language:
        return format_html('<span lang="{}">{}</span>', cell.language, value)
    return value

"""Team's tables: its people, and the queues in which most waits. A template would take most of the page's time for two hundred people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from review import lists, team
from review.team import Forecast, Team
from review.templatetags.numbers import hundredths, in_percent, thousands

NOTHING = "–"


def _share(part: int, whole: int) -> str:
    """Rounded to hundredths, and of how many: of three it says little."""
    return f"{in_percent(str(round(100 * part / whole)))} ({part} / {whole})" if whole else NOTHING


PEOPLE = (
    lists.Column(
        "who",
        gettext_lazy("Who"),
        lambda one: one.name,
        link=lambda one: reverse("member", args=[one.pk]),
        names_row=True,
    ),
    lists.Column("today", gettext_lazy("Today"), lambda one: one.today, lambda one: thousands(one.today)),
    lists.Column("week", gettext_lazy("Seven days"), lambda one: one.week, lambda one: thousands(one.week)),
    lists.Column(
        "an_hour",
        gettext_lazy("Verdicts an hour"),
        lambda one: one.an_hour or 0,
        lambda one: thousands(one.an_hour) if one.an_hour else NOTHING,
    ),
    lists.Column(
        "agreement",
        gettext_lazy("Agreement"),
        lambda one: one.agreement.pairs if one.agreement else 0,
        lambda one: _share(one.agreement.same, one.agreement.pairs) if one.agreement else NOTHING,
    ),
    lists.Column(
        "kappa",
        "κ",
        # A number even where it is shown as a dash, so that it stands like one.
        lambda one: 0,
        lambda one: hundredths(one.agreement.kappa) if one.agreement and one.agreement.kappa is not None else NOTHING,
    ),
    lists.Column("checked", gettext_lazy("Right in checks"), lambda one: one.checked, lambda one: _share(one.right, one.checked)),
)


def _empty(forecast: Forecast) -> str:
    """When a queue is empty, in a word."""
    if forecast.grows:
        return _("it grows")
    if forecast.days is None:
        return NOTHING
    if forecast.days < 1:
        return _("today")
    return date_format(forecast.empty_on, "SHORT_DATE_FORMAT") if forecast.empty_on else _("not in ten years")


QUEUES = (
    lists.Column("category", gettext_lazy("Category"), lambda queue: queue.category or _("No category"), names_row=True),
    lists.Column("languages", gettext_lazy("Languages"), lambda queue: queue.languages or NOTHING),
    lists.Column("pairs", gettext_lazy("Pairs"), lambda queue: queue.pairs, lambda queue: thousands(queue.pairs)),
    lists.Column("cases", gettext_lazy("Cases"), lambda queue: queue.cases, lambda queue: thousands(queue.cases)),
    lists.Column("overdue", gettext_lazy("Overdue"), lambda queue: queue.overdue, lambda queue: thousands(queue.overdue)),
    lists.Column("oldest", gettext_lazy("Oldest"), lambda queue: queue.oldest_at or NOTHING),
    lists.Column("empty", gettext_lazy("Empty"), lambda queue: _empty(queue.forecast)),
)


@dataclass(frozen=True)
class Table:
    """Rows as `{% rows %}` draws them; what stands beneath them, or in their place where there are none; and where all of them are."""

    title: str
    columns: Sequence[lists.Column]
    rows: list[tuple[Any, list[lists.Cell]]]
    nothing: str = ""
    note: str = ""
    all_at: str = ""

    @property
    def heads(self) -> list[tuple[lists.Column, bool]]:
        """The columns, and whether numbers stand in them."""
        numbers = lists.of_numbers(self.rows)
        return [(column, column.name in numbers) for column in self.columns]


def of(shown: Team) -> list[Table]:
    people = Table(
        _("People"),
        PEOPLE,
        lists.cells(PEOPLE, shown.members),
        nothing=_("Nobody reviews yet."),
        note=_("Agreement and checks are of the last 30 days."),
    )
    return [people, _what_waits(shown)] if shown.queues else [people]


def _what_waits(shown: Team) -> Table:
    found = Table(_("What waits"), QUEUES, lists.cells(QUEUES, shown.queues))
    if len(shown.queues) < team.MOST_QUEUES:
        return found
    return replace(found, note=_("The %(count)s queues with the most pairs.") % {"count": team.MOST_QUEUES}, all_at=reverse("queues"))

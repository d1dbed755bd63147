"""What the figures say, as charts: each a table first, which a script draws, a reader's program reads and a file holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.db.models import Case, F, Sum, UUIDField, When
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from alignment.models import Actor, Category, Decision, Pair, PolicyVersion
from alignment.policies import published
from review import figures
from review.effects import ROUTES
from review.intervals import wilson
from review.models import DecisionDay, Figures, RouteDay
from review.templatetags.listings import language, percent
from review.templatetags.numbers import thousands

DAYS = 30
MOST_PEOPLE = 8
MOST_CATEGORIES = 20
DECIDED = (Pair.Route.DISCARD, Pair.Route.REVIEW, Pair.Route.ACCEPT)
COLOURS = {Pair.Route.DISCARD: "edge", Pair.Route.REVIEW: "accent", Pair.Route.ACCEPT: "accept"}
AGES: tuple[Promise, ...] = (
    gettext_lazy("under an hour"),
    gettext_lazy("under a day"),
    gettext_lazy("1 to 3 days"),
    gettext_lazy("3 to 7 days"),
    gettext_lazy("longer"),
)


# What a row is of, and its values in the columns' order.
Row = tuple[str, Sequence[float | int | None]]


@dataclass(frozen=True)
class Column:
    """`colour`: the named variable it is drawn in; empty takes the next shade. `drawn` is false for what stands in the table alone."""

    label: str
    colour: str = ""
    unit: str = ""
    drawn: bool = True


@dataclass(frozen=True)
class Chart:
    """A table to be drawn. `kind`: stacked, or interval (share, low, high), or interval-rows where names are long. `marks`: thresholds."""

    name: str
    title: str
    kind: str
    heading: str
    columns: list[Column]
    rows: Sequence[Row]
    note: str = ""
    marks: list[tuple[str, float]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not any(value for _label, values in self.rows for value in values)

    @property
    def table(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Each row's label, and each value as a program reads it and as a person does."""
        units = [column.unit for column in self.columns]
        return [
            (label, [(_plain(value), _written(value, unit)) for value, unit in zip(values, units, strict=True)])
            for label, values in self.rows
        ]


@dataclass(frozen=True)
class Insights:
    charts: list[Chart]
    counted_at: Any


def _plain(value: float | int | None) -> str:
    return "" if value is None else repr(value)


def _written(value: float | int | None, unit: str) -> str:
    return percent(value) if value is None or unit == "%" else thousands(value)


def of(category: Category | None) -> Insights:
    """Everything for one category's subtree, or for all. What is by day or by age is told for all only."""
    whole = Figures.objects.filter(category=None).first()
    found = _subtree(category) if category else ([whole] if whole else [])
    scores = figures.add_scores([row.scores for row in found])
    verdicts = figures.add_verdicts([row.verdicts for row in found])
    charts = [_histogram(scores, published(category)), _bands(verdicts)]
    if category is None:
        charts += [_routes(), by_person(), ages(whole)]
    each = found if category else list(Figures.objects.exclude(category=None).only("category", "verdicts"))
    charts += [_languages(verdicts), _categories(each)]
    return Insights(charts, whole.counted_at if whole else None)


def _subtree(category: Category) -> list[Figures]:
    beneath = Category.objects.filter(path__startswith=category.path + Category.SEPARATOR).values("pk") if category.path else None
    rows = Figures.objects.exclude(category=None)
    return list(rows if beneath is None else rows.filter(category=category) | rows.filter(category__in=beneath))


def _histogram(scores: figures.Histogram, policy: PolicyVersion) -> Chart:
    columns = [Column(str(ROUTES[route]), COLOURS[route]) for route in DECIDED]
    rows = [
        (
            f"{place / figures.FINE:.2f}–{(place + 1) / figures.FINE:.2f}",
            [scores[route][place] if route in scores else 0 for route in DECIDED],
        )
        for place in range(figures.FINE)
    ]
    return Chart(
        "scores",
        _("Scores, and where they lead"),
        "stacked",
        _("Score"),
        columns,
        rows,
        note=_("Pairs by the score of the query's direction. The lines are the thresholds of %(category)s, version %(number)s.")
        % {"category": policy.category.path or _("All categories"), "number": policy.number},
        marks=[(_("review"), policy.review_at), (_("accept"), policy.accept_at)],
    )


def share(label: str, counts: Sequence[int]) -> Row:
    """Of the verdicts that say something, how many say same; unsure ones are told beside."""
    same, different, unsure = counts
    of = same + different
    low, high = wilson(same, of)
    return label, [same / of if of else None, low if of else None, high if of else None, same, different, unsure]


def shares(name: str, title: str, heading: str, rows: Sequence[Row], note: str = "", *, kind: str) -> Chart:
    columns = [
        Column(_("Share that is the same product"), "accent", "%"),
        Column(_("Lower bound"), "accent", "%"),
        Column(_("Upper bound"), "accent", "%"),
        Column(_("Same"), drawn=False),
        Column(_("Different"), drawn=False),
        Column(_("Unsure"), drawn=False),
    ]
    return Chart(name, title, kind, heading, columns, rows, note=note)


def _bands(verdicts: figures.Verdicts) -> Chart:
    total: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for bands in verdicts.values():
        for band, counts in bands.items():
            total[int(band)] = [one + other for one, other in zip(total[int(band)], counts, strict=True)]
    rows = [share(f"{band / figures.COARSE:.2f}–{(band + 1) / figures.COARSE:.2f}", total[band]) for band in sorted(total)]
    note = _("Of what people decided, with 95 % intervals. Where a score means what it says, the share rises with it.")
    return shares("bands", _("How often people say same, by score"), _("Score"), rows, note, kind="interval")


def _together(bands: dict[str, list[int]]) -> list[int]:
    return [sum(counts[place] for counts in bands.values()) for place in range(3)]


def language_names(languages: str) -> str:
    return " – ".join(language(code) if code else _("not known") for code in languages.split("|"))


def _languages(verdicts: figures.Verdicts) -> Chart:
    rows = sorted(((languages, _together(bands)) for languages, bands in verdicts.items()), key=lambda row: -sum(row[1]))
    return shares(
        "languages",
        _("How often people say same, by languages"),
        _("Languages"),
        [share(language_names(languages), counts) for languages, counts in rows[:MOST_CATEGORIES]],
        kind="interval-rows",
    )


def _categories(found: Sequence[Figures]) -> Chart:
    paths = dict(Category.objects.filter(pk__in=[row.category_id for row in found]).values_list("pk", "path"))
    rows = []
    for row in found:
        counts = [sum(part) for part in zip(*(_together(bands) for bands in row.verdicts.values()), strict=True)]
        if counts and row.category_id is not None:
            rows.append((paths[row.category_id] or _("No category"), counts))
    rows.sort(key=lambda row: -sum(row[1]))
    return shares(
        "categories",
        _("How often people say same, by category"),
        _("Category"),
        [share(path, counts) for path, counts in rows[:MOST_CATEGORIES]],
        _("The %(most)s categories with the most verdicts.") % {"most": MOST_CATEGORIES} if len(rows) > MOST_CATEGORIES else "",
        kind="interval-rows",
    )


def _days() -> list[date]:
    today = timezone.localdate()
    return [today - timedelta(days=back) for back in reversed(range(DAYS))]


def _routes() -> Chart:
    days = _days()
    known = {(row.day, row.route): row.pairs for row in RouteDay.objects.filter(day__gte=days[0])}
    counted = [day for day in days if any((day, route) in known for route in DECIDED)]
    return Chart(
        "routes",
        _("Where pairs lead, day by day"),
        "stacked",
        _("Day"),
        [Column(str(ROUTES[route]), COLOURS[route]) for route in DECIDED],
        [(day.isoformat(), [known.get((day, route), 0) for route in DECIDED]) for day in counted],
        note=_("As last counted on each day."),
    )


def by_person() -> Chart:
    days = _days()
    given = DecisionDay.objects.filter(day__gte=days[0], actor__isnull=False).exclude(verdict=Decision.Verdict.WITHDRAW).order_by()
    totals = list(given.values_list("actor").annotate(given=Sum("decisions")).order_by("-given", "actor")[: MOST_PEOPLE + 1])
    chosen = [actor for actor, _given in totals[:MOST_PEOPLE]]
    actors = Actor.objects.select_related("user").in_bulk(chosen)
    columns = [Column(str(actors[actor]) if actor in actors else _("someone who left")) for actor in chosen]
    # Everybody else's are added up where they lie: a team of hundreds has thousands of rows.
    named = Case(When(actor__in=chosen, then=F("actor")), output_field=UUIDField())
    rows = given.annotate(named=named).values_list("day", "named").annotate(given=Sum("decisions"))
    by_day = {(day, actor): decisions for day, actor, decisions in rows}
    others: list[Any] = []
    if len(totals) > MOST_PEOPLE:
        others, columns = [None], [*columns, Column(_("others"))]
    first = min((day for day, _actor in by_day), default=days[-1])
    return Chart(
        "decisions",
        _("Decisions of people, day by day"),
        "stacked",
        _("Day"),
        columns,
        [(day.isoformat(), [by_day.get((day, actor), 0) for actor in [*chosen, *others]]) for day in days if day >= first],
    )


def ages(whole: Figures | None) -> Chart:
    counted = whole.ages if whole and whole.ages else [0] * len(AGES)
    rows: list[Row] = [(str(label), [pairs]) for label, pairs in zip(AGES, counted, strict=True)]
    return Chart("ages", _("How long open pairs have waited"), "stacked", _("Waiting"), [Column(_("Pairs"), "accent")], rows)

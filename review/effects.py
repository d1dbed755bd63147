"""What a version of a policy would do, before it is published: counted where that is quick, else estimated from a sample, and said so.

Up to `MOST_EXACT` pairs are counted one by one, by the very function that routes them. Of more, `BLOCKS` short runs of ids are drawn at
random, one in each equal part of all ids, and the same ones for each category, so that two thresholds are compared on the same pairs. What
people decided is read from the pairs that were counted, or else from the newest `NEWEST_VERDICTS` of their verdicts. Both directions of a
pair are read with the category's own thresholds. What guards hold back is known of the pairs that the policy in force would accept, for
the kinds it guards; of the others that would be accepted, the facts of the first `MOST_CHECKED` are read here.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db.models import Max, Min, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment import facts, policies, scoring_workers
from alignment.models import Category, Decision, Pair, PolicyVersion, Worker
from alignment.routing import agree, guarded, route
from review.intervals import wilson

MOST_EXACT = 3_000
BLOCKS = 150
NEWEST_VERDICTS = 1_000
MOST_CHECKED = 50
BINS = 50
ROUTES: dict[str, Promise] = {
    Pair.Route.WAITING: _("waiting"),
    Pair.Route.ACCEPT: _("accept"),
    Pair.Route.REVIEW: _("review"),
    Pair.Route.DISCARD: _("discard"),
}
FIELDS = (
    "pk",
    "route",
    "score__probability",
    "reverse_score__probability",
    "standing__by",
    "standing__verdict",
    "in_review",
    "implied",
    "guard",
    "policy",
    "query",
    "left",
    "right",
    "category",
)
BANDS = (Pair.Route.ACCEPT, Pair.Route.REVIEW, Pair.Route.DISCARD)


class Scored(NamedTuple):
    """One scored pair as it stands. `by` and `verdict` are the standing decision's, "" where there is none."""

    pk: int
    route: str
    score: float
    reverse_score: float | None
    by: str | None
    verdict: str | None
    in_review: bool
    implied: str
    guard: str
    policy: int | None
    query: int
    left: int
    right: int
    category: int | None

    @property
    def sets(self) -> tuple[int, ...]:
        """The query SKUs of the directions that are scored."""
        return (self.query,) if self.reverse_score is None else (self.left, self.right)

    @property
    def conflicts(self) -> set[str]:
        """The kinds of facts in conflict that kept it from accept when it was last routed."""
        return {kind for kind in self.guard.split(", ") if kind}


@dataclass(frozen=True)
class Sample:
    """Scored pairs of what a category's policy governs. Each stands for `weight` pairs; 1 where all are there."""

    pairs: list[Scored]
    weight: float = 1.0

    @property
    def exact(self) -> bool:
        return self.weight == 1.0

    def count(self, pairs: int) -> int:
        """How many pairs so many of the sample stand for, to two digits where it is an estimate."""
        if self.exact or not pairs:
            return pairs
        estimate = round(pairs * self.weight)
        return round(estimate, 2 - len(str(estimate)))


@dataclass(frozen=True)
class Move:
    """So many pairs would go from one route to another."""

    was: Promise
    becomes: Promise
    pairs: int


@dataclass(frozen=True)
class Band:
    """What people said of the pairs whose scores would lead here: so many decided, so many of them the same product."""

    route: str
    name: Promise
    decided: int
    same: int

    @property
    def share(self) -> float | None:
        return self.same / self.decided if self.decided else None

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.same, self.decided)


@dataclass(frozen=True)
class Rescoring:
    """What a new instruction has scored again: sets (None where they are not counted), texts, and seconds at the measured speed.

    `kept`: the category had this instruction before, so that its scores are there.
    """

    sets: int | None
    pairs: int
    seconds: float | None
    kept: bool


@dataclass(frozen=True)
class Effect:
    """What publishing would do. Counts are of pairs; `unchecked` of those newly accepted whose facts were not compared."""

    exact: bool
    pairs: int
    moves: list[Move]
    queue: int
    queue_after: int
    withdrawn: int
    accepted: int
    unchecked: int
    bands: list[Band]
    rescoring: Rescoring | None
    bins: list[int]

    @property
    def moved(self) -> int:
        return sum(move.pairs for move in self.moves)


def of(category: Category, values: dict[str, Any], snapshot: policies.Policies) -> Effect:
    """What a version with these values (see `policies.FIELDS`), published for this category, would do."""
    in_force, under = snapshot.of(category.pk), snapshot.governed(category.pk)
    with_none = category.parent_id is None
    here = _pairs_in(under, snapshot, with_none=with_none)
    sample = sampled(here, seed=category.pk)
    becomes = _become(sample.pairs, values, in_force)
    moves: Counter[tuple[str, str]] = Counter()
    queue = queue_after = withdrawn = accepted = 0
    for pair in sample.pairs:
        queue += pair.in_review
        if pair.pk not in becomes.routes:
            queue_after += pair.in_review
            continue
        then = becomes.routes[pair.pk]
        queue_after += then == Pair.Route.REVIEW and not pair.implied
        accepted += then == Pair.Route.ACCEPT and pair.by is None
        withdrawn += then != Pair.Route.ACCEPT and pair.by is not None
        if then != pair.route:
            moves[pair.route, then] += 1
    decided = sample.pairs if sample.exact else newest_verdicts(under, with_none=with_none)
    asked_anew = values["instruction"].strip() != in_force.instruction
    return Effect(
        exact=sample.exact,
        pairs=sample.count(len(sample.pairs)),
        moves=[Move(ROUTES[was], ROUTES[then], sample.count(pairs)) for (was, then), pairs in sorted(moves.items())],
        queue=sample.count(queue),
        queue_after=sample.count(queue_after),
        withdrawn=sample.count(withdrawn),
        accepted=sample.count(accepted),
        unchecked=sample.count(becomes.unchecked),
        bands=bands(decided, accept_at=values["accept_at"], review_at=values["review_at"]),
        rescoring=_rescoring(category, sample, values["instruction"]) if asked_anew else None,
        bins=[sample.count(pairs) for pairs in histogram([pair.score for pair in sample.pairs])],
    )


def sampled(here: Q, *, seed: int) -> Sample:
    """All scored pairs where there are at most `MOST_EXACT`, else those of the runs of ids that were drawn."""
    found = Pair.objects.filter(here)
    if found.order_by()[: MOST_EXACT + 1].count() <= MOST_EXACT:
        return Sample(_rows(found))
    ends = Pair.objects.aggregate(first=Min("pk"), last=Max("pk"))
    blocks = min(BLOCKS, MOST_EXACT)
    ids, run = ends["last"] - ends["first"] + 1, MOST_EXACT // blocks
    drawing, part = random.Random(seed), ids / blocks  # noqa: S311
    drawn = Q()
    for block in range(blocks):
        start = ends["first"] + int(block * part) + drawing.randrange(max(1, int(part) - run + 1))
        drawn |= Q(pk__range=(start, start + run - 1))
    return Sample(_rows(found.filter(drawn)), weight=ids / (run * blocks))


def newest_verdicts(categories: set[int], *, with_none: bool) -> list[Scored]:
    """What people decided last, as far as it stands, is governed here, and its score is known."""
    fields = [{"standing__by": "by", "standing__verdict": "verdict"}.get(field, f"pair__{field}") for field in FIELDS]
    # Sorted out here: asked for what stands, a database that knows neither how many do nor where walks through all pairs.
    newest = Decision.objects.filter(by=Decision.By.PERSON).order_by("-pk").values_list("pk", "pair__standing", *fields)
    rows = [Scored(*row) for decision, standing, *row in newest[:NEWEST_VERDICTS] if decision == standing]
    here = [row for row in rows if row.category in categories or (with_none and row.category is None)]
    return [row for row in here if row.score is not None]


@dataclass(frozen=True)
class Becoming:
    """Where each pair that a policy may route would go, by its id; of `unchecked` it is not known whether guards hold them back."""

    routes: dict[int, Pair.Route]
    unchecked: int


def _become(pairs: Iterable[Scored], values: dict[str, Any], in_force: PolicyVersion) -> Becoming:
    guards, routes, unknown = set(values["guards"]), {}, []
    for pair in pairs:
        if pair.by == Decision.By.PERSON or pair.route == Pair.Route.WAITING:
            continue
        then = routed(pair, accept_at=values["accept_at"], review_at=values["review_at"])
        routes[pair.pk] = guarded(then, pair.conflicts & guards)
        if guards and routes[pair.pk] == Pair.Route.ACCEPT and not _compared(pair, guards, in_force):
            unknown.append(pair.pk)
    for one in Pair.objects.filter(pk__in=unknown[:MOST_CHECKED]).select_related("left", "right"):
        routes[one.pk] = guarded(Pair.Route.ACCEPT, facts.conflicts(facts.of(one.left), facts.of(one.right)) & guards)
    return Becoming(routes, max(0, len(unknown) - MOST_CHECKED))


def _compared(pair: Scored, guards: set[str], in_force: PolicyVersion) -> bool:
    """Whether these guards were asked of the pair when it was routed: they are, of what would be accepted, and of nothing else."""
    asked = pair.policy == in_force.pk and guards <= set(in_force.guards)
    return asked and (pair.route == Pair.Route.ACCEPT or bool(pair.guard))


def routed(pair: Scored, *, accept_at: float, review_at: float) -> Pair.Route:
    """Where a pair's scores would lead, whatever guards say."""
    scores = [score for score in (pair.score, pair.reverse_score) if score is not None]
    return agree([route(score, accept_at=accept_at, review_at=review_at) for score in scores])


def bands(pairs: Iterable[Scored], *, accept_at: float, review_at: float) -> list[Band]:
    """Of what people decided, how much would have gone where, and how much of that they called the same product."""
    decided: Counter[str] = Counter()
    same: Counter[str] = Counter()
    for pair in pairs:
        if pair.by == Decision.By.PERSON and pair.verdict in (Decision.Verdict.ACCEPT, Decision.Verdict.REJECT):
            becomes = routed(pair, accept_at=accept_at, review_at=review_at)
            decided[becomes] += 1
            same[becomes] += pair.verdict == Decision.Verdict.ACCEPT
    return [Band(band, ROUTES[band], decided[band], same[band]) for band in BANDS]


def speed() -> float | None:
    """Pairs a second: what the workers alive do together, else what one did last. None where none was measured."""
    alive = [worker.pairs_per_second for worker in scoring_workers.alive() if worker.pairs_per_second]
    if alive:
        return sum(alive)
    last = Worker.objects.filter(pairs_per_second__gt=0).order_by("-seen_at").first()
    return last.pairs_per_second if last else None


def _pairs_in(categories: set[int], snapshot: policies.Policies, *, with_none: bool) -> Q:
    """Pairs of these categories, and with `with_none` of none. Named by the fewer: the others, where these are most."""
    if with_none and 2 * len(categories) > len(snapshot.parents):
        return ~Q(category__in=snapshot.parents.keys() - categories)
    here = Q(category__in=categories)
    return here | Q(category__isnull=True) if with_none else here


def _rows(pairs: QuerySet[Pair]) -> list[Scored]:
    return [Scored(*row) for row in pairs.filter(score__isnull=False).order_by().values_list(*FIELDS)]


def _rescoring(category: Category, sample: Sample, instruction: str) -> Rescoring:
    pairs = sample.count(sum(len(pair.sets) for pair in sample.pairs))
    a_second = speed()
    return Rescoring(
        sets=len({query for pair in sample.pairs for query in pair.sets}) if sample.exact else None,
        pairs=pairs,
        seconds=pairs / a_second if a_second else None,
        kept=category.policy_versions.filter(instruction=instruction.strip()).exists(),
    )


def histogram(scores: Sequence[float]) -> list[int]:
    """How many scores fall into each of `BINS` equal parts of 0 to 1."""
    counts = Counter(min(int(score * BINS), BINS - 1) for score in scores)
    return [counts[i] for i in range(BINS)]

"""What a version of a policy would do, before it is published: counted where that is quick, else estimated from a sample, and said so.

Up to `MOST_EXACT` pairs are counted one by one, by the very function that routes them. Of more, `BLOCKS` short runs of ids are drawn at
random, one in each equal part of all ids, and the same ones for each category, so that two thresholds are compared on the same pairs.
What people decided is read from the pairs that were counted, or else from the newest `NEWEST_VERDICTS` of their verdicts. Each direction
of a pair is read under the policy of its own query's category, so a pair of two categories counts in both. What guards hold back is known
of the pairs that the policy in force would accept, for the kinds it guards; of the others that would be accepted, the facts of the first
`MOST_CHECKED` are read here.

Accepts make and undo groups, and groups answer pairs by themselves. Where every pair is counted, at most `MOST_WEIGHED` would be accepted
or withdrawn and at most `MOST_ANSWERED` are around them, that is weighed too, by what will weigh it; else groups are taken to stay.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import Max, Min, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from alignment import facts, groups, implied, policies, scoring_workers
from alignment.ledger import policy_key
from alignment.models import Category, Decision, Pair, PolicyVersion, Worker
from alignment.routing import agree, guarded, route
from review.intervals import wilson

MOST_EXACT = 3_000
BLOCKS = 150
NEWEST_VERDICTS = 1_000
MOST_CHECKED = 50
MOST_WEIGHED = 300
MOST_ANSWERED = 1_000
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
    "stage",
    "text_changed",
    "guard",
    "policy",
    "query",
    "left",
    "right",
    "category",
    "left__category",
    "right__category",
)
BANDS = (Pair.Route.ACCEPT, Pair.Route.REVIEW, Pair.Route.DISCARD)


class Direction(NamedTuple):
    """One scored direction of a pair: its query, the category whose policy reads the score, and the score."""

    query: int
    category: int | None
    score: float


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
    stage: str
    text_changed: bool
    guard: str
    policy: int | None
    query: int
    left: int
    right: int
    category: int | None
    left_category: int | None
    right_category: int | None

    @property
    def edge(self) -> tuple[int, int]:
        return self.left, self.right

    @property
    def directions(self) -> list[Direction]:
        forward = Direction(self.query, self.category, self.score)
        if self.reverse_score is None:
            return [forward]
        other = (self.left, self.left_category) if self.query == self.right else (self.right, self.right_category)
        return [forward, Direction(*other, self.reverse_score)]

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
    """What publishing would do. Counts are of pairs; `unchecked` of those newly accepted whose facts were not compared. `weighed`: what
    groups would then answer by themselves, and no longer, is in `queue_after`."""

    exact: bool
    weighed: bool
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

    @property
    def leaves_out_groups(self) -> bool:
        """Whether groups change whose answers are not in `queue_after`."""
        return not self.weighed and bool(self.accepted or self.withdrawn)


@dataclass(frozen=True)
class Draft:
    """A version as if it were published: `values` for the categories it would govern, and what is in force for all others."""

    category: Category
    values: dict[str, Any]
    snapshot: policies.Policies

    @cached_property
    def under(self) -> set[int]:
        return self.snapshot.governed(self.category.pk)

    @property
    def in_force(self) -> PolicyVersion:
        return self.snapshot.of(self.category.pk)

    @property
    def with_none(self) -> bool:
        return self.category.parent_id is None

    def governs(self, category: int | None) -> bool:
        return self.with_none if category is None else category in self.under

    def route(self, pair: Scored) -> Pair.Route:
        """Where a pair's scores would lead, whatever guards say."""
        return agree([self._route(one.category, one.score) for one in pair.directions])

    def guards(self, pair: Scored) -> set[str]:
        return {kind for one in pair.directions for kind in self._guards(one.category)}

    def _route(self, category: int | None, score: float) -> Pair.Route:
        if self.governs(category):
            return route(score, accept_at=self.values["accept_at"], review_at=self.values["review_at"])
        version = self.snapshot.of(category)
        return route(score, accept_at=version.accept_at, review_at=version.review_at)

    def _guards(self, category: int | None) -> Collection[str]:
        return self.values["guards"] if self.governs(category) else self.snapshot.of(category).guards


def of(category: Category, values: dict[str, Any], snapshot: policies.Policies) -> Effect:
    """What a version with these values (see `policies.FIELDS`), published for this category, would do."""
    draft = Draft(category, values, snapshot)
    sample = sampled(draft, seed=category.pk)
    becomes = _become(sample.pairs, draft)
    routes = becomes.routes
    moves = Counter((pair.route, routes[pair.pk]) for pair in sample.pairs if routes.get(pair.pk, pair.route) != pair.route)
    accepted = [pair for pair in sample.pairs if pair.by is None and routes.get(pair.pk) == Pair.Route.ACCEPT]
    withdrawn = [pair for pair in sample.pairs if pair.by is not None and routes.get(pair.pk, Pair.Route.ACCEPT) != Pair.Route.ACCEPT]
    # What groups answer already is wanted too: they may no longer.
    wanted = [
        pair for pair in sample.pairs if (routes[pair.pk] == Pair.Route.REVIEW if pair.pk in routes else pair.in_review or pair.implied)
    ]
    answered = _answered(wanted, accepted, withdrawn) if sample.exact else None
    left = [pair for pair in wanted if not (pair.implied if answered is None else pair.pk in answered)]
    decided = sample.pairs if sample.exact else newest_verdicts(draft)
    asked_anew = values["instruction"].strip() != draft.in_force.instruction
    return Effect(
        exact=sample.exact,
        weighed=answered is not None,
        pairs=sample.count(len(sample.pairs)),
        moves=[Move(ROUTES[was], ROUTES[then], sample.count(pairs)) for (was, then), pairs in sorted(moves.items())],
        queue=sample.count(sum(pair.in_review for pair in sample.pairs)),
        queue_after=sample.count(len(left)),
        withdrawn=sample.count(len(withdrawn)),
        accepted=sample.count(len(accepted)),
        unchecked=sample.count(becomes.unchecked),
        bands=bands(decided, draft),
        rescoring=_rescoring(draft, sample) if asked_anew else None,
        bins=[sample.count(pairs) for pairs in histogram([pair.score for pair in sample.pairs])],
    )


def sampled(draft: Draft, *, seed: int) -> Sample:
    """All scored pairs where there are at most `MOST_EXACT`, else those of the runs of ids that were drawn."""
    here = _in(draft)
    beside = [~here & Q(reverse_score__isnull=False) & _in(draft, f"{side}__category") for side in ("left", "right")]
    if Pair.objects.filter(here).order_by()[: MOST_EXACT + 1].count() <= MOST_EXACT:
        # One side after the other: a database asked for either walks through all pairs.
        parts = [here, *beside]
        rows = {row.pk: row for part in parts for row in _rows(Pair.objects.filter(part))}
        return Sample(list(rows.values()))
    found = Pair.objects.filter(here | beside[0] | beside[1])
    ends = Pair.objects.aggregate(first=Min("pk"), last=Max("pk"))
    blocks = min(BLOCKS, MOST_EXACT)
    ids, run = ends["last"] - ends["first"] + 1, MOST_EXACT // blocks
    drawing, part = random.Random(seed), ids / blocks  # noqa: S311
    drawn = Q()
    for block in range(blocks):
        start = ends["first"] + int(block * part) + drawing.randrange(max(1, int(part) - run + 1))
        drawn |= Q(pk__range=(start, start + run - 1))
    return Sample(_rows(found.filter(drawn)), weight=ids / (run * blocks))


def newest_verdicts(draft: Draft) -> list[Scored]:
    """What people decided last, as far as it stands, is governed here, and its score is known."""
    fields = [{"standing__by": "by", "standing__verdict": "verdict"}.get(field, f"pair__{field}") for field in FIELDS]
    # Sorted out here: asked for what stands, a database that knows neither how many do nor where walks through all pairs.
    newest = Decision.objects.filter(by=Decision.By.PERSON).order_by("-pk").values_list("pk", "pair__standing", *fields)
    rows = [Scored(*row) for decision, standing, *row in newest[:NEWEST_VERDICTS] if decision == standing]
    return [row for row in rows if row.score is not None and any(draft.governs(one.category) for one in row.directions)]


@dataclass(frozen=True)
class Becoming:
    """Where each pair that a policy may route would go, by its id; of `unchecked` it is not known whether guards hold them back."""

    routes: dict[int, Pair.Route]
    unchecked: int


def _become(pairs: Iterable[Scored], draft: Draft) -> Becoming:
    routes: dict[int, Pair.Route] = {}
    unknown: dict[int, set[str]] = {}
    for pair in pairs:
        if pair.by == Decision.By.PERSON or pair.route == Pair.Route.WAITING:
            continue
        guards = draft.guards(pair)
        routes[pair.pk] = guarded(draft.route(pair), pair.conflicts & guards)
        if guards and routes[pair.pk] == Pair.Route.ACCEPT and not _compared(pair, guards, draft.in_force):
            unknown[pair.pk] = guards
    for one in Pair.objects.filter(pk__in=list(unknown)[:MOST_CHECKED]).select_related("left", "right"):
        routes[one.pk] = guarded(Pair.Route.ACCEPT, facts.conflicts(facts.of(one.left), facts.of(one.right)) & unknown[one.pk])
    return Becoming(routes, max(0, len(unknown) - MOST_CHECKED))


def _answered(wanted: Sequence[Scored], accepted: Sequence[Scored], withdrawn: Sequence[Scored]) -> set[int] | None:
    """Which of the pairs that people would be asked about the groups would answer, by their ids, once these accepts stood and those were
    withdrawn. None where that is too much to weigh while somebody types."""
    if len(accepted) + len(withdrawn) > MOST_WEIGHED:
        return None
    keys = {pair.edge: policy_key(pair.score, pair.pk) for pair in accepted} | dict.fromkeys(pair.edge for pair in withdrawn)
    units = groups.foresee_policy(keys) if keys else {}
    answerable = [pair for pair in wanted if not pair.text_changed and pair.stage in implied.ASKED]
    # Of what was asked or answered before, the answer is known where the groups stay as they are.
    known = {pair.pk for pair in answerable if (pair.in_review or pair.implied) and units.keys().isdisjoint(pair.edge)}
    asked = [pair for pair in answerable if pair.pk not in known]
    if len(asked) > MOST_ANSWERED:
        return None
    found = implied.answered([pair.edge for pair in asked], units=units) if asked else set()
    return {pair.pk for pair in answerable if (pair.implied if pair.pk in known else pair.edge in found)}


def _compared(pair: Scored, guards: set[str], in_force: PolicyVersion) -> bool:
    """Whether these guards were asked of the pair when it was routed: they are, of what would be accepted, and of nothing else."""
    asked = pair.policy == in_force.pk and guards <= set(in_force.guards)
    return asked and (pair.route == Pair.Route.ACCEPT or bool(pair.guard))


def bands(pairs: Iterable[Scored], draft: Draft) -> list[Band]:
    """Of what people decided, how much would have gone where, and how much of that they called the same product."""
    decided: Counter[str] = Counter()
    same: Counter[str] = Counter()
    for pair in pairs:
        if pair.by == Decision.By.PERSON and pair.verdict in (Decision.Verdict.ACCEPT, Decision.Verdict.REJECT):
            becomes = draft.route(pair)
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


def _in(draft: Draft, field: str = "category") -> Q:
    """What is in the categories that it would govern. Named by the fewer: the others, where these are most."""
    if draft.with_none and 2 * len(draft.under) > len(draft.snapshot.parents):
        return ~Q(**{f"{field}__in": draft.snapshot.parents.keys() - draft.under})
    here = Q(**{f"{field}__in": draft.under})
    return here | Q(**{f"{field}__isnull": True}) if draft.with_none else here


def _rows(pairs: QuerySet[Pair]) -> list[Scored]:
    return [Scored(*row) for row in pairs.filter(score__isnull=False).order_by().values_list(*FIELDS)]


def _rescoring(draft: Draft, sample: Sample) -> Rescoring:
    asked = [one.query for pair in sample.pairs for one in pair.directions if draft.governs(one.category)]
    pairs, a_second = sample.count(len(asked)), speed()
    return Rescoring(
        sets=len(set(asked)) if sample.exact else None,
        pairs=pairs,
        seconds=pairs / a_second if a_second else None,
        kept=draft.category.policy_versions.filter(instruction=draft.values["instruction"].strip()).exists(),
    )


def histogram(scores: Sequence[float]) -> list[int]:
    """How many scores fall into each of `BINS` equal parts of 0 to 1."""
    counts = Counter(min(int(score * BINS), BINS - 1) for score in scores)
    return [counts[i] for i in range(BINS)]

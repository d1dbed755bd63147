"""What waits for a person, which case of it is theirs next, and why there is none.

A queue has an order: what is overdue, the longest overdue first; then by priority, and in a priority by the order of the policies.
Everything here reads a few rows of an index, whether a hundred pairs are open or a million.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, NamedTuple

from django.core.cache import cache
from django.db.models import Count, Exists, F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from alignment import planned
from alignment.models import Actor, CandidateSet, Category, Decision, Pair, User
from alignment.open_pairs import FOR_ADMINS
from alignment.opinions import last_word_open_to, none_of, second_open_to
from review import scopes, written
from review.bounded import COUNTED, Bounded
from review.models import HeldSKU, Lease, QueueCount
from review.pace import UNSCORED
from review.scopes import Scope

Stage = Pair.Stage
FOR_EVERYONE = (Stage.FIRST, Stage.SECOND)
ORDER = ("-priority", "order_key", "pk")
HEAD = ("pk", "query", "priority", "order_key", "policy__check_share")
# How many of the first free pairs are looked at, so that those who ask at the same moment need not wait for each other.
AT_ONCE = 16
OVERDUE_AT_ONCE = 1000
AS_COUNTED = "queues-as-counted"
# Looked at one by one; with more pairs of languages nearly everything fits.
MOST_LANGUAGES = 40


@dataclass(frozen=True)
class Left:
    """What one person could still be given. `more`: at least so much."""

    cases: int
    pairs: int
    more: bool = False


class Head(NamedTuple):
    """The first open pair of a case that could come next, its place in the order, and the share of checks that its policy wants."""

    pk: int
    query: int
    priority: int
    order_key: float
    check_share: float | None


def stages(*, escalated: bool) -> tuple[Pair.Stage, ...]:
    return FOR_ADMINS if escalated else FOR_EVERYONE


def open_pairs(user: User, *, escalated: bool, of: QuerySet[Pair] | None = None) -> QuerySet[Pair]:
    """The open pairs that this person may be shown, of some or of all: the admins' or the others.

    Without those they found unsure themselves, and without those that want somebody else's opinion than theirs.
    """
    pairs = (Pair.objects.all() if of is None else of).filter(in_review=True, stage__in=stages(escalated=escalated))
    if escalated:
        return pairs.filter(last_word_open_to(user)) if user.is_admin else pairs.none()
    return pairs.filter(second_open_to(user)).filter(_not_unsure_of(user))


def _open_at(user: User, stage: Pair.Stage) -> QuerySet[Pair]:
    """Those of `open_pairs` in one stage, by conditions of that stage only."""
    pairs = Pair.objects.filter(in_review=True, stage=stage)
    conditions = {Stage.FIRST: _not_unsure_of, Stage.SECOND: second_open_to, Stage.ADJUDICATION: last_word_open_to}
    return pairs.filter(conditions[stage](user)) if stage in conditions else pairs


def _not_unsure_of(user: User) -> Q:
    mine = Decision.objects.filter(
        pair=OuterRef("pk"), actor=Actor.of(user).uuid, verdict=Decision.Verdict.UNSURE, withdrawn_by__isnull=True
    )
    # Only for the few on which an unsure stands is the log looked at; NOT (a AND b) would lose the pairs on which nothing stands.
    return Q(standing__isnull=True) | ~Q(standing__verdict=Decision.Verdict.UNSURE) | none_of(mine)


def scope_of(user: User, *, escalated: bool, narrowed: bool = True) -> Scope:
    """What fits this person. Admins take what is escalated whatever its language and category, or what they filtered it by."""
    if escalated:
        return scopes.of_escalated(user) if narrowed else Scope()
    return scopes.of(user, narrowed=narrowed)


def next_heads(user: User, scope: Scope, *, escalated: bool) -> list[Head]:
    """The first pairs, in the queue's order, of cases that fit and in which no SKU is held: first of what was open when last counted."""
    if (escalated and not user.is_admin) or scope.languages == frozenset():
        return []
    counted = _as_counted()
    wanted = tuple(stage for stage in stages(escalated=escalated) if scope.stages is None or stage in scope.stages)
    some_overdue = counted is None or counted.some_overdue(scope, wanted)
    if some_overdue and (overdue := _overdue(_free(open_pairs(user, escalated=escalated)), scope)):
        return overdue
    open_then = tuple(stage for stage in wanted if counted and stage in counted.stages)
    found = _in_order(user, open_then, scope, counted) if open_then else []
    return (found or _in_order(user, wanted, scope, None))[:AT_ONCE]


@planned.anew()
def left(user: User, *, escalated: bool = False, narrowed: bool = True) -> Left:
    """Counted to 10,000; beyond that as last counted, by cells, which is looked up every ten seconds."""
    # What an admin filtered the escalated pairs by is few, and not worth remembering.
    asked = "" if escalated else json.dumps([user.pk, user.languages, user.preferences.get("work_on"), narrowed], sort_keys=True)
    many = f"queues-many-{hashlib.sha256(asked.encode()).hexdigest()}"
    if asked and cache.get(many):
        return Left(cases=COUNTED, pairs=COUNTED, more=True)
    scope = scope_of(user, escalated=escalated, narrowed=narrowed)
    counts = QueueCount.objects.filter(scope.fitting(), stage__in=stages(escalated=escalated))
    pairs = open_pairs(user, escalated=escalated).filter(scope.fitting()).order_by()
    found = _counted(pairs, user, at_most=COUNTED, unless_more_in=counts)
    if found is not None:
        return found
    if asked:
        cache.set(many, True, 10)
    return Left(cases=COUNTED, pairs=COUNTED, more=True)


def _counted(pairs: QuerySet[Pair], user: User, *, at_most: int, unless_more_in: QuerySet[QueueCount]) -> Left | None:
    """Counted one by one. A check in hand is counted as any other pair is, or the count would tell.

    None where there are more by the last count: that is summed up before the first pair is read, in the same query.
    """
    summed = unless_more_in.order_by().annotate(all=Func(F("pairs"), function="SUM", output_field=IntegerField())).values("all")
    last = Coalesce(Subquery(summed), 0)
    held = Lease.objects.filter(reviewer=user, check_pair__isnull=False)
    checks = Coalesce(Subquery(held.order_by().values("reviewer").annotate(checks=Count("pk")).values("checks")), 0)
    bounded = pairs.filter(LessThanOrEqual(last, at_most)).values("pk", "query")[: at_most + 1]
    found = bounded.aggregate(
        pairs=Count("pk"), cases=Count("query", distinct=True), with_checks=Count("pk") + checks, with_last=Count("pk") + last
    )
    if found["with_last"] - found["pairs"] > at_most:
        return None
    besides = found["with_checks"] - found["pairs"]
    more = found["pairs"] > at_most
    return Left(cases=found["cases"] + besides, pairs=min(found["pairs"], at_most) + besides, more=more)


@planned.anew()
def count_open(*, escalated: bool) -> int:
    """How many pairs are open, whoever may be shown them; beyond 10,000, that and one."""
    return Pair.objects.filter(in_review=True, stage__in=stages(escalated=escalated)).order_by()[: COUNTED + 1].count()


@planned.anew()
def why_empty(user: User, counted: Left, *, escalated: bool) -> dict[str, Any]:
    """What an empty queue says: `reason` and `count`. `counted` is what is `left` of it.

    held: others have what is left. narrowed: nothing in what they narrowed their work to, but so many pairs in their own.
    elsewhere: nothing in their languages and categories, but so many beside. others: what is left waits for somebody else's
    opinion. scoring: it goes on. aside: it was cancelled before its end. done: all of it. never: nothing was compared yet.
    """
    reason, count = _why_empty(user, counted, escalated=escalated)
    return {"reason": reason, "count": count}


def _why_empty(user: User, counted: Left, *, escalated: bool) -> tuple[str, int]:
    if counted.pairs:
        return "held", counted.pairs
    narrowed = not scope_of(user, escalated=True).everything if escalated else bool(scopes.work_on(user))
    if narrowed and (count := left(user, escalated=escalated, narrowed=False).pairs):
        return "narrowed", count
    there = _what_there_is(user, escalated=escalated)
    for reason in ("elsewhere", "others"):
        if count := there.get(reason, 0):
            return reason, count
    return next((reason for reason in ("scoring", "aside", "done") if there[reason]), "never"), 0


def _what_there_is(user: User, *, escalated: bool) -> dict[str, int]:
    """By each reason why nothing is left for a person, how much there is of it: one query over several tables."""
    sets = CandidateSet.objects
    rows: dict[str, Exists | Bounded] = {
        "scoring": Exists(sets.filter(UNSCORED)),
        "aside": Exists(sets.filter(status=CandidateSet.Status.ASIDE)),
        "done": Exists(sets.all()),
    }
    if not escalated:
        rows["others"] = Bounded(Pair.objects.filter(in_review=True, stage__in=FOR_EVERYONE))
        # Whoever is given everything has nothing elsewhere.
        if not scopes.of(user, narrowed=False).everything:
            rows["elsewhere"] = Bounded(open_pairs(user, escalated=False))
    return Category.objects.filter(parent=None).annotate(**rows).values(*rows).get()


def _free(pairs: QuerySet[Pair]) -> QuerySet[Pair]:
    """Pairs of cases in which no SKU is held.

    A scalar subquery: a planner that expects to read the whole table would join instead. This is looked up for the few rows that are read.
    """
    held = HeldSKU.objects.values("sku")
    touched = Pair.objects.filter(Q(left__in=held) | Q(right__in=held), in_review=True, query=OuterRef("query"))
    free = pairs.exclude(left__in=held).exclude(right__in=held)
    # Below zero for none: a planner takes IS NULL for rare, and would sort everything instead of reading the first in order.
    return free.alias(touched=Coalesce(Subquery(touched.order_by().values("pk")[:1]), -1)).filter(touched__lt=0)


def _overdue(free: QuerySet[Pair], scope: Scope) -> list[Head]:
    """What should have been decided before now, the longest overdue first, as far as it is among the first thousand."""
    overdue = Pair.objects.filter(in_review=True, due_at__lt=timezone.now()).order_by("due_at", "pk")
    first = free.filter(scope.fitting(), pk__in=overdue.values("pk")[:OVERDUE_AT_ONCE])
    return [Head(*row) for row in first.order_by("due_at", "pk").values_list(*HEAD)[:AT_ONCE]]


@dataclass(frozen=True)
class _Counted:
    """Of what anything was open when last counted, and of what any of it was overdue: stages and pairs of languages."""

    stages: frozenset[str]
    languages: frozenset[str]
    overdue: frozenset[tuple[str, str]]

    def some_overdue(self, scope: Scope, among: Sequence[str]) -> bool:
        """Whether any of these stages' was. What became so since is in its place in the order meanwhile."""
        return any(stage in among and (scope.languages is None or languages in scope.languages) for stage, languages in self.overdue)


def _as_counted() -> _Counted | None:
    """Read anew every ten seconds. None before the first count, and where nothing was open."""
    rows = cache.get(AS_COUNTED)
    if rows is None:
        open_ = QueueCount.objects.filter(pairs__gt=0).values("stage", "languages").annotate(late=Sum("overdue"))
        rows = list(open_.order_by().values_list("stage", "languages", "late"))
        cache.set(AS_COUNTED, rows, 10)
    if not rows:
        return None
    late = frozenset((stage, languages) for stage, languages, late in rows if late)
    return _Counted(frozenset(row[0] for row in rows), frozenset(row[1] for row in rows), late)


def _in_order(user: User, wanted: tuple[Pair.Stage, ...], scope: Scope, counted: _Counted | None) -> list[Head]:
    """The first of each part that has an index of its own: in each stage, of a category, else of a pair of languages, else of all."""
    languages = counted.languages if counted else None

    def heads() -> QuerySet[Pair, tuple[Any, ...]]:
        parts = _parts([_free(_open_at(user, stage)) for stage in wanted], scope, languages)
        return Pair.objects.filter(reduce(or_, parts)).values_list(*HEAD) if parts else Pair.objects.none().values_list(*HEAD)

    shape = (user.is_admin, wanted, scope, languages)
    return sorted((Head(*row) for row in written.rows(shape, heads, person=Actor.of(user).uuid)), key=_place)


def _place(head: Head) -> tuple[int, float, int]:
    return -head.priority, head.order_key, head.pk


def _parts(free: list[QuerySet[Pair]], scope: Scope, open_languages: frozenset[str] | None) -> list[Q]:
    """Which pairs are first of what is free in each stage: each found by an index, all in one query."""
    if scope.subtrees is not None:
        categories = scope.categories().order_by()
        if open_languages is not None and scope.languages is not None:
            # One without any fitting pair would be read to its end.
            counts = QueueCount.objects.filter(scope.of_languages(), category=OuterRef("pk"), pairs__gt=0)
            categories = categories.filter(Exists(counts))
        inside = [pairs.filter(scope.of_languages(), category=OuterRef("pk")) for pairs in free]
        return [Q(pk__among=categories.values(head=_head(pairs))) for pairs in inside]
    if scope.languages is not None and len(scope.languages) <= MOST_LANGUAGES:
        languages = scope.languages if open_languages is None else scope.languages & open_languages
        heads = [_head(pairs.filter(languages=one)) for one in sorted(languages) for pairs in free]
        return [Q(pk__in=heads)] if heads else []
    return [Q(pk__among=pairs.filter(scope.fitting()).order_by(*ORDER).values("pk")[:AT_ONCE]) for pairs in free]


def _head(pairs: QuerySet[Pair]) -> Subquery:
    return Subquery(pairs.order_by(*ORDER).values("pk")[:1])

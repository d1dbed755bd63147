"""What waits for a person, which case of it is theirs next, and why there is none.

A queue has an order: what is overdue, the longest overdue first; then by priority, and in a priority by the order of the policies.
Everything here reads a few rows of an index, whether a hundred pairs are open or a million.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from django.core.cache import cache
from django.db.models import Count, Exists, F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.db.models.lookups import LessThanOrEqual
from django.utils import timezone

from alignment import planned
from alignment.models import Actor, CandidateSet, Decision, Pair, PolicyVersion, User
from alignment.open_pairs import FOR_ADMINS
from alignment.opinions import last_word_open_to, none_of, second_open_to
from review import scopes, written
from review.models import HeldSKU, Lease, QueueCount
from review.pace import UNSCORED
from review.scopes import Scope

Stage = Pair.Stage
FOR_EVERYONE = (Stage.FIRST, Stage.SECOND)
ORDER = ("-priority", "order_key", "pk")
HEAD = ("pk", "query", "priority", "order_key", "policy__check_share")
COUNTED = 10_000
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


def open_pairs(user: User, *, escalated: bool) -> QuerySet[Pair]:
    """The open pairs that this person may be shown: the admins' or the others.

    Without those they found unsure themselves, and without those that want somebody else's opinion than theirs.
    """
    pairs = Pair.objects.filter(in_review=True, stage__in=stages(escalated=escalated))
    if escalated:
        return pairs.filter(last_word_open_to(user)) if user.is_admin else pairs.none()
    return pairs.filter(second_open_to(user)).filter(_not_unsure_of(user))


def shown(pairs: QuerySet[Pair], user: User, *, escalated: bool) -> list[Pair]:
    """Those of a few pairs, read with what stands on them, that `open_pairs` has. The log is asked only where it could hide one."""
    read = list(pairs.filter(in_review=True, stage__in=stages(escalated=escalated)))
    asked = [pair.pk for pair in read if pair.stage != Stage.FIRST or (pair.standing and pair.standing.verdict == Decision.Verdict.UNSURE)]
    if not asked:
        return read
    told = set(open_pairs(user, escalated=escalated).filter(pk__in=asked).values_list("pk", flat=True))
    return [pair for pair in read if pair.pk in told or pair.pk not in asked]


def _open_at(user: User, stage: Pair.Stage) -> QuerySet[Pair]:
    """Those of `open_pairs` in one stage, by conditions of that stage only."""
    pairs = Pair.objects.filter(in_review=True, stage=stage)
    if stage in FOR_ADMINS and not user.is_admin:
        return pairs.none()
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
    counted = _as_counted()
    return (_first(user, scope, counted, escalated=escalated) if counted else []) or _first(user, scope, None, escalated=escalated)


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
    return {"reason": reason or _how_far_scoring_is(), "count": count}


def _how_far_scoring_is() -> str:
    if CandidateSet.objects.filter(UNSCORED).exists():
        return "scoring"
    if CandidateSet.objects.filter(status=CandidateSet.Status.ASIDE).exists():
        return "aside"
    return "done" if CandidateSet.objects.exists() else "never"


def _why_empty(user: User, counted: Left, *, escalated: bool) -> tuple[str, int]:
    if count := counted.pairs:
        return "held", count
    if escalated:
        count = 0 if scope_of(user, escalated=True).everything else left(user, escalated=True, narrowed=False).pairs
        return ("narrowed", count) if count else ("", 0)
    if scopes.work_on(user) and (count := left(user, narrowed=False).pairs):
        return "narrowed", count
    # Whoever is given everything has nothing elsewhere.
    limited = not scopes.of(user, narrowed=False).everything
    if limited and (count := open_pairs(user, escalated=False).order_by()[: COUNTED + 1].count()):
        return "elsewhere", count
    if count := count_open(escalated=False):
        return "others", count
    return "", 0


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
    """In which stages and pairs of languages anything was open when last counted, and whether any of it was overdue."""

    stages: frozenset[str]
    languages: frozenset[str]
    overdue: bool


def _as_counted() -> _Counted | None:
    """Read anew every ten seconds. None before the first count, and where nothing was open."""
    rows = cache.get(AS_COUNTED)
    if rows is None:
        open_ = QueueCount.objects.filter(pairs__gt=0).values("stage", "languages").annotate(late=Sum("overdue"))
        rows = list(open_.order_by().values_list("stage", "languages", "late"))
        cache.set(AS_COUNTED, rows, 10)
    if not rows:
        return None
    return _Counted(frozenset(row[0] for row in rows), frozenset(row[1] for row in rows), any(row[2] for row in rows))


def _first(user: User, scope: Scope, counted: _Counted | None, *, escalated: bool) -> list[Head]:
    """What is overdue, else what comes first: wherever it is, or where `counted` says that something is."""
    some_overdue = counted is None or counted.overdue
    if some_overdue and (overdue := _overdue(_free(open_pairs(user, escalated=escalated)), scope)):
        return overdue
    wanted = [stage for stage in stages(escalated=escalated) if counted is None or stage in counted.stages]
    wanted = [stage for stage in wanted if scope.stages is None or stage in scope.stages]
    return _in_order(user, tuple(wanted), scope, counted)[:AT_ONCE]


def _in_order(user: User, wanted: tuple[Pair.Stage, ...], scope: Scope, counted: _Counted | None) -> list[Head]:
    """The first of each part that has an index of its own: in each stage, of a category, else of a pair of languages, else of all."""
    if not wanted:
        return []
    person, shape = Actor.of(user).uuid, (user.is_admin, wanted, scope, counted and counted.languages)

    def free() -> list[QuerySet[Pair]]:
        return [_free(_open_at(user, stage)) for stage in wanted]

    if scope.subtrees is not None:
        heads = written.rows(shape, lambda: _of_categories(free(), scope, counted), person=person)
    elif scope.languages is not None and len(scope.languages) <= MOST_LANGUAGES:
        languages = scope.languages if counted is None else scope.languages & counted.languages
        heads = written.rows(shape, lambda: _of_languages(free(), languages), person=person) if languages else []
    else:
        firsts = [written.rows((shape, stage), partial(_of_all, user, stage, scope), person=person) for stage in wanted]
        return sorted((Head(*row) for rows in firsts for row in rows), key=_place)
    found = [head for row in heads for head in row if head is not None]
    return sorted((Head(*row) for row in Pair.objects.filter(pk__in=found).values_list(*HEAD)), key=_place) if found else []


def _place(head: Head) -> tuple[int, float, int]:
    return -head.priority, head.order_key, head.pk


def _of_all(user: User, stage: Pair.Stage, scope: Scope) -> QuerySet[Pair, tuple[Any, ...]]:
    return _free(_open_at(user, stage)).filter(scope.fitting()).order_by(*ORDER).values_list(*HEAD)[:AT_ONCE]


def _of_categories(free: list[QuerySet[Pair]], scope: Scope, counted: _Counted | None) -> QuerySet[Any, tuple[Any, ...]]:
    inside = [pairs.filter(scope.of_languages(), category=OuterRef("pk")) for pairs in free]
    categories = scope.categories().order_by()
    if counted and scope.languages is not None:
        # One without any fitting pair would be read to its end.
        categories = categories.filter(Exists(QueueCount.objects.filter(scope.of_languages(), category=OuterRef("pk"), pairs__gt=0)))
    return categories.values_list(*map(_head, inside))


def _of_languages(free: list[QuerySet[Pair]], languages: frozenset[str]) -> QuerySet[Any, tuple[Any, ...]]:
    parts = [_head(pairs.filter(languages=one)) for one in sorted(languages) for pairs in free]
    # Any one row: only what is looked up beside it matters, all in one query.
    return PolicyVersion.objects.order_by("pk").values_list(*parts)[:1]


def _head(pairs: QuerySet[Pair]) -> Subquery:
    return Subquery(pairs.order_by(*ORDER).values("pk")[:1])

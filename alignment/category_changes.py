"""What a changed category tree means for scores, routes and what a merged category held: worked through some at a time, as a run."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from alignment import logbook, pair_routes, policies, runs, scoring, wake_ups
from alignment.models import (
    SKU,
    CandidateRun,
    CandidateSet,
    Category,
    CategoryAlias,
    CategoryChange,
    Invitation,
    Pair,
    PolicyVersion,
    User,
)

SETS_AT_ONCE = 50
ROWS_AT_ONCE = 500
PROGRESS = ("last_set_id", "rescored", "rerouted", "skus_moved")
Kind = CategoryChange.Kind


def work(run_id: int) -> None:
    """Work a change through, some sets at a time. One that was killed goes on where it stopped."""
    run = runs.take(CategoryChange, run_id)
    if run is None:
        return
    more = True
    while more:
        with transaction.atomic():
            if run.kind == Kind.MERGE:
                # Listings before the log, as an import locks them: each would wait for the other else.
                held = SKU.objects.select_for_update(no_key=True).filter(category=run.category_id).order_by("pk")
                list(held.values_list("pk", flat=True)[:SETS_AT_ONCE])
            logbook.lock()
            more = _advance(run)
            runs.tell(run, **{name: getattr(run, name) for name in PROGRESS})
    runs.finish(run)


def _advance(run: CategoryChange) -> bool:
    """One chunk. Whether there was one."""
    merged = {run.category_id} if run.kind == Kind.MERGE else set()
    rescore, reroute = set(run.rescore) - merged, set(run.reroute) - merged
    ids = _sets(rescore | reroute).filter(pk__gt=run.last_set_id, pk__lte=run.final_set_id)[:SETS_AT_ONCE] if rescore | reroute else []
    chunk = list(ids)
    if chunk:
        run.last_set_id = chunk[-1]
        again = list(_sets(rescore).filter(pk__in=chunk)) if rescore else []
        _rework(run, again, [pk for pk in chunk if pk not in set(again)])
        return True
    return run.kind == Kind.MERGE and run.category_id is not None and _move_some(run, run.category_id)


def _sets(categories: set[int]) -> QuerySet[CandidateSet, int]:
    return CandidateSet.objects.filter(policies.sets_of(categories, with_none=False)).order_by("pk").values_list("pk", flat=True)


def _rework(run: CategoryChange, rescore: list[int], reroute: list[int]) -> None:
    if rescore:
        run.rescored += scoring.set_waiting(Q(pk__in=rescore))
        wake_ups.wake()
    if reroute:
        scored = list(CandidateSet.objects.filter(pk__in=reroute, status=CandidateSet.Status.SCORED).values_list("pk", flat=True))
        pair_routes.route_sets(scored)
        run.rerouted += len(scored)


def _move_some(run: CategoryChange, category: int) -> bool:
    """Some of what a merged category still holds, into the other; at last the category goes."""
    into = run.into
    if into is None:
        return False
    skus = list(SKU.objects.filter(category=category).order_by("pk").values_list("pk", flat=True)[:SETS_AT_ONCE])
    if skus:
        SKU.objects.filter(pk__in=skus).update(category=into, updated_at=timezone.now())
        run.skus_moved += len(skus)
        _rework_as_merged(run, list(CandidateSet.objects.filter(query__in=skus, category=None).values_list("pk", flat=True)))
        return True
    sets = list(CandidateSet.objects.filter(category=category).order_by("pk").values_list("pk", flat=True)[:SETS_AT_ONCE])
    if sets:
        CandidateSet.objects.filter(pk__in=sets).update(category=into)
        _rework_as_merged(run, sets)
        return True
    pairs = list(Pair.objects.filter(category=category).order_by("pk").values_list("pk", flat=True)[:ROWS_AT_ONCE])
    if pairs:
        Pair.objects.filter(pk__in=pairs).update(category=into)
        return True
    CandidateRun.objects.filter(category=category).update(category=into)
    for user in User.objects.filter(categories=category):
        user.categories.add(into)
    for invitation in Invitation.objects.filter(categories=category):
        invitation.categories.add(into)
    CategoryAlias.objects.filter(category=category).update(category=into)
    children: QuerySet[Category] = Category.objects.filter(parent=category)
    if children.exists() or PolicyVersion.objects.filter(category=category).exists():
        # Somebody added one, or published for this one, meanwhile: it stays, and so does its parent.
        return False
    Category.objects.filter(pk=category).delete()
    run.category = None
    return True


def _rework_as_merged(run: CategoryChange, sets: list[int]) -> None:
    if run.category_id in run.rescore:
        _rework(run, sets, [])
    elif run.category_id in run.reroute:
        _rework(run, [], sets)

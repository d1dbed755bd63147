"""Buildings of candidates: started here, done by a worker, so that the web process never holds an index."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet

from alignment import catalogue, runs
from alignment.models import SKU, Actor, AuditEvent, CandidateRun, CandidateSet, User


def start(run: CandidateRun, *, by: User | None = None) -> CandidateRun:
    """Store a run and have a worker take it. `by`: who asked for it, where it is an act of its own and does not follow an import."""
    with transaction.atomic():
        run = runs.start(run)
        if by is not None:
            detail = {"run": str(run.uuid), "source": run.source.name if run.source else "", "k": run.k, "changed_only": run.changed_only}
            AuditEvent.objects.create(actor=Actor.of(by).uuid, action="propose candidates", subject=str(run)[:200], detail=detail)
    return run


def usual() -> dict[str, Any]:
    """The options of the last run, for the next: those of a first run where there is none."""
    last = CandidateRun.objects.first()
    if last is None:
        return {"k": settings.CANDIDATES_PER_QUERY}
    return {name: getattr(last, name) for name in ("k", "minimum", "other_source", "other_language", "category_levels")}


def listed() -> QuerySet[SKU]:
    return SKU.objects.filter(delisted_at__isnull=True)


def chosen(run: CandidateRun) -> QuerySet[SKU]:
    """The SKUs that a run builds candidates for, whether it did so yet or not."""
    wanted = listed()
    if run.source_id:
        wanted = wanted.filter(source_id=run.source_id)
    if run.category:
        wanted = wanted.filter(catalogue.under(run.category.path))
    if run.changed_only:
        as_they_are = CandidateSet.objects.filter(origin=CandidateSet.Origin.RETRIEVAL, built_from=F("query__content_hash"))
        wanted = wanted.exclude(pk__in=as_they_are.values("query"))
    return wanted


def built(run: CandidateRun) -> QuerySet[CandidateSet]:
    """The sets that a run has built so far."""
    return CandidateSet.objects.filter(origin=CandidateSet.Origin.RETRIEVAL, built_by=run.pk)


def affected(run: CandidateRun) -> QuerySet[SKU]:
    """What a run of changed SKUs has among its candidates and did not build for: those may want the changed ones among their own."""
    done = built(run).values("query")
    return listed().filter(pk__in=built(run).values("candidates__sku")).exclude(pk__in=done)

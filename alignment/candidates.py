"""Candidate sets, from a caller or from retrieval. A set is stored whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F, Q

from alignment import scoring, scoring_runs, wake_ups
from alignment.models import SKU, ApiToken, Candidate, CandidateRun, CandidateSet, Category

MOST_CANDIDATES = 500
SETS_AT_ONCE = 10


class CandidateError(ValueError):
    """A set that cannot be stored; the text says why."""


class IdempotencyConflict(CandidateError):
    """The key was used for another request."""


@dataclass(frozen=True)
class Proposal:
    """What retrieval found for one query: SKU ids with scores from 0 to 1, best first. `content_hash` is the query's when it was read."""

    query_id: int
    found: Sequence[tuple[int, float]]
    content_hash: str = ""


def post_set(
    *,
    query: SKU,
    candidates: Sequence[SKU],
    category: Category | None = None,
    owner: uuid.UUID | None = None,
    token: ApiToken | None = None,
    idempotency_key: str = "",
    request_hash: str = "",
    interactive: bool = False,
) -> tuple[CandidateSet, bool]:
    """Store a caller's set and wake the workers. Returns it and whether it is new.

    Raises CandidateError, or IdempotencyConflict when the key came with another request before.
    """
    ids = [sku.pk for sku in candidates]
    if not 1 <= len(ids) <= MOST_CANDIDATES:
        raise CandidateError(f"a set has 1 to {MOST_CANDIDATES} candidates; this one has {len(ids)}")
    if query.pk in ids:
        raise CandidateError(f"candidates[{ids.index(query.pk)}] is the query: a SKU is never its own candidate")
    if len(set(ids)) != len(ids):
        twice = next(place for place, sku in enumerate(ids) if sku in ids[:place])
        raise CandidateError(f"candidates[{twice}] names the same SKU as candidates[{ids.index(ids[twice])}]")
    with transaction.atomic():
        if idempotency_key:
            made, new = CandidateSet.objects.get_or_create(
                owner_id=owner,
                idempotency_key=idempotency_key,
                defaults={
                    "query": query,
                    "category": category,
                    "origin": CandidateSet.Origin.CALLER,
                    "token": token,
                    "request_hash": request_hash,
                    "interactive": interactive,
                },
            )
            if not new:
                if made.request_hash != request_hash:
                    raise IdempotencyConflict("this Idempotency-Key was used for another request")
                return made, False
        else:
            made = CandidateSet.objects.create(
                query=query, category=category, origin=CandidateSet.Origin.CALLER, token=token, owner_id=owner, interactive=interactive
            )
        Candidate.objects.bulk_create(Candidate(set=made, query=query, sku_id=sku, rank=rank) for rank, sku in enumerate(ids, 1))
        if token is not None:
            scoring_runs.join(scoring_runs.of_posts(token), [made.pk])
        wake_ups.wake()
    return made, True


def store_proposals(proposals: Iterable[Proposal], *, run: CandidateRun | None = None) -> int:
    """Store retrieval's proposals, some at a time, so that no other writer waits long. Returns how many sets were stored or changed.

    A query has one retrieved set. Stored again, it gains new candidates and new ranks; a candidate that was scored stays, since its score
    is a fact that a pair may rest on. Only a set that gained a candidate waits to be scored again.
    """
    chunk: list[Proposal] = []
    changed = 0
    for proposal in proposals:
        chunk.append(proposal)
        if len(chunk) == SETS_AT_ONCE:
            changed += _store(chunk, run)
            chunk = []
    return changed + (_store(chunk, run) if chunk else 0)


def _store(chunk: Sequence[Proposal], run: CandidateRun | None) -> int:
    with transaction.atomic():
        origin = CandidateSet.Origin.RETRIEVAL
        wanted = {proposal.query_id: proposal for proposal in chunk}
        present = dict(CandidateSet.objects.filter(query__in=wanted, origin=origin).values_list("query_id", "id"))
        fresh = [
            CandidateSet(query_id=query, origin=origin, built_by=run, built_from=proposal.content_hash)
            for query, proposal in sorted(wanted.items())
            if query not in present and proposal.found
        ]
        CandidateSet.objects.bulk_create(fresh, ignore_conflicts=True)
        # Another run may build for the same queries: it waits here, or has made sets meanwhile, which have candidates then.
        locked = CandidateSet.objects.select_for_update(no_key=True).filter(query__in=wanted, origin=origin).order_by("pk")
        sets = dict(locked.values_list("query_id", "id"))
        stored = {(candidate.set_id, candidate.sku_id): candidate for candidate in Candidate.objects.filter(set__in=sets.values())}
        before = set(present.values()) | {made for made, _sku in stored}
        new, moved, kept, gained = [], [], set(), set()
        for query, proposal in wanted.items():
            for rank, (sku, score) in enumerate(proposal.found, 1):
                if sku == query:
                    raise CandidateError("a SKU is never its own candidate")
                candidate = stored.get((sets[query], sku))
                if candidate is None:
                    new.append(Candidate(set_id=sets[query], query_id=query, sku_id=sku, rank=rank, retrieval_score=score))
                    gained.add(sets[query])
                    continue
                kept.add(candidate.pk)
                if (candidate.rank, candidate.retrieval_score) != (rank, score):
                    candidate.rank, candidate.retrieval_score = rank, score
                    moved.append(candidate)
        built = [
            CandidateSet(pk=made, built_by=run, built_from=wanted[query].content_hash) for query, made in sets.items() if made in before
        ]
        CandidateSet.objects.bulk_update(built, ["built_by", "built_from"])
        Candidate.objects.bulk_create(new, batch_size=1000)
        Candidate.objects.bulk_update(moved, ["rank", "retrieval_score"], batch_size=300)
        gone = [c.pk for c in stored.values() if c.pk not in kept and c.score_id is None]
        Candidate.objects.filter(pk__in=gone).delete()
        scoring.set_waiting(Q(pk__in=gained & before))
        if run is not None and gained:
            scoring_runs.join(scoring_runs.of_candidates(run), gained)
            CandidateRun.objects.filter(pk=run.pk).update(sets_changed=F("sets_changed") + len(gained))
    return len(gained)

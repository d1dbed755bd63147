"""Scored sets in, routed pairs out: each pair gets the route that its directions, policies and facts say, and policies decide by it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from django.db.models import Q

from alignment import decisions, facts, logbook, open_pairs
from alignment.models import SKU, Candidate, CandidateSet, Decision, Pair
from alignment.policies import Policies
from alignment.routing import agree, guarded, route

Status = CandidateSet.Status
MOST_UPDATES = 20
ROUTED = {"route", "guard", "score", "reverse_score", "policy", "query", "category", "same_gtin", *open_pairs.FIELDS}
WRITTEN = {field.name: field.attname for field in Pair._meta.concrete_fields if field.name in ROUTED}


def route_sets(set_ids: Sequence[int]) -> None:
    """Route every pair that these scored sets propose, and let policies decide. Inside a transaction that holds the log."""
    proposed = list(Candidate.objects.filter(set__in=set_ids).values_list("query_id", "sku_id"))
    if not proposed:
        return
    edges = {(min(pair), max(pair)) for pair in proposed}
    skus = {sku for edge in edges for sku in edge}
    directions: dict[tuple[int, int], list[Candidate]] = defaultdict(list)
    queries = {query for query, _sku in proposed}
    rows = (
        Candidate.objects.filter(Q(query__in=queries, sku__in=skus) | Q(sku__in=queries, query__in=skus))
        .select_related("set__query", "score")
        .order_by("set_id")
    )
    for candidate in rows:
        edge = (min(candidate.query_id, candidate.sku_id), max(candidate.query_id, candidate.sku_id))
        if edge in edges:
            directions[edge].append(candidate)
    _route_pairs(directions)


def _route_pairs(directions: Mapping[tuple[int, int], Sequence[Candidate]]) -> None:
    policies = Policies()
    lefts = {left for left, _right in directions}
    stored = {
        (pair.left_id, pair.right_id): pair
        for pair in Pair.objects.select_related("standing").filter(left__in=lefts, right__in={right for _left, right in directions})
    }
    was = {pair.pk: _written(pair) for pair in stored.values()}
    pairs = []
    stated: dict[int, list[facts.Fact]] = {}
    skus = SKU.objects.in_bulk({sku for edge in directions for sku in edge})
    for edge, candidates in directions.items():
        pair = stored.get(edge) or Pair(query_id=candidates[0].query_id)
        pair.left, pair.right = skus[edge[0]], skus[edge[1]]
        pair.same_gtin = _same(pair.left.gtin, pair.right.gtin)
        _route_pair(pair, candidates, policies, stated)
        pairs.append(pair)
    open_pairs.refresh(pairs)
    _save_pairs(pairs, was)
    moved = Q(route=Pair.Route.ACCEPT, standing__isnull=True) | Q(standing__by=Decision.By.POLICY) & ~Q(route=Pair.Route.ACCEPT)
    followed = (
        Pair.objects.select_related("left", "right", "score", "reverse_score", "policy", "standing")
        .filter(moved, pk__in=[pair.pk for pair in pairs])
        .order_by("pk")
    )
    decisions.follow_routes(list(followed), reason="new route")


def gtin_changed(sku_ids: Sequence[int]) -> None:
    """SKUs state another GTIN: their pairs say whether it is the other's. Inside the caller's transaction."""
    # Whoever routes new pairs of them meanwhile reads them before this waits, or after it ended.
    logbook.lock()
    pairs = Pair.objects.filter(Q(left__in=sku_ids) | Q(right__in=sku_ids))
    for same in (True, False):
        other = pairs.filter(same_gtin=not same).values_list("pk", "left__gtin", "right__gtin")
        Pair.objects.filter(pk__in=[pk for pk, left, right in other if _same(left, right) == same]).update(same_gtin=same)


def _same(left: str, right: str) -> bool:
    return bool(left) and left == right


def _written(pair: Pair) -> dict[str, Any]:
    """What routing may change of a pair, by column."""
    return {field: getattr(pair, attribute) for field, attribute in WRITTEN.items()}


def _save_pairs(pairs: Sequence[Pair], was: Mapping[int, Mapping[str, Any]]) -> None:
    """Write new pairs, and of those stored what changed. Under new thresholds most pairs change alike, in a field or two: one UPDATE for
    all of them holds the log for milliseconds where a bulk update of every field takes seconds."""
    Pair.objects.bulk_create([pair for pair in pairs if pair.pk is None], batch_size=200)
    changed: dict[tuple[str, ...], dict[tuple[Any, ...], list[Pair]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        if before := was.get(pair.pk):
            now = _written(pair)
            fields = tuple(field for field in WRITTEN if now[field] != before[field])
            changed[fields][tuple(now[field] for field in fields)].append(pair)
    changed.pop((), None)
    for fields, alike in changed.items():
        if len(alike) <= MOST_UPDATES:
            for values, some in alike.items():
                Pair.objects.filter(pk__in=[pair.pk for pair in some]).update(**dict(zip(fields, values, strict=True)))
        else:
            Pair.objects.bulk_update([pair for some in alike.values() for pair in some], fields, batch_size=200)


def _route_pair(pair: Pair, candidates: Sequence[Candidate], policies: Policies, stated: dict[int, list[facts.Fact]]) -> None:
    """Set a pair's route from its directions, of which none may wait. The newest set speaks for a direction; people settle a difference.

    `stated` keeps the facts of SKUs read so far: only those of pairs that would be accepted under a policy with guards are read at all.
    """
    newest: dict[int, Candidate] = {candidate.query_id: candidate for candidate in candidates if candidate.score is not None}
    waiting = any(c.set.status in (Status.PENDING, Status.CLAIMED, Status.ASIDE) for c in candidates)
    if pair.query_id not in newest and newest:
        pair.query_id = next(iter(newest))
    other = pair.left_id if pair.query_id == pair.right_id else pair.right_id
    forward, reverse = newest.get(pair.query_id), newest.get(other)
    if forward is None:
        return
    versions = {query: policies.of(c.set.category_id or c.set.query.category_id) for query, c in newest.items()}
    pair.score, pair.reverse_score = forward.score, reverse.score if reverse else None
    pair.policy = versions[pair.query_id]
    pair.category_id = forward.set.category_id or forward.set.query.category_id
    if waiting:
        return
    chosen = agree(
        [
            route(c.score.probability, accept_at=versions[query].accept_at, review_at=versions[query].review_at)
            for query, c in newest.items()
            if c.score is not None
        ]
    )
    guards = {kind for version in versions.values() for kind in version.guards} if chosen == Pair.Route.ACCEPT else set()
    conflicts = _conflicts(pair, guards, stated)
    pair.route, pair.guard = guarded(chosen, conflicts), ", ".join(conflicts)


def _conflicts(pair: Pair, guards: AbstractSet[str], stated: dict[int, list[facts.Fact]]) -> list[str]:
    if not guards:
        return []
    for sku in (pair.left, pair.right):
        if sku.pk not in stated:
            stated[sku.pk] = facts.of(sku)
    found = facts.conflicts(stated[pair.left_id], stated[pair.right_id])
    return [kind for kind in facts.HARD if kind in found & guards]

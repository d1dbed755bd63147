"""A policy tried before it is published: real pairs of its category, scored under the typed instruction while the admin looks.

What was asked is named by the page itself, as PAIR:REQUEST, so that a look at the answers asks nothing anew and keeps nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from alignment import policies, rendering, rerank
from alignment.models import SKU, Actor, Category, Decision, Pair, RerankRequest, User
from alignment.routing import route

PAIRS = 5
# How many of them per band, where the band has so many.
SPREAD = {Pair.Route.ACCEPT: 1, Pair.Route.REVIEW: 3, Pair.Route.DISCARD: 1}
LOOKED_AT = 60
Status = RerankRequest.Status


@dataclass(frozen=True)
class Texts:
    """One pair as the model is asked about it."""

    pair: Pair
    candidate: SKU
    instruction: str
    query_text: str
    document: str


@dataclass(frozen=True)
class Tried:
    """One pair with what was asked of it: `answer` once it is there."""

    texts: Texts
    asked: RerankRequest
    answer: rerank.Answer | None

    @property
    def name(self) -> str:
        return f"{self.texts.pair.pk}:{self.asked.uuid}"

    @property
    def waiting(self) -> bool:
        return self.asked.finished_at is None

    @property
    def old(self) -> float | None:
        return self.texts.pair.score.probability if self.texts.pair.score else None


def pairs_of(category: Category) -> list[Pair]:
    """Five scored pairs that the category's policy governs, spread over the bands, those that nobody decided first."""
    snapshot = policies.Policies()
    in_force, under = snapshot.of(category.pk), snapshot.governed(category.pk)
    here = Q(category__in=under) | Q(category__isnull=True) if category.parent_id is None else Q(category__in=under)
    found: dict[str, list[Pair]] = {}
    for band in SPREAD:
        looked = _shown(Pair.objects.filter(here, route=band, score__isnull=False))[:LOOKED_AT]
        # Rather those whose own score lies in the band: only one direction is scored here.
        alike = [one for one in looked if led_to(_score(one), accept_at=in_force.accept_at, review_at=in_force.review_at) == band]
        found[band] = sorted(alike or looked, key=lambda pair: (_decided(pair), -_score(pair), pair.pk))
    chosen = [pair for band, count in SPREAD.items() for pair in _spread(found[band], count)]
    others = [pair for band in found.values() for pair in band if pair not in chosen]
    chosen += _spread(others, PAIRS - len(chosen))
    return sorted(chosen, key=lambda pair: (-_score(pair), pair.pk))


def named(names: Sequence[str]) -> dict[int, uuid.UUID]:
    """Pair to request, from what the page sent back. What is no such name is left out."""
    found: dict[int, uuid.UUID] = {}
    for name in names[:PAIRS]:
        pair, _colon, asked = name.partition(":")
        try:
            found[int(pair)] = uuid.UUID(asked)
        except ValueError:
            continue
    return found


def texts_of(pair: Pair, instruction: str) -> Texts:
    candidate = pair.right if pair.query_id == pair.left_id else pair.left
    filled = policies.fill_in(instruction, category=pair.category, language=pair.query.language, source=pair.query.source.name)
    return Texts(pair, candidate, filled, rendering.render(pair.query), rendering.render(candidate))


def tried(*, category: Category, instruction: str, user: User, names: Sequence[str] = ()) -> list[Tried]:
    """The pairs with their answers. What was not asked yet under this very instruction is asked now. Raises rerank.QueueFull."""
    before = named(names)
    pairs = list(_shown(Pair.objects.filter(pk__in=before))) if before else []
    pairs = sorted(pairs, key=lambda pair: list(before).index(pair.pk)) or pairs_of(category)
    owner = Actor.of(user).uuid
    known = {asked.uuid: asked for asked in RerankRequest.objects.select_related("model").filter(uuid__in=before.values(), owner_id=owner)}
    made = []
    for place, pair in enumerate(pairs):
        texts = texts_of(pair, instruction)
        asked = known.get(before[pair.pk]) if pair.pk in before else None
        if asked is None or (asked.instruction, asked.query, asked.documents) != (texts.instruction, texts.query_text, [texts.document]):
            asked = rerank.ask(
                instruction=texts.instruction,
                query=texts.query_text,
                documents=[texts.document],
                owner=owner,
                category=pair.category,
                explain=place == 0,
            )
        answers = rerank.answers_of(asked)
        made.append(Tried(texts, asked, answers[0] if answers else None))
    return made


def led_to(probability: float | None, *, accept_at: float, review_at: float) -> str:
    """Where one direction's score leads, "" where there is none."""
    return "" if probability is None else route(probability, accept_at=accept_at, review_at=review_at)


def _shown(pairs: QuerySet[Pair]) -> QuerySet[Pair]:
    return pairs.order_by().select_related("left__source", "right__source", "query__source", "category", "score__model", "standing")


def _score(pair: Pair) -> float:
    return pair.score.probability if pair.score else 0.0


def _decided(pair: Pair) -> bool:
    return pair.standing is not None and pair.standing.by == Decision.By.PERSON


def _spread(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """So many of them, evenly from first to last."""
    if len(pairs) <= count:
        return list(pairs)
    return [pairs[round(i * (len(pairs) - 1) / max(count - 1, 1))] for i in range(count)]

"""Texts scored while somebody waits: asked by the rerank API and the playground, answered by workers before any candidate set."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from alignment import wake_ups
from alignment.importing.language import detect
from alignment.models import Category, RerankRequest, ScoringModel
from alignment.policies import fill_in, published

Status = RerankRequest.Status
OPEN = Q(status__in=[Status.PENDING, Status.CLAIMED])
MOST_DOCUMENTS = 1000
MOST_CHARACTERS = 2_000_000
MOST_WAITING = 32
MOST_ATTEMPTS = 2
SECONDS_BETWEEN_LOOKS = 0.02
KEPT_FOR = timedelta(hours=1)
SHARED_FOR = timedelta(days=30)


class QueueFull(Exception):
    """More requests wait than can be answered soon. `seconds` says when to try again."""

    seconds = 2


@dataclass(frozen=True)
class Answer:
    """One document's: l_yes - l_no, its sigmoid, and how many of its tokens were read and cut."""

    logit: float
    probability: float
    tokens_read: int
    tokens_cut: int


@dataclass(frozen=True)
class Reading:
    """What the model reads of one document: its whole prompt as text, and how many tokens each part has.

    `frame` is what the prompt has around the texts. Without tokens (`limit` 0) a server makes the prompt, and `prompt` is what it is sent.
    """

    prompt: str
    frame: int
    instruction: int
    query: int
    document: int
    cut: int
    limit: int

    @property
    def tokens(self) -> int:
        return self.frame + self.instruction + self.query + self.document


def instruction_for(category: Category | None, query: str) -> str:
    """The instruction of the policy in force, for a query that is text and no SKU: it has no source, and its language is detected."""
    language = detect(query, confidence=settings.LANGUAGE_CONFIDENCE)
    return fill_in(published(category).instruction, category=category, language=language, source="")


def ask(
    *,
    instruction: str,
    query: str,
    documents: Sequence[str],
    owner: UUID,
    document_limit: int | None = None,
    category: Category | None = None,
    shared: bool = False,
    beside: RerankRequest | None = None,
    explain: bool = False,
) -> RerankRequest:
    """Put a request where workers look first. Raises QueueFull."""
    if RerankRequest.objects.filter(OPEN).count() >= MOST_WAITING:
        raise QueueFull
    with transaction.atomic():
        made = RerankRequest.objects.create(
            instruction=instruction,
            query=query,
            documents=list(documents),
            document_limit=document_limit,
            owner_id=owner,
            category=category,
            shared=shared,
            beside=beside,
            explain=explain,
        )
        wake_ups.wake()
    return made


def wait(asked: RerankRequest, *, seconds: float, gone: Callable[[], bool] = lambda: False) -> RerankRequest:
    """The request as it stands when it is finished, or when the time is over or the asker has gone."""
    until = time.monotonic() + seconds
    while True:
        row = RerankRequest.objects.select_related("model").get(pk=asked.pk)
        if row.finished_at is not None or time.monotonic() > until or gone():
            return row
        time.sleep(SECONDS_BETWEEN_LOOKS)


def give_up(asked: RerankRequest) -> None:
    """Free the work of a request that nobody waits for any more."""
    RerankRequest.objects.filter(OPEN, pk=asked.pk).update(status=Status.GIVEN_UP, finished_at=timezone.now(), holder="")
    asked.refresh_from_db()


def claim(*, holder: str) -> RerankRequest | None:
    """The oldest request that nobody works on; one whose worker died is taken again, and fails at the second death."""
    now = timezone.now()
    # Looked at before every chunk: without a transaction while nothing waits, so that no writer waits for it.
    free = RerankRequest.objects.filter(OPEN).filter(Q(status=Status.PENDING) | Q(lease_expires_at__lt=now))
    if not free.exists():
        return None
    with transaction.atomic():
        row = free.select_for_update(skip_locked=True).order_by("id").first()
        if row is None:
            return None
        if row.attempts >= MOST_ATTEMPTS:
            fail(row, holder=row.holder, error="The process that scored this died.")
            return None
        held = {"status": Status.CLAIMED, "holder": holder, "attempts": F("attempts") + 1}
        expires = now + timedelta(seconds=settings.SCORING_LEASE_SECONDS)
        RerankRequest.objects.filter(pk=row.pk).update(lease_expires_at=expires, **held)
    return row


def renew(asked: RerankRequest, *, holder: str) -> bool:
    """Hold it for another term. False when it was given up, or taken by another."""
    expires = timezone.now() + timedelta(seconds=settings.SCORING_LEASE_SECONDS)
    return RerankRequest.objects.filter(pk=asked.pk, status=Status.CLAIMED, holder=holder).update(lease_expires_at=expires) == 1


def answer(
    asked: RerankRequest, *, holder: str, model: ScoringModel, answers: Sequence[Answer], readings: Sequence[Reading] | None = None
) -> bool:
    """Store what was computed. False when it was given up, or taken by another."""
    explained = None if readings is None else [asdict(reading) for reading in readings]
    found = [[a.logit, a.probability, a.tokens_read, a.tokens_cut] for a in answers]
    held = RerankRequest.objects.filter(pk=asked.pk, status=Status.CLAIMED, holder=holder)
    now = timezone.now()
    return held.update(status=Status.ANSWERED, answers=found, explained=explained, model=model, finished_at=now, holder="") == 1


def fail(asked: RerankRequest, *, holder: str, error: str) -> None:
    held = RerankRequest.objects.filter(pk=asked.pk, status=Status.CLAIMED, holder=holder)
    held.update(status=Status.FAILED, error=error[:2000], finished_at=timezone.now(), holder="")


def put_back(asked: RerankRequest, *, holder: str) -> None:
    """Nothing was wrong with the texts: they wait."""
    held = RerankRequest.objects.filter(pk=asked.pk, status=Status.CLAIMED, holder=holder)
    held.update(status=Status.PENDING, holder="", lease_expires_at=None, attempts=F("attempts") - 1)


def answers_of(asked: RerankRequest) -> list[Answer]:
    return [Answer(*values) for values in asked.answers or []]


def readings_of(asked: RerankRequest) -> list[Reading]:
    return [Reading(**values) for values in asked.explained or []]


def clear() -> int:
    """Delete what nobody will look at again: shared requests after `SHARED_FOR`, others after `KEPT_FOR`. Returns how many."""
    now = timezone.now()
    old = Q(shared=False, created_at__lt=now - KEPT_FOR) | Q(shared=True, created_at__lt=now - SHARED_FOR)
    return RerankRequest.objects.filter(old).delete()[0]

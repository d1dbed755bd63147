"""Claim, compute, store: the loop of a process that scores. One model per process, loaded when first needed."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from celery.worker import state
from django.conf import settings

from alignment import rerank, scoring, scoring_workers
from alignment.models import CandidateSet, RerankRequest, ScoringModel
from alignment.scoring import Fact, Work
from workers.reranker.contract import Engine, Unavailable

logger = logging.getLogger(__name__)

# Whoever asks while a bulk job runs waits for a chunk at most.
CHUNK_SECONDS = 0.4
SMALLEST_CHUNK = 512
DOCUMENTS_AT_ONCE = 32
EXPLAINED = 5
PAUSE_AFTER_ERROR = 30.0
TOLD_EVERY = 10.0


class Scorer:
    """A loaded model, what it is called in the database, and how fast it has been."""

    def __init__(self, reranker: Engine) -> None:
        self.reranker = reranker
        identity = reranker.identity
        self.model: ScoringModel = scoring_workers.register_model(
            name=identity.name,
            revision=identity.revision,
            dtype=identity.dtype,
            prompt_format=identity.prompt_format,
            max_length=identity.max_length,
            is_demo=reranker.is_demo,
        )
        self.holder = f"{socket.gethostname()}:{os.getpid()}"
        self.token_budget = min(4 * SMALLEST_CHUNK, settings.SCORING_TOKEN_BUDGET)
        self.told_at = float("-inf")

    def step(self) -> bool:
        """Answer everybody who waits, then claim one chunk and score it. Returns whether anything waited."""
        answered = self.answer_requests()
        sets = scoring.claim(holder=self.holder, token_budget=self.token_budget)
        if not sets:
            return answered
        try:
            self._score(sets)
        except Unavailable:
            scoring.put_back(sets=sets, holder=self.holder)
            raise
        except Exception as error:
            logger.exception("A chunk of %d sets failed", len(sets))
            if len(sets) == 1:
                scoring.fail(sets=sets, holder=self.holder, error=f"{type(error).__name__}: {error}")
                return True
            for one in sets:
                try:
                    self._score([one])
                except Unavailable:
                    scoring.put_back(sets=sets, holder=self.holder)
                    raise
                except Exception as reason:
                    scoring.fail(sets=[one], holder=self.holder, error=f"{type(reason).__name__}: {reason}")
        return True

    def answer_requests(self) -> bool:
        """Returns whether there was one."""
        any_asked = False
        while not stopping() and (asked := rerank.claim(holder=self.holder)):
            any_asked = True
            try:
                self._answer(asked)
            except Unavailable:
                rerank.put_back(asked, holder=self.holder)
                raise
            except Exception as error:
                logger.exception("A rerank request failed")
                rerank.fail(asked, holder=self.holder, error=f"{type(error).__name__}: {error}")
        return any_asked

    def _answer(self, asked: RerankRequest) -> None:
        """Some documents at a time: a request that is given up frees the rest of its work."""
        answers: list[rerank.Answer] = []
        for start in range(0, len(asked.documents), DOCUMENTS_AT_ONCE):
            if start and not rerank.renew(asked, holder=self.holder):
                return
            self._tell()
            part = asked.documents[start : start + DOCUMENTS_AT_ONCE]
            scores = self.reranker.score(asked.instruction, asked.query, part, document_limit=asked.document_limit)
            answers += [rerank.Answer(score.logit, score.probability, score.tokens_read, score.tokens_cut) for score in scores]
        readings = None
        if asked.explain:
            read = [self.reranker.read(asked.instruction, asked.query, document) for document in asked.documents[:EXPLAINED]]
            readings = [rerank.Reading(**asdict(reading)) for reading in read]
        rerank.answer(asked, holder=self.holder, model=self.model, answers=answers, readings=readings)

    def _score(self, sets: Sequence[CandidateSet]) -> None:
        begun = time.monotonic()
        works = scoring.prepare(sets, model=self.model)
        started = time.monotonic()
        facts = self._compute(works, sets)
        seconds = time.monotonic() - started
        scoring.store(works=works, facts=facts, model=self.model, holder=self.holder)
        if facts:
            wanted = self.token_budget * CHUNK_SECONDS / max(time.monotonic() - begun, 0.01)
            lowest, highest = self.token_budget / 2, self.token_budget * 2
            self.token_budget = int(min(max(wanted, lowest, SMALLEST_CHUNK), highest, settings.SCORING_TOKEN_BUDGET))
        self._report(sets_in_hand=len(sets), pairs=len(facts), pairs_per_second=len(facts) / seconds if facts else None)

    def _compute(self, works: Sequence[Work], sets: Sequence[CandidateSet]) -> list[Fact]:
        """Score what has no score yet, renewing the claim after every slice that came back."""
        facts: list[Fact] = []
        wanted = [
            (work, list(work.documents.items())[start : start + DOCUMENTS_AT_ONCE])
            for work in works
            for start in range(0, len(work.documents), DOCUMENTS_AT_ONCE)
        ]
        if not wanted:
            return facts
        slices = [wanted] if len(wanted) == len([w for w in works if w.documents]) else [[one] for one in wanted]
        for part in slices:
            scored = self.reranker.score_sets([(work.instruction, work.query, [text for _inputs, text in items]) for work, items in part])
            for (_work, items), scores in zip(part, scored, strict=True):
                facts += [
                    Fact(inputs, score.logit, score.probability, score.tokens_read, score.tokens_cut)
                    for (inputs, _text), score in zip(items, scores, strict=True)
                ]
            scoring.renew(holder=self.holder, sets=sets)
            self._tell(sets_in_hand=len(sets))
        return facts

    def _tell(self, *, sets_in_hand: int = 0) -> None:
        """Whoever is long at one thing lives: now and then it is said."""
        if time.monotonic() - self.told_at > TOLD_EVERY:
            self._report(sets_in_hand=sets_in_hand)

    def _report(self, *, sets_in_hand: int, pairs: int = 0, pairs_per_second: float | None = None) -> None:
        self.told_at = time.monotonic()
        scoring_workers.report(
            name=self.holder,
            model=self.model,
            device=self.reranker.device,
            sets_in_hand=sets_in_hand,
            pairs=pairs,
            pairs_per_second=pairs_per_second,
            memory_mb=memory_mb(),
        )


_scorer: Scorer | None = None
_not_before = 0.0


def load() -> Engine:
    """The model that the settings name, here or behind a server. Raises workers.reranker.contract.ModelError."""
    if settings.RERANKER_URL:
        from workers.reranker.remote import RemoteReranker

        return RemoteReranker(
            settings.RERANKER_URL,
            api=settings.RERANKER_API,
            model=settings.RERANKER_MODEL,
            key=settings.RERANKER_API_KEY,
            timeout=settings.RERANKER_TIMEOUT_SECONDS,
        )
    from workers.reranker.reranker import Reranker

    return Reranker.load(
        settings.RERANKER_MODEL,
        device=settings.RERANKER_DEVICE,
        dtype=settings.RERANKER_DTYPE,
        max_length=settings.RERANKER_MAX_LENGTH,
        separator="\n" if settings.RERANKER_SEPARATOR == "single" else "\n\n",
    )


def memory_mb() -> int | None:
    """What the model takes: of the GPU where there is one, else of this process. None where the system does not say."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.memory_reserved()) // 2**20
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def stopping() -> bool:
    """Whether the worker was told to end: what waits is left to the next one."""
    return state.should_stop is not None or state.should_terminate is not None


def drain() -> None:
    """Score until nothing waits. A model that cannot be loaded or does not answer parks nothing: sets wait, the worker's row says why."""
    global _scorer, _not_before
    name = f"{socket.gethostname()}:{os.getpid()}"
    if time.monotonic() < _not_before:
        return
    try:
        _scorer = _scorer or Scorer(load())
        while not stopping() and _scorer.step():
            pass
    except Unavailable as error:
        logger.warning("%s", error)
        problem = str(error)
    except Exception as error:
        logger.exception("The model %s cannot be used", settings.RERANKER_MODEL)
        problem = str(error)
    else:
        scoring_workers.report(name=name, model=_scorer.model, device=_scorer.reranker.device, memory_mb=memory_mb())
        return
    _not_before = time.monotonic() + PAUSE_AFTER_ERROR
    scoring_workers.report(name=name, model=_scorer.model if _scorer else None, error=problem)

"""An evaluation that was started in the browser: the first stages here, the reranker by whoever scores, through the interactive queue."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from alignment import rerank, runs, told
from alignment.models import Actor, Category, EvaluationRun, RerankRequest, ScoringModel
from alignment.policies import Policies, fill_in
from workers.evaluation import labelled, report, systems
from workers.evaluation.labelled import LabelledSet
from workers.evaluation.systems import Run
from workers.retrieval.dense import StaticEmbeddings

logger = logging.getLogger(__name__)
EMBEDDINGS = Path(settings.BASE_DIR) / "workers" / "demo_model"
# Few at a time: people's requests go in between.
ASKED_AT_ONCE = 4
LONGEST_WAIT = 600.0


class Cancelled(Exception):
    """Somebody cancelled the run."""


class NotScored(Exception):
    """The reranker did not answer; the text says why."""


def evaluate(run_id: int) -> None:
    run = runs.take(EvaluationRun, run_id)
    if run is None:
        return
    if not run.stored_path:
        runs.finish(run, error=told.FILE_GONE)
        return
    try:
        with runs.heartbeat(run):
            found = _report(run, labelled.read(Path(run.stored_path)))
    except (labelled.LabelError, NotScored) as error:
        runs.finish(run, error=str(error).replace(Path(run.stored_path).name, run.name))
    except Cancelled:
        return
    except Exception as error:
        logger.exception("The evaluation %s failed", run.uuid)
        runs.finish(run, error=told.EVALUATING_FAILED % {"fault": type(error).__name__})
    else:
        runs.finish(run, report=found)


def _report(run: EvaluationRun, sets: Sequence[LabelledSet]) -> dict[str, Any]:
    policy = Policies().of(None)
    lexical, semantic = systems.bm25(sets), systems.dense(sets, StaticEmbeddings.load(EMBEDDINGS))
    found_by = {
        "trigrams": systems.trigrams(sets),
        "bm25": lexical,
        "dense": semantic,
        "fusion": systems.fusion(lexical, semantic),
    }
    found_by[report.RERANKER], model = _reranked(run, sets)
    found = report.build(sets, found_by, accept_at=policy.accept_at, review_at=policy.review_at)
    identity = {"name": model.name, "revision": model.revision, "dtype": model.dtype, "demo": model.is_demo}
    return {"file": run.name, "model": identity} | found


def _reranked(run: EvaluationRun, sets: Sequence[LabelledSet]) -> tuple[Run, ScoringModel]:
    policies, categories = Policies(), {category.path: category for category in Category.objects.all()}
    owner = Actor.of(run.author).uuid if run.author else UUID(int=0)
    scores: list[list[float]] = []
    seconds: list[float] = []
    model: ScoringModel | None = None
    if not runs.tell(run, sets=len(sets), sets_done=0):
        raise Cancelled
    for start in range(0, len(sets), ASKED_AT_ONCE):
        begun = time.perf_counter()
        asked = []
        for one in sets[start : start + ASKED_AT_ONCE]:
            category = categories.get(one.category)
            policy = policies.of(category.pk if category else None)
            instruction = fill_in(policy.instruction, category=category, language=one.query_language, source="")
            asked.append(_ask(run, instruction, one, owner, len(sets), len(scores)))
        for request in asked:
            answered = _answered(run, request, len(sets), len(scores))
            model = answered.model
            scores.append([answer.probability for answer in rerank.answers_of(answered)])
        seconds += [(time.perf_counter() - begun) / len(asked)] * len(asked)
        if not runs.tell(run, sets=len(sets), sets_done=len(scores)):
            raise Cancelled
    assert model is not None
    return Run(scores, seconds), model


def _ask(run: EvaluationRun, instruction: str, one: LabelledSet, owner: UUID, sets: int, done: int) -> RerankRequest:
    while True:
        try:
            return rerank.ask(instruction=instruction, query=one.query, documents=one.texts, owner=owner)
        except rerank.QueueFull as full:
            time.sleep(full.seconds)
            if not runs.tell(run, sets=sets, sets_done=done):
                raise Cancelled from None


def _answered(run: EvaluationRun, request: RerankRequest, sets: int, done: int) -> RerankRequest:
    until = time.monotonic() + LONGEST_WAIT
    while True:
        request = rerank.wait(request, seconds=5)
        if not runs.tell(run, sets=sets, sets_done=done):
            rerank.give_up(request)
            raise Cancelled
        if request.status == RerankRequest.Status.ANSWERED:
            return request
        if request.finished_at is not None:
            raise NotScored(told.NOT_SCORED % {"number": done + 1, "error": request.error})
        if time.monotonic() > until:
            rerank.give_up(request)
            raise NotScored(told.NO_ANSWER)

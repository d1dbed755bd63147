"""Candidates for the catalogue: read, indexed, proposed, stored a few sets at a time. What a killed process stored is not done again."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings

from alignment import candidate_runs, candidates, rendering, runs, told, wake_ups
from alignment.models import CandidateRun, Category
from workers.retrieval import Catalogue, Retriever, encoder
from workers.retrieval.restriction import Restriction

logger = logging.getLogger(__name__)
TOLD_EVERY = 200
Say = Callable[[int, int], None]


class Cancelled(Exception):
    """Somebody cancelled the run."""


class NothingToCompare(Exception):
    """Fewer than two SKUs are listed."""


def work(run_id: int, *, say: Say = lambda done, of: None) -> CandidateRun | None:
    """Take a run and do it. None where another process has it, or it is over. `say` hears how far it is."""
    run = runs.take(CandidateRun, run_id)
    if run is None:
        return None
    try:
        _build(run, say)
    except Cancelled:
        pass
    except (encoder.EncoderError, NothingToCompare) as error:
        runs.finish(run, error=str(error))
    except Exception as error:
        logger.exception("Building candidates (%s) failed", run.uuid)
        runs.finish(run, error=told.BUILDING_FAILED % {"fault": type(error).__name__})
    else:
        runs.finish(run)
    run.refresh_from_db()
    return run


def _build(run: CandidateRun, say: Say) -> None:
    skus = _read(run)
    if len(skus.ids) < 2:
        raise NothingToCompare(told.TOO_FEW)
    runs.note(run, runs.What.READ, text=f"{len(skus.ids):,}")
    progress = _Progress(run, say, done=candidate_runs.built(run).count())
    with runs.heartbeat(run):
        retriever = Retriever(
            Catalogue(np.array(skus.ids, dtype=np.int64), skus.text_hashes, skus.texts),
            encoder=encoder.load(settings.RETRIEVAL_ENCODER),
            restriction=Restriction(skus.sources, skus.languages, skus.categories),
            folder=Path(settings.VAR_DIR) / "retrieval",
        )
    runs.note(run, runs.What.INDEXED)
    before = set(candidate_runs.built(run).values_list("query_id", flat=True))
    wanted = set(candidate_runs.chosen(run).values_list("pk", flat=True)) - before
    progress.store(skus, retriever, wanted)
    if run.changed_only:
        progress.store(skus, retriever, set(candidate_runs.affected(run).values_list("pk", flat=True)))


@dataclass(frozen=True)
class _SKUs:
    """The listed SKUs by ascending id. A restriction that is not asked for is the empty string."""

    ids: list[int]
    texts: list[str]
    text_hashes: list[str]
    content_hashes: list[str]
    sources: list[str]
    languages: list[str]
    categories: list[str]
    twins: dict[int, list[int]]


def _read(run: CandidateRun) -> _SKUs:
    found = _SKUs([], [], [], [], [], [], [], {})
    by_gtin: dict[str, list[int]] = defaultdict(list)
    fields = ("title", "attributes", "description", "gtin", "source_id", "language", "text_hash", "content_hash", "category__path")
    for sku in candidate_runs.listed().order_by("pk").select_related("category").only(*fields).iterator(chunk_size=2000):
        found.ids.append(sku.pk)
        found.texts.append(rendering.render(sku))
        found.text_hashes.append(sku.text_hash)
        found.content_hashes.append(sku.content_hash)
        found.sources.append(str(sku.source_id) if run.other_source else "")
        found.languages.append(sku.language if run.other_language else "")
        path = sku.category.path.split(Category.SEPARATOR) if sku.category else []
        found.categories.append(Category.SEPARATOR.join(path[: run.category_levels]))
        if sku.gtin:
            by_gtin[sku.gtin].append(sku.pk)
    found.twins.update({sku: [other for other in alike if other != sku] for alike in by_gtin.values() for sku in alike if len(alike) > 1})
    return found


class _Progress:
    """Stores proposals, and tells how many SKUs are done."""

    def __init__(self, run: CandidateRun, say: Say, *, done: int) -> None:
        self.run, self.say, self.done, self.total = run, say, done, done

    def store(self, skus: _SKUs, retriever: Retriever, wanted: set[int]) -> None:
        """Raises Cancelled."""
        rows = [row for row, sku in enumerate(skus.ids) if sku in wanted]
        self.total += len(rows)
        self._tell()
        candidates.store_proposals(self._proposals(skus, retriever, rows), run=self.run)
        self._tell()

    def _proposals(self, skus: _SKUs, retriever: Retriever, rows: Sequence[int]) -> Iterator[candidates.Proposal]:
        k = self.run.k
        for row, found in retriever.candidates(rows, k, minimum=self.run.minimum):
            # What has the same GTIN is a candidate whatever it says, and the first.
            twins = skus.twins.get(skus.ids[row], [])[:k]
            others = [(skus.ids[other], round(score, 6)) for other, score in found if skus.ids[other] not in twins]
            yield candidates.Proposal(skus.ids[row], [*((sku, 1.0) for sku in twins), *others[: k - len(twins)]], skus.content_hashes[row])
            self.done += 1
            if self.done % TOLD_EVERY == 0:
                self._tell()

    def _tell(self) -> None:
        self.say(self.done, self.total)
        wake_ups.wake()
        if not runs.tell(self.run, skus=self.total, skus_done=self.done):
            raise Cancelled

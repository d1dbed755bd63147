"""The engine's door: instruction, query and documents in, scores out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from workers.reranker import model
from workers.reranker.contract import ModelError, ModelIdentity, Reading, Score, sigmoid
from workers.reranker.forward import Decoder
from workers.reranker.model import Checkpoint
from workers.reranker.packing import Piece, halved, layout, rows
from workers.reranker.prompt import EncodedSet, Encoder

__all__ = ["ModelError", "ModelIdentity", "Reranker", "Score", "sigmoid"]

logger = logging.getLogger(__name__)
TOKENS_PER_ROW = {"cpu": 4096, "cuda": 32768}
LEAST_TOKENS = 512
MEMORY_SHARE = 0.8
TEXTS_AHEAD = 2048

SetTexts = tuple[str, str, Sequence[str]]


class Reranker:
    """Qwen3-Reranker scoring. One per process: it holds the weights and the device."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        try:
            self._encoder = Encoder(checkpoint.tokenizer, checkpoint.prompt, checkpoint.identity.max_length)
            self._decoder = Decoder(checkpoint.base, compiled=checkpoint.is_large)
        except ValueError as error:
            raise ModelError(f"{checkpoint.identity.name!r} cannot be used: {error}") from error
        self.identity = checkpoint.identity
        self.device = str(checkpoint.device)
        self._token_budget = TOKENS_PER_ROW[checkpoint.device.type]
        if checkpoint.device.type == "cuda":
            self._token_budget = self._budget_for_memory(self._token_budget)
        self._tokenising = ThreadPoolExecutor(1, thread_name_prefix="tokenising")
        self.is_demo = checkpoint.prompt.name.startswith("demo")

    @classmethod
    def load(
        cls, name: str, *, device: str = "auto", dtype: str = "auto", max_length: int | None = None, separator: str = "\n"
    ) -> Reranker:
        """Load a hub name or a folder. Raises ModelError with what to do.

        A small model on a CPU has this process compute in one thread: its products are too small to share, and beside a busy process
        threads that wait for each other made it twenty times slower.
        """
        checkpoint = model.load(str(name), device=device, dtype=dtype, max_length=max_length, separator=separator)
        if checkpoint.device.type == "cpu" and not checkpoint.is_large:
            torch.set_num_threads(1)
        return cls(checkpoint)

    def score(self, instruction: str, query: str, documents: Sequence[str], *, document_limit: int | None = None) -> list[Score]:
        """One score a document, in the order given. A document is read up to `document_limit` tokens, where it is given."""
        return [score for encoded in self._encoded([(instruction, query, documents)], document_limit) for score in self._scores(encoded)[0]]

    def score_sets(self, sets: Sequence[SetTexts]) -> list[list[Score]]:
        """Scores of several sets, each (instruction, query, documents), in the orders given."""
        return [scores for encoded in self._encoded(sets) for scores in self._scores(encoded)]

    def read(self, instruction: str, query: str, document: str) -> Reading:
        """The prompt of one pair, to the token: decoded from the ids that are scored. What a text is cut by is not in it."""
        encoder = self._encoder
        encoded = encoder.encode(instruction, query, [document])
        ids = encoded.shared + encoded.documents[0]
        asked, about = (len(part) for part in encoder.plain([instruction, query]))
        # Of a head that was cut, the query lost its end first.
        room = len(encoded.shared) - len(encoder.prefix) - len(encoder.joint)
        asked = min(asked, room) if "{instruction}" in encoder.prompt.head else 0
        about = min(about, room - asked)
        return Reading(
            prompt=encoder.text(ids),
            frame=len(ids) - asked - about - encoded.read[0],
            instruction=asked,
            query=about,
            document=encoded.read[0],
            cut=encoded.cut[0],
            limit=self.identity.max_length,
        )

    def _encoded(self, sets: Sequence[SetTexts], document_limit: int | None = None) -> Iterator[list[EncodedSet]]:
        """The sets as token ids, some at a time: while the model reads these, a thread tokenises the next."""
        waiting: Future[list[EncodedSet]] | None = None
        for part in _parts(sets):
            following = self._tokenising.submit(self._encoder.encode_sets, part, document_limit)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()

    def _scores(self, encoded: Sequence[EncodedSet]) -> list[list[Score]]:
        logits = [[0.0] * len(e.documents) for e in encoded]
        for row in rows(encoded, self._token_budget):
            places = [(piece.set, document) for piece in row for document in piece.documents]
            for (index, document), logit in zip(places, self._row_logits(encoded, row), strict=True):
                logits[index][document] = logit
        return [
            [Score(logit, sigmoid(logit), read, cut) for logit, read, cut in zip(row, e.read, e.cut, strict=True)]
            for row, e in zip(logits, encoded, strict=True)
        ]

    def _budget_for_memory(self, most: int) -> int:
        """The tokens that a row may hold on this device: from what rows of two sizes take, at most `MEMORY_SHARE` of what is free."""
        device, taken = self._checkpoint.device, []
        for tokens in (LEAST_TOKENS, 2 * LEAST_TOKENS):
            trial = EncodedSet([0] * (tokens // 4), [[0] * 32] * (tokens * 3 // 4 // 32), [32], [0])
            torch.cuda.reset_peak_memory_stats(device)
            before = torch.cuda.memory_allocated(device)
            self._row_logits([trial], [Piece(0, tuple(range(len(trial.documents))))])
            taken.append(torch.cuda.max_memory_allocated(device) - before)
        each = max(1, (taken[1] - taken[0]) // LEAST_TOKENS)
        free, _total = torch.cuda.mem_get_info(device)
        budget = min(most, max(LEAST_TOKENS, int(free * MEMORY_SHARE) // each))
        logger.info("A row holds %d tokens: a token takes %d bytes, %d are free on %s", budget, each, free, device)
        return budget

    def _row_logits(self, sets: Sequence[EncodedSet], row: Sequence[Piece]) -> list[float]:
        """l_yes - l_no of a row's documents, in the order of its pieces. Halves a row that the device's memory cannot hold."""
        try:
            hidden = self._decoder.ends(layout(sets, row).to(self._checkpoint.device))
            return [float(value) for value in (hidden @ self._checkpoint.head).tolist()]
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            halves = halved(row)
            if halves is None:
                raise
        self._token_budget = max(LEAST_TOKENS, self._token_budget // 2)
        logger.warning("Out of memory on %s: rows now hold %d tokens", self.device, self._token_budget)
        return [logit for half in halves for logit in self._row_logits(sets, half)]


def _parts(sets: Sequence[SetTexts]) -> Iterator[Sequence[SetTexts]]:
    """Consecutive sets, of about `TEXTS_AHEAD` texts together."""
    start = texts = 0
    for i, (_instruction, _query, documents) in enumerate(sets):
        texts += 1 + len(documents)
        if texts >= TEXTS_AHEAD:
            yield sets[start : i + 1]
            start, texts = i + 1, 0
    if start < len(sets):
        yield sets[start:]

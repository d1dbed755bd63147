"""The engine's door: instruction, query and documents in, scores out."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import torch

from workers.reranker import model
from workers.reranker.contract import ModelError, ModelIdentity, Score, sigmoid
from workers.reranker.forward import Decoder
from workers.reranker.model import Checkpoint
from workers.reranker.packing import Piece, halved, layout, rows
from workers.reranker.prompt import EncodedSet, Encoder

__all__ = ["ModelError", "ModelIdentity", "Reranker", "Score", "sigmoid"]

logger = logging.getLogger(__name__)
TOKENS_PER_ROW = {"cpu": 4096, "cuda": 32768}
LEAST_TOKENS = 512


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
        self.is_demo = checkpoint.prompt.name.startswith("demo")

    @classmethod
    def load(
        cls, name: str, *, device: str = "auto", dtype: str = "auto", max_length: int | None = None, separator: str = "\n"
    ) -> Reranker:
        """Load a hub name or a folder. Raises ModelError with what to do."""
        return cls(model.load(str(name), device=device, dtype=dtype, max_length=max_length, separator=separator))

    def score(self, instruction: str, query: str, documents: Sequence[str]) -> list[Score]:
        """One score a document, in the order given."""
        return self.score_sets([(instruction, query, documents)])[0]

    def score_sets(self, sets: Sequence[tuple[str, str, Sequence[str]]]) -> list[list[Score]]:
        """Scores of several sets, each (instruction, query, documents), in the orders given."""
        encoded = self._encoder.encode_sets(sets)
        logits = [[0.0] * len(e.documents) for e in encoded]
        for row in rows(encoded, self._token_budget):
            places = [(piece.set, document) for piece in row for document in piece.documents]
            for (index, document), logit in zip(places, self._row_logits(encoded, row), strict=True):
                logits[index][document] = logit
        return [
            [Score(logit, sigmoid(logit), read, cut) for logit, read, cut in zip(row, e.read, e.cut, strict=True)]
            for row, e in zip(logits, encoded, strict=True)
        ]

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

"""The engine's door: instruction, query and documents in, scores out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from workers.reranker import model
from workers.reranker.model import Checkpoint, ModelError, ModelIdentity
from workers.reranker.packing import Item, batches
from workers.reranker.prompt import EncodedSet, Encoder

__all__ = ["ModelError", "ModelIdentity", "Reranker", "Score"]

TOKENS_PER_BATCH = 8192


@dataclass(frozen=True)
class Score:
    """l_yes - l_no in fp32, its sigmoid, and how many of the document's tokens were read and cut."""

    logit: float
    probability: float
    tokens_read: int
    tokens_cut: int


def sigmoid(logit: float) -> float:
    """softmax over (no, yes) at "yes", from the difference of their logits."""
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


class Reranker:
    """Qwen3-Reranker scoring. One per process: it holds the weights and the device."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        try:
            self._encoder = Encoder(checkpoint.tokenizer, checkpoint.prompt, checkpoint.identity.max_length)
        except ValueError as error:
            raise ModelError(f"{checkpoint.identity.name!r} cannot be used: {error}") from error
        self.identity = checkpoint.identity
        self.device = str(checkpoint.device)
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
        encoded = [self._encoder.encode(instruction, query, documents) for instruction, query, documents in sets]
        logits = [[0.0] * len(e.documents) for e in encoded]
        for batch in batches(encoded, TOKENS_PER_BATCH):
            for item, logit in zip(batch, self._logits(encoded, batch), strict=True):
                logits[item.set][item.document] = logit
        return [
            [Score(logit, sigmoid(logit), read, cut) for logit, read, cut in zip(row, e.read, e.cut, strict=True)]
            for row, e in zip(logits, encoded, strict=True)
        ]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in self._encoder.plain(texts)]

    @torch.inference_mode()
    def _logits(self, sets: Sequence[EncodedSet], batch: Sequence[Item]) -> list[float]:
        """l_yes - l_no of each row. Padding stands right of the text, where a causal model never looks, so positions need no shift."""
        rows = [sets[item.set].shared + sets[item.set].documents[item.document] for item in batch]
        longest = max(map(len, rows))
        ids = torch.zeros(len(rows), longest, dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        device = self._checkpoint.device
        hidden = self._checkpoint.base(input_ids=ids.to(device), use_cache=False).last_hidden_state
        ends = torch.tensor([len(row) - 1 for row in rows], device=device)
        last = hidden[torch.arange(len(rows), device=device), ends].float()
        return [float(value) for value in (last @ self._checkpoint.head).tolist()]

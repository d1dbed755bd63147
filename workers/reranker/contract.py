"""What every engine takes and gives, whether the model is in this process or behind a server."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class ModelError(Exception):
    """A model that cannot be used; the text says why and what to do."""


class Unavailable(Exception):
    """A server that does not answer for now. Nothing is wrong with the texts: they can wait."""


@dataclass(frozen=True)
class ModelIdentity:
    """What a score depends on beside its texts."""

    name: str
    revision: str
    dtype: str
    prompt_format: str
    max_length: int


@dataclass(frozen=True)
class Score:
    """l_yes - l_no in fp32, its sigmoid, and how many of the document's tokens were read and cut (0 where a server does not say)."""

    logit: float
    probability: float
    tokens_read: int
    tokens_cut: int


@dataclass(frozen=True)
class Reading:
    """What the model reads for one pair: the whole prompt, and the tokens of each part; `cut` and `limit` are tokens too.

    A server that makes the prompt itself has no tokens (`limit` 0): `prompt` is then what it is sent.
    """

    prompt: str
    frame: int = 0
    instruction: int = 0
    query: int = 0
    document: int = 0
    cut: int = 0
    limit: int = 0


class Engine(Protocol):
    """The door. `score_sets` takes (instruction, query, documents) and gives one score a document, in the order given.

    `score` reads no more than `document_limit` tokens of a document, where it is given."""

    identity: ModelIdentity
    device: str
    is_demo: bool

    def score(self, instruction: str, query: str, documents: Sequence[str], *, document_limit: int | None = None) -> list[Score]: ...

    def score_sets(self, sets: Sequence[tuple[str, str, Sequence[str]]]) -> list[list[Score]]: ...

    def read(self, instruction: str, query: str, document: str) -> Reading: ...


def sigmoid(logit: float) -> float:
    """softmax over (no, yes) at "yes", from the difference of their logits."""
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


def logit_of(probability: float) -> float:
    """The sigmoid's inverse; a probability that rounding made 0 or 1 counts as 1e-7 from it."""
    inside = min(max(probability, 1e-7), 1 - 1e-7)
    return math.log(inside / (1 - inside))

"""Encoders by name: static embeddings where a folder ships them, else any transformers encoder, such as BGE-M3."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from workers.retrieval.dense import FILE_NAME, StaticEmbeddings

POOLING = "1_Pooling/config.json"
MOST_TOKENS = 8192
TOKENS_AT_ONCE = 8192


class EncoderError(Exception):
    """An encoder that cannot be used; the text says why and what to do."""


class Encoder(Protocol):
    """`encode` gives L2-normalised float32 [texts, width]. `identity` differs where the same text may have another vector."""

    identity: str

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


def load(name: str, *, device: str = "auto", dtype: str = "auto") -> Encoder:
    """A folder or a hub name. Raises EncoderError."""
    if (Path(name) / FILE_NAME).is_file():
        return StaticEmbeddings.load(Path(name))
    return TransformerEncoder(name, device=device, dtype=dtype)


class TransformerEncoder:
    """An encoder whose last hidden states are pooled as its 1_Pooling/config.json says; without one, BGE's way: the first token's."""

    def __init__(self, name: str, *, device: str = "auto", dtype: str = "auto") -> None:
        """Raises EncoderError."""
        import torch
        from transformers import AutoModel, AutoTokenizer

        where = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        number = ("bfloat16" if where.startswith("cuda") else "float32") if dtype == "auto" else dtype
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
            self.model: Any = AutoModel.from_pretrained(name, dtype=getattr(torch, number), trust_remote_code=False).eval().to(where)
            self.mean = _is_mean(name)
        except (OSError, ValueError) as error:
            raise EncoderError(f"The encoder {name!r} cannot be loaded: {str(error).splitlines()[0][:300]}") from error
        self.identity = f"{name} {getattr(self.model.config, '_commit_hash', None) or ''} {number} {'mean' if self.mean else 'cls'}"
        self.limit = min(MOST_TOKENS, self.tokenizer.model_max_length)

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """L2-normalised float32 [len(texts), width]; a text without tokens is the zero vector. Like lengths are encoded together."""
        import torch

        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        ids = self.tokenizer(clean, truncation=True, max_length=self.limit)["input_ids"] if clean else []
        out = np.zeros((len(clean), self.model.config.hidden_size), dtype=np.float32)
        order = sorted((i for i in range(len(ids)) if ids[i]), key=lambda i: len(ids[i]))
        while order:
            longest = 0
            batch: list[int] = []
            while order and max(longest, len(ids[order[0]])) * (len(batch) + 1) <= max(TOKENS_AT_ONCE, len(ids[order[0]])):
                longest = max(longest, len(ids[order[0]]))
                batch.append(order.pop(0))
            padded = self.tokenizer.pad({"input_ids": [ids[i] for i in batch]}, return_tensors="pt").to(self.model.device)
            with torch.inference_mode():
                hidden = self.model(**padded).last_hidden_state.float()
            inside = padded["attention_mask"][..., None].float()
            pooled = (hidden * inside).sum(1) / inside.sum(1) if self.mean else hidden[:, 0]
            out[batch] = torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()
        return out


def _is_mean(name: str) -> bool:
    """Whether the last hidden states are averaged. Raises EncoderError for a pooling of another kind."""
    path = Path(name) / POOLING
    if not Path(name).is_dir():
        from transformers.utils import cached_file

        found = cached_file(name, POOLING, _raise_exceptions_for_missing_entries=False)
        if found is None:
            return False
        path = Path(found)
    if not path.is_file():
        return False
    config = json.loads(path.read_text(encoding="utf-8"))
    if config.get("pooling_mode_mean_tokens"):
        return True
    if config.get("pooling_mode_cls_token"):
        return False
    raise EncoderError(f"{name!r} pools in a way that is not known here: the first token's state and the mean are.")

"""Retrieval by static multilingual embeddings: no model is run, a text's vector is a weighted sum of its tokens'."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

FILE_NAME = "static_embeddings.safetensors"


class StaticEmbeddings:
    """Token vectors [vocabulary, width] scaled by their weights."""

    def __init__(self, vectors: NDArray[np.float32], tokenizer: Tokenizer, *, identity: str) -> None:
        """`identity` differs where the same text may have another vector."""
        self.vectors, self.tokenizer, self.identity = vectors, tokenizer, identity

    @classmethod
    def load(cls, folder: Path) -> StaticEmbeddings:
        """Load from a checkpoint folder that ships them. Raises FileNotFoundError."""
        stored = load_file(folder / FILE_NAME)
        vectors = stored["embedding"].astype(np.float32) * np.exp(stored["weight"].astype(np.float32))[:, None]
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.encode_special_tokens = True
        files = (folder / FILE_NAME, folder / "tokenizer.json")
        return cls(vectors, tokenizer, identity=hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest())

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """L2-normalised float32 [len(texts), width]; a text without tokens is the zero vector."""
        out = np.zeros((len(texts), self.vectors.shape[1]), dtype=np.float32)
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        for start in range(0, len(clean), 1024):
            for row, encoding in enumerate(self.tokenizer.encode_batch_fast(clean[start : start + 1024], add_special_tokens=False), start):
                if encoding.ids:
                    out[row] = self.vectors[encoding.ids].sum(axis=0)
        norms = np.linalg.norm(out, axis=1, keepdims=True)
        return np.divide(out, norms, out=out, where=norms > 0)

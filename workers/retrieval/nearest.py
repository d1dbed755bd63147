"""The nearest vectors: exactly up to some size, by faiss' inverted lists beyond. Kept in a folder, so that only what changed is encoded."""

from __future__ import annotations

import fcntl
import importlib
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.retrieval.encoder import Encoder

Vectors = NDArray[np.float32]
Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]

EXACT_UP_TO = 200_000
# faiss advises 4 to 16 lists for each root of the number, and 30 to 256 vectors to train each.
LISTS_PER_ROOT = 4
TRAINED_PER_LIST = 40
# One list in so many is read: what `bench/million.py` shows to find nearly all of the exact nearest.
LISTS_EACH_READ = 6
STATE = "vectors.json"


def exact(vectors: Vectors, queries: Vectors, k: int, mask: Mask | None = None) -> tuple[Ids, Vectors]:
    """The k nearest by cosine of each query: positions and similarities, both [queries, k], best first.

    What `mask` [vectors] leaves out has no similarity at all (-1).
    """
    similar = queries @ vectors.T
    if mask is not None:
        similar[:, ~mask] = -1
    k = min(k, vectors.shape[0])
    best = np.argpartition(-similar, k - 1, axis=1)[:, :k]
    scores = np.take_along_axis(similar, best, axis=1)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1), np.take_along_axis(scores, order, axis=1)


@dataclass(frozen=True)
class Catalogue:
    """What is indexed: ids in ascending order, a hash of each text that changes with it, the texts."""

    ids: Ids
    hashes: Sequence[str]
    texts: Sequence[str]

    @classmethod
    def of(cls, texts: Sequence[str]) -> Catalogue:
        """Texts that are numbered by their places and kept nowhere."""
        return cls(np.arange(len(texts), dtype=np.int64), [""] * len(texts), texts)


class Nearest:
    """Vectors of a catalogue. Positions are places in it."""

    def __init__(self, catalogue: Catalogue, encoder: Encoder, *, folder: Path | None = None) -> None:
        """With a folder, vectors and lists of an earlier time are taken from there, and what is new is kept there."""
        self.ids, self._lists = catalogue.ids, None
        if folder is None:
            self.vectors = encoder.encode(catalogue.texts)
            if len(self.ids) > EXACT_UP_TO:
                self._lists = _trained(self.vectors, self.ids)
            return
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            self._update(catalogue, encoder, folder)

    def top(self, positions: Sequence[int], k: int, mask: Mask | None = None) -> tuple[Ids, Vectors]:
        """As `exact`, for positions as queries. Fewer than k may be found: the rest has no similarity (-1)."""
        queries = self.vectors[list(positions)]
        if self._lists is None:
            return exact(self.vectors, queries, k, mask)

        wanted = _faiss().SearchParametersIVF(
            nprobe=max(1, self._lists.nlist // LISTS_EACH_READ), sel=None if mask is None else _selector(self.ids[mask], int(self.ids[-1]))
        )
        similar, found = self._lists.search(queries, min(k, len(self.ids)), params=wanted)
        places = np.searchsorted(self.ids, found.clip(min=self.ids[0]))
        return places, np.where(found < 0, np.float32(-1), similar)

    def _update(self, catalogue: Catalogue, encoder: Encoder, folder: Path) -> None:
        old = _Stored.load(folder, encoder.identity)
        hashes = np.array(catalogue.hashes, dtype="S64")
        places = np.searchsorted(old.ids, catalogue.ids).clip(max=max(0, len(old.ids) - 1))
        kept = (old.ids[places] == catalogue.ids) & (old.hashes[places] == hashes) if len(old.ids) else np.zeros(len(hashes), np.bool_)
        fresh = np.flatnonzero(~kept)
        new = encoder.encode([catalogue.texts[i] for i in fresh.tolist()])
        self.vectors = np.empty((len(hashes), new.shape[1]), dtype=np.float32)
        self.vectors[fresh] = new
        if kept.any():
            self.vectors[kept] = old.vectors[places[kept]]
        stale = np.setdiff1d(old.ids, catalogue.ids[kept], assume_unique=True)
        if len(hashes) > EXACT_UP_TO:
            self._lists = old.lists
            if old.lists is None or len(hashes) > 2 * old.trained_on:
                self._lists, old.trained_on = _trained(self.vectors, self.ids), len(hashes)
            elif len(fresh) or len(stale):
                self._lists.remove_ids(stale)
                self._lists.add_with_ids(new, self.ids[fresh])
        if len(fresh) or len(stale):
            _Stored(catalogue.ids, hashes, self.vectors, self._lists, old.trained_on, old.generation + 1).save(folder, encoder.identity)


@dataclass
class _Stored:
    """What a folder keeps. Files of a generation are written before the state names it, so that a killed process leaves the one before."""

    ids: Ids
    hashes: NDArray[np.bytes_]
    vectors: Vectors
    lists: Any
    trained_on: int
    generation: int

    @classmethod
    def load(cls, folder: Path, identity: str) -> _Stored:
        state = json.loads((folder / STATE).read_text()) if (folder / STATE).is_file() else {"generation": 0}
        generation = int(state["generation"])
        if state.get("encoder") != identity:
            return cls(np.empty(0, np.int64), np.empty(0, "S64"), np.empty((0, 0), np.float32), None, 0, generation)
        arrays = [np.load(folder / f"{name}-{generation}.npy", mmap_mode="r") for name in ("ids", "hashes", "vectors")]
        lists = None
        if state["trained_on"]:
            lists = _faiss().read_index(str(folder / f"lists-{generation}.faiss"))
        return cls(arrays[0], arrays[1], arrays[2], lists, int(state["trained_on"]), generation)

    def save(self, folder: Path, identity: str) -> None:
        for name, array in (("ids", self.ids), ("hashes", self.hashes), ("vectors", self.vectors)):
            np.save(folder / f"{name}-{self.generation}.npy", array)
        if self.lists is not None:
            _faiss().write_index(self.lists, str(folder / f"lists-{self.generation}.faiss"))
        trained = self.trained_on if self.lists is not None else 0
        (folder / f"{STATE}.part").write_text(json.dumps({"encoder": identity, "generation": self.generation, "trained_on": trained}))
        (folder / f"{STATE}.part").replace(folder / STATE)
        for path in [*folder.glob("*.npy"), *folder.glob("*.faiss")]:
            if not path.stem.endswith(f"-{self.generation}"):
                path.unlink()


def _faiss() -> Any:
    """Loaded where it is needed; its own types deny what its documentation shows."""
    return importlib.import_module("faiss")


def _trained(vectors: Vectors, ids: Ids) -> Any:

    lists = LISTS_PER_ROOT * math.isqrt(len(ids))
    index = _faiss().index_factory(vectors.shape[1], f"IVF{lists},Flat", _faiss().METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, TRAINED_PER_LIST
    index.train(vectors)
    index.add_with_ids(vectors, ids)
    return index


def _selector(ids: Ids, largest: int) -> Any:

    bits = np.zeros(largest + 1, dtype=np.bool_)
    bits[ids] = True
    return _faiss().IDSelectorBitmap(np.packbits(bits, bitorder="little"))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time changes what a folder keeps."""
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

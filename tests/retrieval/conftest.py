"""Static embeddings that know two translations, and a tokenizer of whole words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from workers.retrieval.dense import StaticEmbeddings

WORDS = ["<unk>", "kettle", "bouilloire", "lamp", "lampe", "red", "rouge"]
WIDTH = 4
# A word and its translation share a direction; what is not known adds nothing.
MEANINGS = {"kettle": 0, "bouilloire": 0, "lamp": 1, "lampe": 1, "red": 2, "rouge": 2}


@pytest.fixture(scope="session")
def embeddings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embeddings")
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken("<unk>", special=True)])
    tokenizer.save(str(folder / "tokenizer.json"))
    vectors = np.zeros((len(WORDS), WIDTH), dtype=np.float16)
    weights = np.zeros(len(WORDS), dtype=np.float16)
    for word, direction in MEANINGS.items():
        vectors[WORDS.index(word), direction] = 1
    weights[WORDS.index("red")] = weights[WORDS.index("rouge")] = -1
    save_file({"embedding": vectors, "weight": weights}, folder / "static_embeddings.safetensors")
    return folder


@pytest.fixture(scope="session")
def encoder(embeddings: Path) -> StaticEmbeddings:
    return StaticEmbeddings.load(embeddings)

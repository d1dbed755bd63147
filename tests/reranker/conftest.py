"""Small random models at Qwen3's architecture, with a tokenizer that has its control tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM, Qwen3ForSequenceClassification

CONTROL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEXTS = [
    "Judge whether the Document meets the requirements yes no Query Instruct kettle 1.7 L",
    "无线蓝牙降噪耳机 不锈钢电热水壶",
    "Bouilloire électrique",
]


def small_config(**fields: object) -> Qwen3Config:
    values: dict[str, object] = {
        "vocab_size": 600,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "tie_word_embeddings": True,
        "max_position_embeddings": 8192,
        "initializer_range": 0.2,
        "pad_token_id": 0,
    }
    return Qwen3Config(**(values | fields))


def save_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=CONTROL, show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS * 5 + ["yes no " * 20], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=CONTROL[0], additional_special_tokens=CONTROL[1:])
    fast.save_pretrained(folder)
    return fast


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("causal")
    torch.manual_seed(0)
    Qwen3ForCausalLM(small_config()).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def converted(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same checkpoint as the published conversion makes it: one label whose row is yes minus no."""
    folder = tmp_path_factory.mktemp("converted")
    causal = Qwen3ForCausalLM.from_pretrained(checkpoint)
    tokenizer = save_tokenizer(folder)
    model = Qwen3ForSequenceClassification(small_config(num_labels=1))
    model.model.load_state_dict(causal.model.state_dict())
    yes, no = (tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no"))
    with torch.no_grad():
        model.score.weight.copy_((causal.lm_head.weight[yes] - causal.lm_head.weight[no])[None])
    model.save_pretrained(folder)
    return folder

"""A checkpoint and its head: causal, or converted to sequence classification. Told apart from config.json, never guessed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerFast

from workers.reranker import prompt
from workers.reranker.contract import ModelError, ModelIdentity
from workers.reranker.prompt import PromptFormat

WEIGHTS = "*.safetensors"
SMALL = 50_000_000
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Checkpoint:
    """A base model, the one row that turns its last hidden state into l_yes - l_no, and its tokenizer.

    `head`: float32 [width]. `bias`: a float, 0 for causal checkpoints.
    """

    base: Any
    head: torch.Tensor
    tokenizer: PreTrainedTokenizerFast
    prompt: PromptFormat
    identity: ModelIdentity
    device: torch.device

    @property
    def is_large(self) -> bool:
        """Large enough that what fusing saves outweighs the time it takes at start."""
        return _size(self.base.config) > SMALL


def load(name: str, *, device: str, dtype: str, max_length: int | None, separator: str) -> Checkpoint:
    """Load a hub name or a folder. Raises ModelError."""
    folder = Path(name) if Path(name).is_dir() else None
    try:
        config = AutoConfig.from_pretrained(name, trust_remote_code=False)
        tokenizer: Any = AutoTokenizer.from_pretrained(name, trust_remote_code=False, padding_side="right")
    except (OSError, ValueError) as error:
        raise ModelError(
            f"The model {name!r} was not found or cannot be read: name a folder, or allow the network. ({_first_line(error)})"
        ) from error
    if config.model_type != "qwen3":
        raise ModelError(f"{name!r} is a {config.model_type} model; a Qwen3 reranker is needed.")
    kind = (config.architectures or [""])[0]
    where = _device(device)
    number = _dtype(dtype, where, config)
    base, head = _load_weights(name, kind, config, number)
    try:
        prompt_format = prompt.load(folder, separator)
    except ValueError as error:
        raise ModelError(f"{name!r} cannot be used: {error}") from error
    if head is None:
        yes, no = (_one_token(tokenizer, word) for word in (prompt_format.yes, prompt_format.no))
        rows = base.get_input_embeddings().weight if config.tie_word_embeddings else base.reranker_output_rows
        head = rows[yes].float() - rows[no].float()
    limit = min(max_length or prompt_format.max_length, prompt_format.max_length, config.max_position_embeddings)
    identity = ModelIdentity(
        name=folder.name if folder else name,
        revision=_revision(name, folder, config),
        dtype=str(number).removeprefix("torch."),
        prompt_format=prompt_format.name,
        max_length=limit,
    )
    base.eval().requires_grad_(False)
    return Checkpoint(base.to(where), head.detach().to(where), tokenizer, prompt_format, identity, where)


def _load_weights(name: str, kind: str, config: Any, dtype: torch.dtype) -> tuple[Any, torch.Tensor | None]:
    """The base model, and the head row of a converted checkpoint. A head that the file does not hold is refused: it would be random."""
    if kind.endswith("ForCausalLM"):
        loader: Any = AutoModelForCausalLM
    elif kind.endswith("ForSequenceClassification"):
        if config.num_labels != 1:
            raise ModelError(f"{name!r} classifies into {config.num_labels} labels; a converted reranker has one.")
        loader = AutoModelForSequenceClassification
    else:
        raise ModelError(f"{name!r} says it is a {kind or 'model of no kind'}; a causal or a sequence classification checkpoint is needed.")
    try:
        model, report = loader.from_pretrained(name, dtype=dtype, trust_remote_code=False, use_safetensors=True, output_loading_info=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"The weights of {name!r} cannot be loaded. ({_first_line(error)})") from error
    missing = sorted(key for key in report["missing_keys"] if not (key == "lm_head.weight" and config.tie_word_embeddings))
    if missing or report.get("mismatched_keys"):
        raise ModelError(f"{name!r} lacks weights that this kind of model needs ({', '.join(missing[:3])}): scores would be random.")
    if "score.weight" in report["unexpected_keys"]:
        raise ModelError(f"{name!r} holds a classification head, but its config.json calls it {kind}: its scores would come from another.")
    if kind.endswith("ForSequenceClassification"):
        return model.model, model.score.weight[0].float()
    base = model.model
    if not config.tie_word_embeddings:
        base.reranker_output_rows = model.lm_head.weight
    return base, None


def _one_token(tokenizer: Any, word: str) -> int:
    ids = tokenizer(word, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise ModelError(f"The tokenizer cuts the answer {word!r} into {len(ids)} tokens; it must be one.")
    return int(ids[0])


def _device(wanted: str) -> torch.device:
    if wanted != "auto":
        try:
            device = torch.device(wanted)
        except RuntimeError as error:
            raise ModelError(f"RERANKER_DEVICE is {wanted!r}; write auto, cpu or cuda.") from error
        if device.type == "cuda" and not torch.cuda.is_available():
            raise ModelError("RERANKER_DEVICE asks for CUDA, and this machine has no CUDA device that torch can use.")
        return device
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _dtype(wanted: str, device: torch.device, config: Any) -> torch.dtype:
    """bf16 on CUDA where it has it, else fp16; on a CPU bf16 where it has the instructions and the model is large, else fp32."""
    if wanted != "auto":
        if wanted not in DTYPES:
            raise ModelError(f"RERANKER_DTYPE is {wanted!r}; write auto, {', '.join(DTYPES)}.")
        return DTYPES[wanted]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast and _size(config) > SMALL else torch.float32


def _size(config: Any) -> int:
    """About how many weights a model has."""
    return int(config.vocab_size * config.hidden_size + config.num_hidden_layers * 12 * config.hidden_size**2)


def _revision(name: str, folder: Path | None, config: Any) -> str:
    """The hub's commit, or a sha256 of a folder's weights, config, tokenizer and prompt format."""
    if folder is None:
        return str(getattr(config, "_commit_hash", None) or name)
    digest = hashlib.sha256()
    for path in sorted([*folder.glob(WEIGHTS), *(folder / n for n in ("config.json", "tokenizer.json", prompt.FILE_NAME))]):
        if path.is_file() and path.name != "static_embeddings.safetensors":
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:40]


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__

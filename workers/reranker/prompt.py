"""The prompt, to the byte: what is a control token, what is plain text, and where a long text is cut.

Contract: QwenLM/Qwen3-Embedding, examples/qwen3_reranker_transformers.py. The body is cut to what prefix and suffix leave of `max_length`;
the suffix is always kept. User text is tokenised with special tokens off, so that it can never forge one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

FILE_NAME = "prompt_format.json"

PREFIX = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n'
)
SUFFIX = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
# By separator. The name is part of a score's identity, so each separator needs its own.
NAMES = {"\n": "qwen3", "\n\n": "qwen3-double"}


@dataclass(frozen=True)
class PromptFormat:
    """Where instruction, query and document stand. `prefix`, `joint` and `suffix` may hold control tokens; the rest is plain text."""

    name: str
    prefix: str
    head: str
    joint: str
    document: str
    suffix: str
    yes: str = "yes"
    no: str = "no"
    max_length: int = 8192

    def head_text(self, instruction: str, query: str) -> str:
        """The text before the joint. Braces in user text stay as they are."""
        parts = self.head.split("{instruction}")
        return instruction.join(part.replace("{query}", query) for part in parts)

    def document_text(self, document: str) -> str:
        return self.document.replace("{document}", document)


def qwen3(separator: str = "\n") -> PromptFormat:
    """The official format. `separator` stands between the fields: "\\n" in the transformers example, "\\n\\n" in the vLLM one."""
    return PromptFormat(
        name=NAMES.get(separator, f"qwen3 {separator!r}"),
        prefix=PREFIX,
        # The text is cut between "<Document>:" and " text": tokenised apart, both give the ids of the whole.
        head=f"<Instruct>: {{instruction}}{separator}<Query>: {{query}}{separator}<Document>:",
        joint="",
        document=" {document}",
        suffix=SUFFIX,
    )


def load(folder: Path | None, separator: str = "\n") -> PromptFormat:
    """The format that a checkpoint folder brings, else the official one. Raises ValueError where the file is not one."""
    if folder is not None and (folder / FILE_NAME).is_file():
        try:
            return replace(qwen3(separator), **json.loads((folder / FILE_NAME).read_text(encoding="utf-8")))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{FILE_NAME} is not a prompt format: {error}") from error
    return qwen3(separator)


@dataclass(frozen=True)
class EncodedSet:
    """One set as token ids: what its pairs share, and what each document adds. `cut` counts tokens of a document that were not read."""

    shared: list[int]
    documents: list[list[int]]
    read: list[int]
    cut: list[int]


class Encoder:
    """Turns sets into token ids with the tokenizer's own threads, control tokens only where the format has them."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, prompt: PromptFormat, max_length: int) -> None:
        """Raises ValueError where the limit leaves no room for text."""
        self.tokenizer, self.prompt = tokenizer, prompt
        # A tokenizer may add tokens that it does not call special, as Qwen3's does with "<think>": user text must not make those either.
        backend: Any = tokenizer.backend_tokenizer
        backend.add_special_tokens(list(backend.get_added_tokens_decoder().values()))
        self.prefix, self.joint, self.suffix = (self._control(text) for text in (prompt.prefix, prompt.joint, prompt.suffix))
        self.room = max_length - len(self.prefix) - len(self.joint) - len(self.suffix)
        if self.room < 1:
            raise ValueError(f"a token limit of {max_length} leaves no room beside the prompt's own tokens")

    def _control(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"]) if text else []

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of user texts, in which nothing is a control token. Lone surrogates, which UTF-8 cannot hold, become "?"."""
        clean = [text.encode("utf-8", "replace").decode() for text in texts]
        return (
            [list(ids) for ids in self.tokenizer(clean, add_special_tokens=False, split_special_tokens=True)["input_ids"]] if clean else []
        )

    def encode_sets(self, sets: Sequence[tuple[str, str, Sequence[str]]], document_limit: int | None = None) -> list[EncodedSet]:
        """Every set's (instruction, query, documents) in one call of the tokenizer, whose threads share it.

        A document is read up to `document_limit` tokens, where it is given."""
        texts = [
            text
            for instruction, query, documents in sets
            for text in (self.prompt.head_text(instruction, query), *(self.prompt.document_text(document) for document in documents))
        ]
        ids = iter(self.plain(texts))
        return [self._set(next(ids), [next(ids) for _ in documents], document_limit) for _instruction, _query, documents in sets]

    def encode(self, instruction: str, query: str, documents: Sequence[str]) -> EncodedSet:
        return self.encode_sets([(instruction, query, documents)])[0]

    def text(self, ids: Sequence[int]) -> str:
        """What token ids say, control tokens included."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _set(self, head: list[int], bodies: list[list[int]], document_limit: int | None) -> EncodedSet:
        head = head[: self.room]
        left = min(self.room - len(head), document_limit or self.room)
        kept = [body[:left] for body in bodies]
        return EncodedSet(
            shared=self.prefix + head + self.joint,
            documents=[body + self.suffix for body in kept],
            read=[len(body) for body in kept],
            cut=[len(body) - len(short) for body, short in zip(bodies, kept, strict=True)],
        )

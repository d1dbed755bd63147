"""Attention in a packed row: each segment sees itself causally, each document its prefix too. No mask over the row, no copy of a prefix.

A document's own part and its prefix's are computed apart and merged by the logarithms of their softmax sums. `Blocks` does both on a CPU,
`Varlen` with torch's variable-length flash attention on CUDA, `Grids` by matrix products wherever neither is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from workers.reranker.packing import Layout, Piece, layout
from workers.reranker.prompt import EncodedSet

logger = logging.getLogger(__name__)
SCORES_AT_ONCE = 2**28
# What half precision may differ by where two kernels sum in another order, at values near 1.
NEAR = 2e-2

Merge = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


class Attention(Protocol):
    """How a device attends. `plan` is made once for a row, then used in every layer."""

    def plan(self, row: Layout) -> Any: ...

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, plan: Any, merge: Merge) -> Tensor:
        """query: [n, heads, width]; key, value: [n, groups, width]. Returns [n, heads * width]."""
        ...


def merged(own: Tensor, own_sum: Tensor, shared: Tensor, shared_sum: Tensor) -> Tensor:
    """Attention over two sets of keys from attention over each. `*_sum` are logarithms of the softmax's sums, fp32 [n, heads]."""
    return torch.lerp(own.float(), shared.float(), torch.sigmoid(shared_sum - own_sum)[..., None]).to(own.dtype)


def plainly(query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> tuple[Tensor, Tensor]:
    """Attention and the logarithms of its softmax's sums, some queries at a time: of [batch, heads, tokens, width] each, that and fp32
    [batch, heads, tokens].
    """
    at_once = max(1, SCORES_AT_ONCE // (query.shape[0] * query.shape[1] * key.shape[2]))
    outs, totals = [], []
    for start in range(0, query.shape[2], at_once):
        asked = query[:, :, start : start + at_once]
        scores = (asked @ key.transpose(2, 3)).float() * query.shape[3] ** -0.5
        if causal:
            later = torch.arange(key.shape[2], device=key.device) > torch.arange(start, start + asked.shape[2], device=key.device)[:, None]
            scores.masked_fill_(later, -torch.inf)
        total = scores.logsumexp(-1)
        outs.append((scores - total[..., None]).exp_().to(value.dtype) @ value)
        totals.append(total)
    return torch.cat(outs, 2), torch.cat(totals, 2)


class Blocks:
    """A CPU's flash attention over views of the row: neighbours of one length at once, then each prefix by all of its documents.

    The kernel takes fewer key heads than query heads, so nothing is gathered, padded or copied on its way in.
    """

    def plan(self, row: Layout) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """(start, segments, tokens of each) of every block, and the row's prefixes that have documents."""
        blocks: list[tuple[int, int, int]] = []
        for start, end in row.segments:
            if blocks and blocks[-1][2] == end - start:
                first, segments, length = blocks[-1]
                blocks[-1] = (first, segments + 1, length)
            else:
                blocks.append((start, 1, end - start))
        return blocks, [span for span in row.prefixes if span[2] > span[1]]

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, plan: Any, merge: Merge = merged) -> Tensor:
        n, heads, width = query.shape
        blocks, prefixes = plan
        own = torch.empty_like(query)
        own_sum = torch.empty(n, heads, dtype=torch.float32)
        for start, segments, length in blocks:
            end = start + segments * length
            out, total = self._flash(*(x[start:end].view(segments, length, -1, width) for x in (query, key, value)), causal=True)
            own[start:end], own_sum[start:end] = out.reshape(-1, heads, width), total.reshape(-1, heads)
        for start, middle, end in prefixes:
            shared, shared_sum = self._flash(query[None, middle:end], key[None, start:middle], value[None, start:middle], causal=False)
            own[middle:end] = merge(own[middle:end], own_sum[middle:end], shared[0], shared_sum[0])
        return own.view(n, heads * width)

    def _flash(self, query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> tuple[Tensor, Tensor]:
        """Of [batch, tokens, heads, width] each, attention and fp32 [batch, tokens, heads]."""
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        out, total = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value, 0.0, causal)
        return out.transpose(1, 2), total.transpose(1, 2)


class Grids:
    """Segments of near lengths attended to together, padded to the longest of them; then each prefix by all of its documents."""

    def plan(self, row: Layout) -> Layout:
        return row

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, plan: Layout, merge: Merge = merged) -> Tensor:
        n, heads, width = query.shape
        groups = key.shape[1]
        # Heads that share a key are told apart by the third axis, so that no key is copied for them.
        query = query.view(n, groups, heads // groups, width)
        own = torch.empty_like(query)
        own_sum = torch.empty(n, groups, heads // groups, dtype=torch.float32, device=query.device)
        for tokens, inside in plan.grids:
            keys, values = key[tokens], value[tokens]
            at = tokens[inside]
            for head in range(heads // groups):
                asked = query[:, :, head][tokens]
                out, total = plainly(*(x.transpose(1, 2) for x in (asked, keys, values)), causal=True)
                own[at, :, head], own_sum[at, :, head] = out.transpose(1, 2)[inside], total.transpose(1, 2)[inside]
        for start, middle, end in plan.prefixes:
            asked = query[middle:end].permute(1, 2, 0, 3).reshape(1, groups, -1, width)
            keys, values = (x[start:middle].transpose(0, 1)[None] for x in (key, value))
            out, total = plainly(asked, keys, values, causal=False)
            shared = out.view(groups, heads // groups, -1, width).permute(2, 0, 1, 3)
            shared_sum = total.view(groups, heads // groups, -1).permute(2, 0, 1)
            own[middle:end] = merge(own[middle:end], own_sum[middle:end], shared, shared_sum)
        return own.view(n, heads * width)


@dataclass(frozen=True)
class Spans:
    """A row as variable-length attention wants it: where segments begin (int32, one more than there are), and the longest of them.

    `documents` and `prefixes`: the row's tokens in documents and in prefixes that have documents, int64; `asking` and `asked`: where each
    prefix's documents, and the prefix itself, begin among these.
    """

    segments: Tensor
    longest: int
    documents: Tensor
    prefixes: Tensor
    asking: Tensor
    asked: Tensor
    longest_asking: int
    longest_asked: int


class Varlen:
    """torch.nn.attention.varlen: no padding, grouped queries, and sums that do not depend on what else is in the row (`num_splits=1`)."""

    def __init__(self) -> None:
        from torch.nn.attention import varlen

        self._attend: Callable[..., Any] = varlen.varlen_attn
        self._with_sums = varlen.AuxRequest(lse=True)
        # torch documents [tokens, heads]; the kernel beneath has given [heads, tokens]. `prove` looks.
        self.heads_first = False

    def plan(self, row: Layout) -> Spans:
        device = row.ids.device
        spans = [span for span in row.prefixes if span[2] > span[1]]
        lengths = {
            "segments": [end - start for start, end in row.segments],
            "asking": [end - middle for _start, middle, end in spans],
            "asked": [middle - start for start, middle, _end in spans],
        }
        begins = {
            name: torch.tensor([0, *torch.tensor(of, dtype=torch.int32).cumsum(0).tolist()], dtype=torch.int32, device=device)
            for name, of in lengths.items()
        }
        empty = torch.arange(0)
        return Spans(
            segments=begins["segments"],
            longest=max(lengths["segments"]),
            documents=torch.cat([torch.arange(middle, end) for _start, middle, end in spans] or [empty]).to(device),
            prefixes=torch.cat([torch.arange(start, middle) for start, middle, _end in spans] or [empty]).to(device),
            asking=begins["asking"],
            asked=begins["asked"],
            longest_asking=max(lengths["asking"], default=0),
            longest_asked=max(lengths["asked"], default=0),
        )

    def __call__(self, query: Tensor, key: Tensor, value: Tensor, plan: Spans, merge: Merge = merged) -> Tensor:
        n, heads, width = query.shape
        own, own_sum = self._sums(query, key, value, plan.segments, plan.segments, plan.longest, plan.longest, causal=True)
        if len(plan.documents):
            shared, shared_sum = self._sums(
                query[plan.documents],
                key[plan.prefixes],
                value[plan.prefixes],
                plan.asking,
                plan.asked,
                plan.longest_asking,
                plan.longest_asked,
                causal=False,
            )
            own[plan.documents] = merge(own[plan.documents], own_sum[plan.documents], shared, shared_sum)
        return own.reshape(n, heads * width)

    def _sums(self, *asked: Any, causal: bool) -> tuple[Tensor, Tensor]:
        """Query, key and value, where segments begin in queries and in keys, the longest of each. Sums come as fp32 [tokens, heads]."""
        window = (-1, 0) if causal else (-1, -1)
        out, sums = self._attend(*asked, return_aux=self._with_sums, window_size=window, enable_gqa=True, num_splits=1)
        return out, sums.float().T if self.heads_first else sums.float()

    def prove(self, device: torch.device, dtype: torch.dtype, *, heads: int, groups: int, width: int) -> None:
        """Compare with `Grids` on a small row. Raises ArithmeticError where they differ, and whatever the kernel raises."""
        trial = EncodedSet([0] * 21, [[0] * 7, [0] * 40, [0] * 13], [7, 40, 13], [0, 0, 0])
        row = layout([trial, trial], [Piece(0, (0, 1, 2)), Piece(1, (1,))]).to(device)
        made = torch.Generator(device=device).manual_seed(0)
        query, key, value = (
            torch.randn(len(row.ids), count, width, generator=made, device=device).to(dtype) for count in (heads, groups, groups)
        )
        plan = self.plan(row)
        _out, sums = self._sums(query, key, value, plan.segments, plan.segments, plan.longest, plan.longest, causal=True)
        self.heads_first = sums.shape[0] == heads
        expected = Grids()(query.clone(), key, value, row)
        found = self(query, key, value, plan)
        apart = float((found.float() - expected.float()).abs().max())
        if not apart <= NEAR:
            raise ArithmeticError(f"variable-length attention differs by {apart:.3g} from plain attention")


def fastest(device: torch.device, dtype: torch.dtype, *, heads: int, groups: int, width: int) -> Attention:
    """The fastest attention that is right on this device: torch's variable-length kernel where it proves itself, else `Grids`."""
    if device.type == "cpu":
        return Blocks()
    if device.type != "cuda" or dtype not in (torch.float16, torch.bfloat16):
        return Grids()
    try:
        kernel = Varlen()
        kernel.prove(device, dtype, heads=heads, groups=groups, width=width)
    except Exception as error:
        logger.warning(
            "torch's variable-length attention is not used on %s: scoring works, and is slower (%s)",
            device,
            str(error).strip().split("\n", 1)[0][:300],
        )
        return Grids()
    return kernel

"""Variable-length attention: right where the kernel is, left alone where it is not. A CPU has no such kernel, so one is played by sdpa."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from workers.reranker import attention
from workers.reranker.attention import Blocks, Grids, Varlen, fastest, plainly
from workers.reranker.packing import layout, rows
from workers.reranker.prompt import EncodedSet

CPU = torch.device("cpu")
HEADS, GROUPS, WIDTH = 4, 2, 16
lengths = st.integers(1, 30)
encoded = st.builds(
    lambda shared, documents: EncodedSet([1] * shared, [[2] * n for n in documents], documents, [0] * len(documents)),
    lengths,
    st.lists(lengths, min_size=1, max_size=5),
)


def varlen_attn(
    query: Tensor, key: Tensor, value: Tensor, asking: Tensor, asked: Tensor, _most: int, _longest: int, *, window_size: Any, **kwargs: Any
) -> tuple[Tensor, Tensor]:
    """What torch's kernel is documented to do, one segment after the other; sums as [heads, tokens], as flash attention gives them."""
    assert kwargs["enable_gqa"] and kwargs["num_splits"] == 1 and asking.dtype == asked.dtype == torch.int32
    outs, sums = [], []
    for i in range(len(asking) - 1):
        q = query[asking[i] : asking[i + 1]].transpose(0, 1)[None]
        k, v = (x[asked[i] : asked[i + 1]].transpose(0, 1)[None].repeat_interleave(HEADS // GROUPS, 1) for x in (key, value))
        out, total = plainly(q, k, v, causal=window_size == (-1, 0))
        outs.append(out[0].transpose(0, 1))
        sums.append(total[0])
    return torch.cat(outs), torch.cat(sums, 1)


@pytest.fixture(autouse=True)
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", varlen_attn)


def random(n: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(n)
    return [torch.randn(n, count, WIDTH, generator=generator) for count in (HEADS, GROUPS, GROUPS)]


def test_the_kernel_proves_itself_and_tells_how_its_sums_lie() -> None:
    found = Varlen()
    found.prove(CPU, torch.float32, heads=HEADS, groups=GROUPS, width=WIDTH)
    assert found.heads_first


@settings(max_examples=40, deadline=None)
@given(st.lists(encoded, min_size=1, max_size=4), st.integers(20, 200))
def test_it_attends_as_grids_do(sets: list[EncodedSet], budget: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.nn.attention.varlen.varlen_attn", varlen_attn)
        varlen = Varlen()
        varlen.heads_first = True
    for row in rows(sets, budget):
        made = layout(sets, row)
        query, key, value = random(len(made.ids))
        expected = Grids()(query, key, value, made)
        assert torch.allclose(varlen(query, key, value, varlen.plan(made)), expected, atol=1e-5)


def test_a_kernel_that_is_wrong_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        out, sums = varlen_attn(*args, **kwargs)
        return out, sums + 1 if kwargs["window_size"] == (-1, 0) else sums

    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", wrong)
    with pytest.raises(ArithmeticError, match="differs by"):
        Varlen().prove(CPU, torch.float32, heads=HEADS, groups=GROUPS, width=WIDTH)


def test_a_device_whose_kernel_fails_is_served_by_grids_and_the_log_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("FlashAttention only supports Ampere GPUs or newer.")

    monkeypatch.setattr(attention.Varlen, "prove", fail)
    assert isinstance(fastest(torch.device("cuda"), torch.bfloat16, heads=HEADS, groups=GROUPS, width=WIDTH), Grids)
    assert "is slower (FlashAttention only supports Ampere" in caplog.text


def test_a_cpu_takes_blocks_and_full_precision_on_cuda_grids() -> None:
    assert isinstance(fastest(CPU, torch.bfloat16, heads=HEADS, groups=GROUPS, width=WIDTH), Blocks)
    assert isinstance(fastest(torch.device("cuda"), torch.float32, heads=HEADS, groups=GROUPS, width=WIDTH), Grids)

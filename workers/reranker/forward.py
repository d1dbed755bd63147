"""The Qwen3 decoder over packed rows, layer by layer, up to the hidden states at the documents' ends.

The mathematics is transformers' modeling_qwen3 (RMSNorm in fp32, norms on queries and keys, rotary positions, grouped queries, SwiGLU);
what differs is what is not computed: no padding outside attention, each prefix once, the last layer's second half for the ends only.
"""

from __future__ import annotations

import logging
import shutil
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from workers.reranker.attention import fastest, merged
from workers.reranker.packing import Layout, Piece, layout
from workers.reranker.prompt import EncodedSet

logger = logging.getLogger(__name__)
COMPILERS = ("c++", "g++", "clang++")


class Layer(nn.Module):
    """One decoder layer. What is multiplied by the same input is one matrix: query, key and value; gate and up."""

    def __init__(self, layer: Any, config: Any) -> None:
        super().__init__()
        attention, mlp = layer.self_attn, layer.mlp
        self.heads, self.groups, self.width = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        self.epsilon = config.rms_norm_eps
        self.qkv = _joined(attention.q_proj, attention.k_proj, attention.v_proj)
        self.out = attention.o_proj.weight
        self.gate_up = _joined(mlp.gate_proj, mlp.up_proj)
        self.down = mlp.down_proj.weight
        self.query_norm, self.key_norm = attention.q_norm.weight, attention.k_norm.weight
        self.input_norm, self.middle_norm = layer.input_layernorm.weight, layer.post_attention_layernorm.weight


def _joined(*parts: Any) -> nn.Parameter:
    """One matrix of several, which then are views of it: no weight is held twice."""
    whole = nn.Parameter(torch.cat([part.weight.data for part in parts]), requires_grad=False)
    for part, piece in zip(parts, whole.data.split([part.weight.shape[0] for part in parts]), strict=True):
        part.weight.data = piece
    return whole


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    wide = x.float()
    return weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + epsilon)).to(x.dtype)


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x: [n, heads, width]; cos, sin: [n, 1, width]."""
    left, right = x.chunk(2, -1)
    return x * cos + torch.cat([-right, left], -1) * sin


def before_attention(
    x: Tensor,
    norm: Tensor,
    qkv: Tensor,
    query_norm: Tensor,
    key_norm: Tensor,
    cos: Tensor,
    sin: Tensor,
    heads: int,
    groups: int,
    epsilon: float,
) -> tuple[Tensor, Tensor, Tensor]:
    width = query_norm.shape[0]
    query, key, value = F.linear(rms_norm(x, norm, epsilon), qkv).view(x.shape[0], -1, width).split([heads, groups, groups], 1)
    return rotated(rms_norm(query, query_norm, epsilon), cos, sin), rotated(rms_norm(key, key_norm, epsilon), cos, sin), value


def after_attention(x: Tensor, attended: Tensor, out: Tensor, norm: Tensor, gate_up: Tensor, down: Tensor, epsilon: float) -> Tensor:
    x = x + F.linear(attended, out)
    gate, up = F.linear(rms_norm(x, norm, epsilon), gate_up).chunk(2, -1)
    return x + F.linear(F.silu(gate) * up, down)


class Decoder:
    """The layers of a base model, for packed rows. Raises ValueError for a model with parts that Qwen3 has not."""

    def __init__(self, base: Any, *, compiled: bool = True) -> None:
        config = base.config
        if getattr(config, "attention_bias", False) or getattr(config, "use_sliding_window", False) or config.hidden_act != "silu":
            raise ValueError("attention biases, sliding windows and activations other than silu are not supported")
        self.base, self.epsilon = base, config.rms_norm_eps
        self.layers = [Layer(layer, config) for layer in base.layers]
        self.attention = fastest(
            base.device, base.dtype, heads=config.num_attention_heads, groups=config.num_key_value_heads, width=config.head_dim
        )
        parts: tuple[Any, Any, Any] = (before_attention, after_attention, merged)
        self.before, self.after, self.merge = parts
        self.fused = compiled and self._compile()

    def _compile(self) -> bool:
        """Fuse what is not a matrix product, and try it. Without a C++ compiler scoring goes on unfused."""
        lost = "scoring works, and is slower"
        if self.base.device.type == "cpu" and not any(map(shutil.which, COMPILERS)):
            logger.warning("No C++ compiler was found (one of %s): %s. Install the package g++.", ", ".join(COMPILERS), lost)
            return False
        plain = self.before, self.after, self.merge
        self.before, self.after, self.merge = (torch.compile(part, dynamic=True) for part in plain)
        trial = EncodedSet([0] * 5, [[0] * 6, [0] * 7], [6, 7], [0, 0])
        try:
            self.ends(layout([trial], [Piece(0, (0, 1))]).to(self.base.device))
        except Exception as error:
            logger.warning("torch.compile failed: %s. (%s)", lost, str(error).strip().split("\n", 1)[0][:300])
            self.before, self.after, self.merge = plain
            return False
        return True

    @torch.inference_mode()
    def ends(self, row: Layout) -> Tensor:
        """The normed hidden states at the documents' ends, fp32 [d, hidden]."""
        x = self.base.embed_tokens(row.ids)
        cos, sin = (part[0, :, None] for part in self.base.rotary_emb(x, row.positions[None]))
        plan, last = self.attention.plan(row), self.layers[-1]
        for layer in self.layers:
            query, key, value = self.before(
                x, layer.input_norm, layer.qkv, layer.query_norm, layer.key_norm, cos, sin, layer.heads, layer.groups, layer.epsilon
            )
            attended = self.attention(query, key, value, plan, self.merge)
            if layer is last:
                x, attended = x[row.ends], attended[row.ends]
            x = self.after(x, attended, layer.out, layer.middle_norm, layer.gate_up, layer.down, layer.epsilon)
        wide = x.float()
        return rms_norm(wide, self.base.norm.weight.float(), self.epsilon)

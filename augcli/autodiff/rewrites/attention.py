"""Attention: its backward pass needs the probabilities, which the operator does not return."""

# A rewrite has its operator's signature, whether it needs all of it or not.
# ruff: noqa: ARG001

from __future__ import annotations

import numpy as np

from augcli.autodiff.graph import Value
from augcli.autodiff.ops import cast, softmax, tanh, where
from augcli.autodiff.rewrite import dims, integers, join_tensors, plain, rewrite_of


@rewrite_of("Attention")
def attention(
    q: Value,
    k: Value,
    v: Value,
    mask: Value | None = None,
    past_key: Value | None = None,
    past_value: Value | None = None,
    *,
    is_causal: int = 0,
    scale: float | None = None,
    softcap: float = 0.0,
    q_num_heads: int = 0,
    kv_num_heads: int = 0,
    softmax_precision: int = 1,
    qk_matmul_output_mode: int = 0,
) -> tuple[Value, Value, Value]:
    """softmax(q k' * scale + mask) v (Vaswani et al., NeurIPS 2017, arXiv:1706.03762).

    Masks, soft cap and grouped heads are those of the ONNX specification.
    """
    if q_num_heads:
        q = _split_heads(q, q_num_heads)
        k, v = _split_heads(k, kv_num_heads), _split_heads(v, kv_num_heads)
    past = integers(q, 0)
    if past_key is not None and past_value is not None:
        past = dims(past_key, 2, 3)
        k, v = join_tensors(q, past_key, k, axis=2), join_tensors(q, past_value, v, axis=2)
    keys, values = (
        (k, v) if q_num_heads and q_num_heads == kv_num_heads else (_repeat(k, q), _repeat(v, q))
    )

    factor = scale if scale is not None else cast(dims(q, 3, 4), np.float32) ** -0.5
    scores = plain(q, "MatMul", q * factor, plain(q, "Transpose", keys, perm=[0, 1, 3, 2]))
    if softcap:
        scores = softcap * tanh(scores / softcap)
    if mask is not None:
        scores = scores + (_penalty(mask) if mask.dtype is np.bool_ else mask)
    if is_causal:
        last = plain(q, "Unsqueeze", _range(dims(q, 2, 3)) + past, integers(q, 1))
        scores = scores + _penalty(_range(dims(keys, 2, 3)) < last + 1)
    result = plain(q, "MatMul", softmax(scores), values)
    if q_num_heads:
        result = plain(
            q, "Reshape", plain(q, "Transpose", result, perm=[0, 2, 1, 3]), integers(q, 0, 0, -1)
        )
    return result, k, v


def _split_heads(x: Value, heads: int) -> Value:
    """(batch, length, heads * size) as (batch, heads, length, size)."""
    return plain(
        x, "Transpose", plain(x, "Reshape", x, integers(x, 0, 0, heads, -1)), perm=[0, 2, 1, 3]
    )


def _repeat(k: Value, q: Value) -> Value:
    """The heads of k, each repeated so that there are as many as in q."""
    times = plain(q, "Div", dims(q, 1, 2), dims(k, 1, 2))
    ones = integers(q, 1, 1)
    copies = plain(
        q, "Expand", plain(q, "Unsqueeze", k, integers(q, 2)), join_tensors(q, ones, times, ones)
    )
    return plain(
        q, "Reshape", copies, join_tensors(q, integers(q, 0), dims(q, 1, 2), dims(k, 2, 4))
    )


def _penalty(allowed: Value) -> Value:
    """0 where allowed, else the lowest number, which softmax takes to 0."""
    zero = allowed.graph.constant(0.0, np.float32)
    return where(allowed, zero, float(np.finfo(np.float32).min))


def _range(count: Value) -> Value:
    zero, one = (count.graph.constant(n, np.int64) for n in (0, 1))
    return plain(
        count, "Range", zero, plain(count, "Squeeze", count, dtype=np.int64), one, dtype=np.int64
    )

"""Cases of one node whose first input is the image."""

from __future__ import annotations

from typing import Any

import pytest
from onnx import helper

from tests.helpers.finite_differences import BATCH, network, spread


def case(
    op: str,
    shape: tuple[int, ...],
    *constants: Any,
    opset: int = 17,
    label: str = "",
    low: float = -2.0,
    high: float = 2.0,
    reference: bool = True,
    **attributes: Any,
) -> Any:
    """One node whose first input is the image (batch, *shape) and whose others are constants."""
    names = [f"c{i}" if c is not None else "" for i, c in enumerate(constants)]
    node = helper.make_node(op, ["x", *names], ["y"], name="node", **attributes)
    arrays = {n: c for n, c in zip(names, constants, strict=True) if n}
    model = network([node], shape, arrays, opset)
    detail = label or "-".join(f"{k}={v}" for k, v in attributes.items()).replace(" ", "")
    return pytest.param(
        model, spread((BATCH, *shape), low, high), reference, id=f"{op}{opset}-{detail}"[:100]
    )

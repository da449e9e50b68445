"""Exported classifiers against torch.autograd in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from augcli.autodiff import differentiate
from tests.helpers.cuda import without_kernel
from tests.helpers.finite_differences import run

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "onnx_gradients"
# All of the cases whole, where a checkout of the reference data lies beside the repository.
WHOLE = ROOT.parent / "shared" / "onnx_gradients"


def cases() -> list[Any]:
    """Every output and every resolution of every case."""
    folders = {p.parent.name: p.parent for p in KEPT.glob("*/case.npz")}
    folders |= {p.parent.name: p.parent for p in WHOLE.glob("*/case.npz")}
    actual = []
    for name, folder in sorted(folders.items()):
        arrays = np.load(folder / "case.npz")
        for key in arrays:
            if key.startswith("output"):
                suffix = key.removeprefix("output")
                marks = [pytest.mark.slow] if name.startswith("swin") else []
                actual.append(pytest.param(folder, suffix, id=f"{name}{suffix}", marks=marks))
    return actual


@pytest.mark.parametrize(("folder", "suffix"), cases())
def test_gradient_and_saliency_are_those_of_autograd(folder: Path, suffix: str) -> None:
    arrays = np.load(folder / "case.npz")
    of_input = suffix if suffix == "__b" else ""
    image = arrays[f"input{of_input}"].astype(np.float32)
    label = arrays[f"labels{of_input}"]
    expected = arrays[f"input_gradient{suffix}"]
    options = {
        "size": image.shape[2:],
        "output": suffix[2:] if suffix not in ("", "__b") else None,
    }

    raw = differentiate(folder / "model.onnx", result="gradient", **options)
    assert (raw.inputs, raw.outputs) == (("image", "label"), ("logits", "gradient"))
    assert (raw.batch, raw.layout, raw.classes) == (None, "NCHW", 10)
    assert without_kernel(raw.model, onnx.load(folder / "model.onnx")) == []
    logits, gradient = run(raw.model, {"image": image, "label": label}, list(raw.outputs))
    error = np.abs(gradient - expected).max() / np.abs(expected).max()
    assert error <= min(float(arrays["tolerance"]), 1e-4)

    output = arrays[f"output{suffix}"]
    if "softmax" in folder.name:
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        logits = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(logits, output, rtol=0, atol=5e-5 * np.abs(output).max())

    mapped = differentiate(folder / "model.onnx", **options)
    _, saliency = run(mapped.model, {"image": image, "label": label}, list(mapped.outputs))
    np.testing.assert_allclose(saliency, np.abs(gradient).max(axis=1), rtol=1e-5, atol=1e-9)
    if f"saliency{suffix}" in arrays:
        reference = arrays[f"saliency{suffix}"]
        assert np.abs(saliency - reference).max() <= 1e-4 * reference.max()


def test_all_golden_cases_are_run() -> None:
    assert len(list(KEPT.glob("*/case.npz"))) == 17

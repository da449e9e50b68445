"""Facts about a model before it is differentiated."""

from __future__ import annotations

import numpy as np

from augcli.autodiff import differentiate
from augcli.autodiff.inspect import Tensor, inspect
from tests.helpers.networks import TWO_HEADS, WEIGHTS, classifier, two_heads


def test_facts() -> None:
    facts = inspect(two_heads())
    assert facts.inputs == (Tensor("picture", "float", "(N, 3, 9, 8)"),)
    assert [o.name for o in facts.outputs] == ["scores", "early_scores"]
    assert (facts.opset, facts.layout, facts.size) == (17, "NCHW", (9, 8))
    assert (facts.batch, facts.classes) == (None, 5)
    twice, once = ("Conv", "Flatten", "Gemm", "GlobalAveragePool"), ("Mul", "Sigmoid", "Tanh")
    assert facts.operators == {**dict.fromkeys(twice, 2), **dict.fromkeys(once, 1)}
    assert facts.missing == {}


def test_heads_are_outputs_of_logits() -> None:
    model = classifier(TWO_HEADS, "scores features early_scores", WEIGHTS)
    assert inspect(model).heads == (
        Tensor("scores", "float", "(N, 5)"),
        Tensor("early_scores", "float", "(N, 5)"),
    )


def test_features_are_the_last_of_each_resolution_that_everything_passes() -> None:
    expected = (
        Tensor("swish", "float", "(N, 6, 9, 8)"),
        Tensor("features", "float", "(N, 8, 4, 3)"),
    )
    assert inspect(two_heads()).features == expected
    assert inspect(two_heads(), output="early_scores").features == expected[:1]
    for tensor in expected:
        assert differentiate(two_heads(), wrt=tensor.name).outputs[1] == "saliency"


def test_what_is_open() -> None:
    facts = inspect(two_heads(picture="float[N, 3, H, W]"), size=(20, 16))
    assert facts.size is None
    assert facts.features[0].shape == "(N, 6, 20, 16)"
    assert facts.inputs[0].shape == "(N, 3, H, W)"


def test_missing_rules_are_reported() -> None:
    odd = "square = Slice(late, from, to, axes) odd = Det(square) part = Unsqueeze(odd, axes)"
    text = TWO_HEADS.replace("features = Tanh(late)", odd + " features = Mul(late, part)")
    weights = {"from": np.array([0, 0]), "to": np.array([2, 2]), "axes": np.array([2, 3])}
    facts = inspect(classifier(text, "scores", WEIGHTS | weights))
    assert facts.missing == {"Det": ["making odd"]}
    assert facts.features[0].name == "swish"

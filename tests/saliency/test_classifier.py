"""Maps of classifiers: values, labels, bits that depend on nothing else, the cache."""

from __future__ import annotations

import multiprocessing
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
from onnx import helper

from augcli.classifier.build import build_spec
from augcli.classifier.settings import ModelSettings
from augcli.classifier.spec import ClassifierSpec
from augcli.data.source import list_source
from augcli.image.codec import decode
from augcli.saliency import classifier as classifier_module
from augcli.saliency.classifier import classifier_maps
from tests.conftest import SAMPLE_DATA
from tests.helpers.onnx_models import (
    ALL,
    CLASSES,
    PLAIN,
    SAMPLE,
    Float32,
    mixed_then_pooled,
    model,
    noise,
    real,
    saved,
    weighted_sums,
)

CAT, ROCKET = ((0,), (1.0,)), ((3,), (1.0,))


def photo(name: str) -> npt.NDArray[np.uint8]:
    return decode((SAMPLE_DATA / name).read_bytes())


def same(some: list[Float32], others: list[Float32]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


def test_map_is_the_gradient_of_the_labels_logit(sample: ClassifierSpec) -> None:
    """By central differences of the logit in the tensor that the model takes."""
    image = noise(96, 96)
    (actual,) = classifier_maps(sample, "gradient", [image], [ROCKET])
    session = onnxruntime.InferenceSession(SAMPLE, providers=["CPUExecutionProvider"])
    tensor = ((image / 255 - 0.5) / 0.25).astype(np.float32).transpose(2, 0, 1)[None]
    for flat in np.argsort(actual, axis=None)[[-1, -2, -50, -500]]:
        row, column = divmod(int(flat), 96)
        slopes = []
        for channel in range(3):
            ends = []
            for step in (-0.01, 0.01):
                moved = tensor.copy()
                moved[0, channel, row, column] += step
                ends.append(float(session.run(None, {"image": moved})[0][0, 3]))
            slopes.append(abs(ends[1] - ends[0]) / 0.02)
        assert actual[row, column] == pytest.approx(max(slopes), rel=0.05)


def test_map_comes_back_in_the_images_pixels(tmp_path: Path) -> None:
    weights = np.zeros((2, 3, 8, 8), np.float32)
    weights[1, 2, 6, 1] = -4.0
    options = ModelSettings(scale=255)
    path = saved(weighted_sums(weights), tmp_path)
    spec = build_spec(path, ("a", "b"), [("gradient", None)], options=options)
    image = noise(64, 80)
    other, (actual,) = (
        classifier_maps(spec, "gradient", [image], [((k,), (1.0,))]) for k in (0, 1)
    )
    assert actual.shape == (64, 80) and actual.dtype == np.float32
    expected = cv2.resize(np.abs(weights[1, 2]), (80, 64), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(actual, expected, rtol=1e-6)
    assert not other[0].any()


@pytest.mark.parametrize(
    ("file", "box"),
    [
        ("rocket/pad.jpg", (0.25, 0.45, 1.0, 0.57)),
        ("flower/bed.jpg", (0.15, 0.22, 1.0, 0.74)),
        ("coffee/table.jpg", (0.0, 0.1, 1.0, 0.83)),
        ("temple/hill.jpg", (0.03, 0.06, 0.97, 0.62)),
    ],
)
def test_sample_classifier_looks_at_the_object(
    sample: ClassifierSpec, file: str, box: tuple[float, ...]
) -> None:
    image = photo(file)
    label = CLASSES.index(file.partition("/")[0])
    (actual,) = classifier_maps(sample, "gradient", [image], [((label,), (1.0,))])
    height, width = actual.shape
    top, left, bottom, right = (
        round(share * side) for share, side in zip(box, (height, width) * 2, strict=True)
    )
    assert actual[top:bottom, left:right].sum() > 0.8 * actual.sum()


def test_sample_classifier_knows_its_classes(sample: ClassifierSpec) -> None:
    """With the predicted class, most maps are those of the label."""
    listing = list_source(SAMPLE_DATA)
    assert listing.classes == CLASSES
    predicting = build_spec(SAMPLE, CLASSES, [("gradient", None)], predicted=True)
    agreeing = 0
    for index in range(len(listing)):
        entry = listing.sample(index)
        image = decode(Path(entry.path.decode()).read_bytes())
        label = (entry.label.ids, entry.label.weights)
        maps = [classifier_maps(s, "gradient", [image], [label]) for s in (sample, predicting)]
        agreeing += same(*maps)
    assert agreeing >= 27


@pytest.mark.parametrize(("method", "size"), ALL)
def test_bits_do_not_depend_on_company(
    sample: ClassifierSpec, method: str, size: int | None
) -> None:
    images = [noise(40 + 9 * n, 70 - 5 * n, n) for n in range(7)] + [noise(96, 96), noise(48, 48)]
    labels: list[Any] = [((n % 5,), (1.0,)) for n in range(9)]
    alone = [
        classifier_maps(sample, method, [image], [label], size)[0]
        for image, label in zip(images, labels, strict=True)
    ]
    for actual, image in zip(alone, images, strict=True):
        assert actual.shape == image.shape[:2] and actual.dtype == np.float32
        assert actual.min() >= 0 and actual.max() > 0
    assert same(alone, classifier_maps(sample, method, images, labels, size))
    order = random.Random(0).sample(range(9), 9)
    mixed = classifier_maps(
        sample, method, [images[i] for i in order], [labels[i] for i in order], size
    )
    assert same([alone[i] for i in order], mixed)
    with ThreadPoolExecutor(4) as pool:
        threaded = pool.map(
            lambda i: classifier_maps(sample, method, [images[i]], [labels[i]], size)[0], range(9)
        )
        assert same(alone, list(threaded))


def _maps_elsewhere(spec: ClassifierSpec, pipe: Any) -> None:
    images = [noise(50, 60, seed) for seed in range(3)]
    pipe.send([classifier_maps(spec, m, images, [CAT] * 3, s) for m, s in ALL[:3]])


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_bits_are_the_same_in_other_processes(sample: ClassifierSpec, start: str) -> None:
    images = [noise(50, 60, seed) for seed in range(3)]
    here = [classifier_maps(sample, m, images, [CAT] * 3, s) for m, s in ALL[:3]]
    context: Any = multiprocessing.get_context(start)
    ours, theirs = context.Pipe()
    process = context.Process(target=_maps_elsewhere, args=(sample, theirs))
    process.start()
    there = ours.recv()
    process.join()
    assert all(same(a, b) for a, b in zip(here, there, strict=True))


def test_low_resolution_sees_a_smaller_image(sample: ClassifierSpec) -> None:
    image = photo("rocket/pad.jpg")
    (full,) = classifier_maps(sample, "gradient", [image], [ROCKET])
    (low,) = classifier_maps(sample, "gradient", [image], [ROCKET], 48)
    assert low.shape == full.shape
    assert not np.array_equal(low, full)
    smaller = replace(
        build_spec(SAMPLE, CLASSES, [("gradient", None)], options=ModelSettings(size=(48, 48)))
    )
    assert same([low], classifier_maps(smaller, "gradient", [image], [ROCKET]))
    assert same([full], classifier_maps(sample, "gradient", [image], [ROCKET], 500))


def test_soft_labels_mix_logits_of_mapped_classes(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).standard_normal((4, 3, 6, 6)).astype(np.float32)
    path = saved(weighted_sums(weights), tmp_path)
    (tmp_path / "names.txt").write_text("dog\nowl\n\ncat\nant\n")
    spec = build_spec(
        path, ("ant", "cat", "dog"), [("gradient", None)], options=PLAIN,
        class_list=tmp_path / "names.txt",
    )  # fmt: skip
    assert spec.class_map == (3, 2, 0)
    label = ((2, 0), (0.75, 0.25))
    (actual,) = classifier_maps(spec, "gradient", [noise(6, 6)], [label])
    expected = np.abs(0.75 * weights[0] + 0.25 * weights[3]).max(axis=0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * expected.max())


def test_a_second_run_pays_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [noise(50, 60), noise(61, 40)]
    labels: list[Any] = [CAT, ((0, 3), (0.5, 0.5))]
    plain = build_spec(SAMPLE, CLASSES, ALL)
    cached = build_spec(SAMPLE, CLASSES, ALL, cache=tmp_path)
    expected = {key: classifier_maps(plain, key[0], images, labels, key[1]) for key in ALL}
    for method, size in ALL:
        first = classifier_maps(cached, method, images, labels, size)
        assert same(first, expected[method, size])

    def never(*_: object) -> Any:
        raise AssertionError("the model was run")

    monkeypatch.setattr(classifier_module, "_run", never)
    for method, size in ALL:
        again = classifier_maps(cached, method, images[::-1], labels[::-1], size)
        assert same(again[::-1], expected[method, size])
    # The cell's strength has no label; everything else depends on all of these.
    classifier_maps(cached, "feature-map", images[:1], [ROCKET])
    changed = images[0].copy()
    changed[7, 7, 1] ^= 1
    turned = images[0].reshape(60, 50, 3)
    for spec, method, image, label in (
        (cached, "gradient", images[0], ROCKET),
        (cached, "gradient", changed, CAT),
        (cached, "gradient", turned, CAT),
        (cached, "feature-map", changed, CAT),
        (replace(cached, digest="0"), "gradient", images[0], CAT),
        (replace(cached, device="cuda"), "gradient", images[0], CAT),
        (replace(cached, layer="relu3"), "gradcam", images[0], CAT),
    ):
        with pytest.raises(AssertionError, match="the model was run"):
            classifier_maps(spec, method, [image], [label])


def test_a_damaged_cache_is_filled_again(tmp_path: Path) -> None:
    spec = build_spec(SAMPLE, CLASSES, [("gradient", None)], cache=tmp_path)
    first = classifier_maps(spec, "gradient", [noise(50, 60)], [CAT])
    for file in tmp_path.rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:-7])
    spec = build_spec(SAMPLE, CLASSES, [("gradient", None)], cache=tmp_path)
    assert same(first, classifier_maps(spec, "gradient", [noise(50, 60)], [CAT]))


def test_a_model_that_mixes_its_batch_sees_each_image_alone(tmp_path: Path) -> None:
    """With zeros in the other places: logits are of the image minus the mean over two."""
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[0]),
        helper.make_node("Sub", ["image", "mean"], ["centred"]),
        helper.make_node("Flatten", ["centred"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["logits"]),
    ]
    weights = np.random.default_rng(0).standard_normal((48, 2)).astype(np.float32)
    network = model(nodes, {"weights": weights}, [2, 3, 4, 4], {"logits": [2, 2]})
    spec = build_spec(saved(network, tmp_path), "ab", [("gradient", None)], options=PLAIN)
    images, labels = [noise(4, 4, n) for n in range(3)], [((n % 2,), (1.0,)) for n in range(3)]
    actual = classifier_maps(spec, "gradient", images, labels)
    for place, one in enumerate(actual):
        expected = np.abs(weights[:, place % 2].reshape(3, 4, 4)).max(axis=0) / 2
        np.testing.assert_allclose(one, expected, rtol=0, atol=1e-4)
    assert same(actual[1:2], classifier_maps(spec, "gradient", images[1:2], labels[1:2]))


def test_a_dead_head_gives_a_flat_map(tmp_path: Path) -> None:
    """Of a ReLU that lets nothing through, and of weights that are no numbers."""
    dead = saved(mixed_then_pooled(-np.ones((2, 3), np.float32), np.eye(2, dtype=np.float32)),
                 tmp_path, "dead.onnx")  # fmt: skip
    options = ModelSettings(size=(8, 8), scale=1)
    spec = build_spec(dead, ("a", "b"), [("gradient", None), ("gradcam", None)], options=options)
    for method in ("gradient", "gradcam"):
        (actual,) = classifier_maps(spec, method, [noise(20, 30)], [((1,), (1.0,))])
        assert actual.shape == (20, 30) and not actual.any()


def test_maps_that_are_not_finite_are_returned_and_not_cached(tmp_path: Path) -> None:
    weights = np.ones((2, 3, 4, 4), np.float32)
    weights[1, 0, 2, 2] = np.nan
    path = saved(weighted_sums(weights), tmp_path)
    spec = build_spec(
        path, ("a", "b"), [("gradient", None)], options=PLAIN, cache=tmp_path / "cache"
    )
    before = sum(1 for _ in (tmp_path / "cache").rglob("*"))
    (actual,) = classifier_maps(spec, "gradient", [noise(8, 8)], [((1,), (1.0,))])
    assert actual.shape == (8, 8) and np.isnan(actual).any()
    assert sum(1 for _ in (tmp_path / "cache").rglob("*")) == before


def test_the_final_relu_of_squeezenet_is_often_dead() -> None:
    options = ModelSettings(size=(64, 64), scale=1, mean=(104, 117, 123), order="bgr")
    path = real("squeezenet1_0_fp32")
    spec = build_spec(path, [str(n) for n in range(1000)], [("gradient", None)], options=options)
    labels: list[Any] = [((k,), (1.0,)) for k in range(0, 1000, 100)]
    actual = classifier_maps(spec, "gradient", [photo("cat/face.jpg")] * 10, labels)
    alive = [bool(one.any()) for one in actual]
    assert any(alive) and not all(alive)

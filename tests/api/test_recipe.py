"""`augcli.load_recipe`: recipes over arrays, with the pixels of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import augcli
from augcli.image.codec import decode
from tests.conftest import SAMPLE_DATA, write_photo

WHITE = (255, 255, 255)


def batch(count: int = 6, *, equal: bool = False) -> list[npt.NDArray[np.uint8]]:
    rng = np.random.default_rng(1)
    sizes = [(24, 30) if equal else (20 + 4 * i, 30 - i) for i in range(count)]
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


LABELS = [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("saliencymix", {}),
        ("saliencymix", {"box": "per-batch", "saliency_size": 16}),
        ("cutmix", {"alpha": 0.4, "keep": True}),
        ("ricap", {}),
        ("fmix", {}),
        ("mixup", {"probability": 0.5, "label_smoothing": 0.1}),
        ("augmix", {"views": 2}),
        ("randaugment", {"n": 2, "m": 5, "keep": True, "tau": 0.4, "keep_size": 0.25}),
    ],
)
def test_outputs_are_those_of_their_parameters(name: str, options: dict[str, Any]) -> None:
    recipe = augcli.load_recipe(name, **options)
    images = batch()
    before = [image.copy() for image in images]
    images_out, labels, params = recipe(images, LABELS, seed=3, n_classes=3)
    assert isinstance(images_out, list)
    assert len(images_out) == len(labels) == len(params) == 6 * len(recipe.views)
    assert labels.dtype == np.float32
    assert labels.shape[1] == 3
    assert np.allclose(labels.sum(axis=1), 1.0)
    for at, (image, one) in enumerate(zip(images_out, params, strict=True)):
        sources = one["sources"]
        assert sources[0] == at // len(recipe.views)
        assert image.shape == images[sources[0]].shape
        assert (recipe.apply([images[i] for i in sources], one["params"]) == image).all()
        assert one["view"] == recipe.views[at % len(recipe.views)]
    assert any(len(one["sources"]) > 1 for one in params) == (recipe.sources > 1)
    assert all((a == b).all() for a, b in zip(before, images, strict=True))
    again = recipe(images, LABELS, seed=3, n_classes=3)
    assert (again.labels == labels).all()
    assert again.params == params
    assert all((a == b).all() for a, b in zip(again.images, images_out, strict=True))
    assert recipe(images, LABELS, seed=4, n_classes=3).params != params


def test_labels_follow_the_share() -> None:
    images = batch(2, equal=True)
    _, labels, params = augcli.load_recipe("mixup")(images, [0, 1], n_classes=2)
    lam = np.float32(params[0]["lam"])
    assert labels[0].tolist() == [lam, np.float32(1 - params[0]["lam"])]
    smoothed = augcli.load_recipe("flip", label_smoothing=0.2)(images, [0, 1], n_classes=2).labels
    assert np.allclose(smoothed, [[0.9, 0.1], [0.1, 0.9]])
    soft = np.array([[0.25, 0.75], [1.0, 0.0]])
    assert (augcli.load_recipe("flip")(images, soft).labels == soft).all()
    several = np.array([[1.0, 1.0], [0.0, 0.0]])
    made = augcli.load_recipe("mixup")(images, several, multi_label=True)
    assert np.allclose(made.labels[0], made.params[0]["lam"])


def test_arrays_of_equal_images_come_back_as_an_array() -> None:
    images = np.stack(batch(4, equal=True))
    made = augcli.load_recipe("augmix", views=2)(images, [0, 0, 1, 1], classes=["a", "b"])
    assert isinstance(made.images, np.ndarray)
    assert made.images.shape == (12, 24, 30, 3)
    assert (made.images[0::3] == images).all()


def test_a_row_of_a_manifest_gives_the_pixels_of_its_file(photos: Path, tmp_path: Path) -> None:
    options: Any = {"format": "png", "copies": 3, "seed": 9}
    for name, own in (("saliencymix", {}), ("ricap", {"beta": 0.3}), ("trivialaugment", {})):
        augcli.generate(photos, tmp_path / name, name, set=own, **options)
        recipe = augcli.load_recipe(name, **own)
        manifest = augcli.open_manifest(tmp_path / name)
        for number, row in enumerate(manifest):
            files = [(photos / path).read_bytes() for path in row.source_paths]
            sources = [decode(file, max_pixels=1 << 20, background=WHITE) for file in files]
            data = manifest.path(number).read_bytes()
            expected = decode(data, max_pixels=1 << 20, background=WHITE)
            assert (recipe.apply(sources, row.params) == expected).all()


def test_a_recipe_file(tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text(
        '[[steps]]\nrecipe = "flip"\n[[steps]]\nrecipe = "mixup"\n[classes.b.mixup]\nalpha = 1e9\n'
    )
    images = batch(4, equal=True)
    for place in (file, str(file)):
        recipe = augcli.load_recipe(place)
        assert (recipe.name, recipe.sources) == ("two", 2)
        made = recipe(images, [0, 1, 0, 1], classes=["a", "b"])
        of_b = [one["lam"] for one in made.params if one["sources"][0] % 2]
        assert of_b == pytest.approx([0.5, 0.5], abs=0.05)
    with pytest.raises(augcli.UserError, match=r"options for class 'b', which classes does not"):
        recipe(images, [0, 1, 0, 1], n_classes=2)
    with pytest.raises(augcli.UserError, match=r"^keep has no effect beside recipe_file; write it"):
        augcli.load_recipe(file, keep=True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'alpha'"):
        augcli.load_recipe(file, alpha=1)


def test_saliency_of_a_classifier(tmp_path: Path) -> None:
    names = ["cat", "coffee", "flower", "rocket", "temple"]
    recipe = augcli.load_recipe(
        "saliencymix",
        detector="gradient",
        model=SAMPLE_DATA / "classifier.onnx",
        saliency_cache=tmp_path / "cache",
    )
    images = batch(3, equal=True)
    made = recipe(images, [0, 1, 2], classes=names)
    assert all(one["saliency_method"] == "gradient" for one in made.params)
    for image, one in zip(made.images, made.params, strict=True):
        assert (recipe.apply([images[i] for i in one["sources"]], one["params"]) == image).all()
    with pytest.raises(augcli.UserError, match=r"^saliency gradient needs a classifier; give"):
        augcli.load_recipe("saliencymix", detector="gradient")


WRONG_ARRAYS = [
    ([], [], {}, "images is empty; give at least one."),
    (np.zeros((3, 4, 3), np.uint8), [0], {},
     "images is an array of shape (3, 4, 3); give (n, H, W, 3), or a list of images."),
    ([np.zeros((3, 4), np.uint8)], [0], {},
     "images[0] is uint8 of shape (3, 4); give uint8 RGB (H, W, 3)."),
    ([np.zeros((3, 4, 3))], [0], {},
     "images[0] is float64 of shape (3, 4, 3); give uint8 RGB (H, W, 3)."),
    ([[0]], [0], {}, "images[0] is a list; give a NumPy array, as"
     " np.asarray(image.convert('RGB')) makes it of a Pillow image."),
    (batch(2), [0], {"n_classes": 2}, "There are 2 images and 1 labels; give one each."),
    (batch(2), [0, 1], {}, "labels are class ids; say how many classes there are with n_classes."),
    (batch(2), [0, 2], {"n_classes": 2}, "Label 2 is none of 2 classes from 0 on."),
    (batch(2), [0, 1], {"classes": ["a"], "n_classes": 2},
     "n_classes=2, and classes names 1; leave n_classes out."),
    (batch(2), [0, 1], {"classes": ["a", "a"]},
     "classes is a list of the classes' names, each of them once."),
    (batch(2), [0.5, 1], {"n_classes": 2},
     "labels is float64 of shape (2,); give class ids (n,) or weights (n, classes)."),
    (batch(2), [[0.5, 0.4], [1, 0]], {},
     "The weights of labels[0] sum to 0.9, not to 1; give multi_label=True where each class stands"
     " for itself."),
    (batch(2), [[-0.5, 1.5], [1, 0]], {}, "labels[0] has a weight that is not from 0 to 1."),
    (batch(2), [[1, 0], [1, 0]], {"n_classes": 3},
     "labels has 2 columns, and there are 3 classes."),
    (batch(2), [0, 1], {"n_classes": 2, "multi_label": True},
     "With multi_label=True, labels are weights (n, classes), not class ids."),
    (batch(1), [0], {"n_classes": 2}, "Recipe cutmix mixes 2 images, and the batch has 1; give"
     " more, or choose a recipe for single images."),
    (batch(2), [0, 1], {"n_classes": 2, "seed": -1}, f"seed=-1 is not from 0 to {2**63 - 1}."),
]  # fmt: skip


@pytest.mark.parametrize(
    ("images", "labels", "options", "sentence"), WRONG_ARRAYS, ids=[x[3][:40] for x in WRONG_ARRAYS]
)
def test_wrong_arrays_are_refused(
    images: Any, labels: Any, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(augcli.UserError) as refused:
        augcli.load_recipe("cutmix")(images, labels, **options)
    assert str(refused.value) == sentence


def test_wrong_options_are_refused() -> None:
    for name, options, sentence in (
        ("cutmx", {}, "There is no recipe 'cutmx' (did you mean 'cutmix'?); `augcli recipes` lists"
         " them."),
        ("cutmix", {"alpha": -1}, "Option alpha=-1 of recipe cutmix is wrong: give a number >="
         " 1e-06 and <= 1000000000; `augcli recipes cutmix` shows what it takes."),
        ("cutmix", {"tau": 0.5}, "tau has no effect without keep=True; add that."),
        ("cutmix", {"probability": 2}, "set probability=2 is not a number from 0 to 1."),
        ("flip", {"fit": "contain"}, "fit has no effect with recipe flip, which leaves an image its"
         " own size; leave it out."),
        ("cutmix", {"model": "x.onnx"}, "model has no effect with recipe cutmix, which looks for no"
         " saliency; leave it out, or add keep=True and saliency gradient, gradcam or"
         " feature-map."),
    ):  # fmt: skip
        with pytest.raises(augcli.UserError) as refused:
            augcli.load_recipe(name, **options)
        assert str(refused.value) == sentence
    with pytest.raises(TypeError) as unknown:
        augcli.load_recipe("cutmix", alpah=1)
    assert str(unknown.value) == (
        "load_recipe() got an unexpected keyword argument 'alpah' (did you mean 'alpha'?)"
    )


def test_parameters_of_another_recipe() -> None:
    recipe = augcli.load_recipe("cutmix")
    for params, count in (
        ({"lam": 0.5}, 2),
        ({"box": [0, 0, 5, 5]}, 1),
        ("{", 2),
        ({"box": "x"}, 2),
    ):
        with pytest.raises(augcli.UserError, match=r"^These parameters do not fit recipe cutmix "):
            recipe.apply(batch(count), params)


def test_padding_of_a_partner() -> None:
    tall, wide = np.full((20, 10, 3), 200, np.uint8), np.full((10, 20, 3), 100, np.uint8)
    values = {
        fit: set(
            augcli.load_recipe("samplepairing", fit=fit)([tall, wide], [0, 1], n_classes=2)
            .images[0].ravel().tolist()
        )
        for fit in ("cover", "contain")
    }  # fmt: skip
    assert values == {"cover": {150}, "contain": {100, 150}}


def test_a_photo_of_any_size(tmp_path: Path) -> None:
    write_photo(tmp_path / "one.png", 1, 1, 1)
    image = decode((tmp_path / "one.png").read_bytes(), max_pixels=9, background=WHITE)
    made = augcli.load_recipe("saliencymix")([image, *batch(1)], [0, 1], n_classes=2)
    assert [one.shape for one in made.images] == [(1, 1, 3), batch(1)[0].shape]

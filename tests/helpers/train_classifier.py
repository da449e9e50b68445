"""Trains sample_data/classifier.onnx, 212 KB for five classes, in six minutes on one core.

    python -m venv venv && venv/bin/pip install torch==2.13.0 onnx pillow
    venv/bin/python tests/helpers/train_classifier.py sample_data

It needs torch, which augcli and its tests do not. The views of a class in sample_data all show one
photograph, so whatever accuracy this classifier has on them says nothing about other photographs:
it is there to show gradient saliency, not to be good.

Training data are windows of the one whole view of each class, their object often pasted on another
background. Two things make the gradient lie on the object: backgrounds alone are taught as all
classes alike, and what the gradient is outside the object is penalised (Ross et al., "Right for the
Right Reasons", IJCAI 2017, https://arxiv.org/abs/1703.03717).
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageFilter

# The whole view of each class, and where its objects are: shares of height and width, as
# (top, left, bottom, right), and whether they are round.
OBJECTS = {
    "cat": ("face.jpg", [(0.0, 0.05, 1.0, 0.80)], True),
    "coffee": ("table.jpg", [(0.04, 0.12, 0.97, 0.81)], True),
    "flower": ("bed.jpg", [(0.19, 0.26, 0.85, 0.70), (0.87, 0.45, 1.0, 0.72)], True),
    "rocket": ("pad.jpg", [(0.29, 0.47, 0.97, 0.54)], False),
    "temple": ("hill.jpg", [(0.06, 0.09, 0.93, 0.58)], False),
}
SIDE, BATCH, STEPS = 96, 32, 3000
MEAN, STD = 0.5, 0.25
WIDTHS = (16, 24, 32, 48, 64)
STRIDES = (2, 2, 1, 2, 1)


Photographs = list[tuple[np.ndarray, np.ndarray]]


def photographs(folder: Path) -> Photographs:
    """Each class's pixels (H, W, 3) from 0 to 1, and where its objects are (H, W), softly."""
    actual = []
    for name, (file, boxes, is_round) in OBJECTS.items():
        image = Image.open(folder / name / file).convert("RGB")
        width, height = image.size
        rows, columns = (np.mgrid[:height, :width] + 0.5) / np.array([height, width])[:, None, None]
        where = np.zeros((height, width), bool)
        for top, left, bottom, right in boxes:
            down = (rows - (top + bottom) / 2) / ((bottom - top) / 2)
            across = (columns - (left + right) / 2) / ((right - left) / 2)
            inside = np.hypot(down, across) if is_round else np.maximum(abs(down), abs(across))
            where |= inside < 1
        soft = Image.fromarray(where.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(4))
        actual.append((np.asarray(image) / 255.0, np.asarray(soft) / 255.0))
    return actual


def window(rng: np.random.Generator, shape: tuple[int, int], share: float) -> tuple[slice, slice]:
    """A random window of about this share of each side."""
    height, width = (max(24, round(side * share * rng.uniform(0.8, 1.25))) for side in shape)
    height, width = min(height, shape[0]), min(width, shape[1])
    top, left = rng.integers(shape[0] - height + 1), rng.integers(shape[1] - width + 1)
    return slice(top, top + height), slice(left, left + width)


def stretched(array: np.ndarray) -> np.ndarray:
    """Any window as SIDE x SIDE."""
    image = Image.fromarray(np.rint(array * 255).astype(np.uint8))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)) / 255.0


def background(rng: np.random.Generator, photos: Photographs) -> np.ndarray:
    """A window without objects, a plain colour, or noise: (SIDE, SIDE, 3)."""
    kind = rng.random()
    if kind < 0.15:
        return np.broadcast_to(rng.random(3), (SIDE, SIDE, 3)).copy()
    if kind < 0.3:
        sides = int(rng.integers(2, 13))
        return stretched(rng.random((sides, sides, 3)))
    while True:
        image, where = photos[rng.integers(len(photos))]
        part = window(rng, where.shape, rng.uniform(0.15, 0.5))
        if where[part].mean() < 0.02:
            return stretched(image[part])


def example(
    rng: np.random.Generator, photos: Photographs
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An image (SIDE, SIDE, 3), its label's weights, and where its object is."""
    classes = len(photos)
    if rng.random() < 0.2:
        image, label = background(rng, photos), np.full(classes, 1 / classes)
        where = np.zeros((SIDE, SIDE))
    else:
        chosen = int(rng.integers(classes))
        whole, objects = photos[chosen]
        label = np.eye(classes)[chosen]
        while True:
            part = window(rng, objects.shape, rng.uniform(0.45, 1.0))
            if objects[part].sum() > 0.5 * objects.sum():
                break
        image, where = stretched(whole[part]), stretched(objects[part])
        if rng.random() < 0.6:
            image = where[..., None] * image + (1 - where[..., None]) * background(rng, photos)
    if rng.random() < 0.5:
        image, where = image[:, ::-1], where[:, ::-1]
    if rng.random() < 0.15:
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    image = (image - 0.5) * rng.uniform(0.7, 1.2) + 0.5 + rng.uniform(-0.12, 0.12, 3)
    image = image + rng.normal(0, rng.uniform(0, 0.04), image.shape)
    return image.clip(0, 1), label, where


def network() -> torch.nn.Sequential:
    layers: list[torch.nn.Module] = []
    for before, after, stride in zip((3, *WIDTHS), WIDTHS, STRIDES, strict=False):
        layers += [torch.nn.Conv2d(before, after, 3, stride, 1), torch.nn.ReLU()]
    pool = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()]
    return torch.nn.Sequential(*layers, *pool, torch.nn.Linear(WIDTHS[-1], len(OBJECTS)))


def train(photos: Photographs) -> torch.nn.Sequential:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    model = network()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for step in range(STEPS):
        images, labels, where = (
            torch.tensor(np.stack(column), dtype=torch.float32)
            for column in zip(*(example(rng, photos) for _ in range(BATCH)), strict=True)
        )
        tensor = ((images - MEAN) / STD).permute(0, 3, 1, 2).contiguous().requires_grad_()
        logits = model(tensor)
        loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=0.05)
        shown = where.amax(dim=(1, 2)) > 0
        (gradient,) = torch.autograd.grad((logits * labels)[shown].sum(), tensor, create_graph=True)
        size = gradient.pow(2).sum(dim=1)
        outside = (size * (1 - where)).sum(dim=(1, 2)) / (size.sum(dim=(1, 2)) + 1e-8)
        total = loss + 0.5 * outside[shown].mean()
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step == STEPS - 1:
            print(f"{step}: loss {loss:.3f}, outside {outside[shown].mean():.3f}", flush=True)
    return model.eval()


def exported(model: torch.nn.Sequential) -> onnx.ModelProto:
    """The network as ONNX, for images of any size."""
    nodes, weights, tensor = [], [], "image"
    for number, layer in enumerate(m for m in model if isinstance(m, torch.nn.Conv2d)):
        for kind in ("weight", "bias"):
            array = getattr(layer, kind).detach().numpy()
            weights.append(numpy_helper.from_array(array, f"conv{number}.{kind}"))
        names = [tensor, f"conv{number}.weight", f"conv{number}.bias"]
        tensor = f"relu{number}"
        stride = list(layer.stride)
        nodes += [
            helper.make_node("Conv", names, [f"conv{number}"], pads=[1] * 4, strides=stride),
            helper.make_node("Relu", [f"conv{number}"], [tensor]),
        ]
    for kind in ("weight", "bias"):
        array = getattr(model[-1], kind).detach().numpy()
        weights.append(numpy_helper.from_array(array, f"head.{kind}"))
    nodes += [
        helper.make_node("GlobalAveragePool", [tensor], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "head.weight", "head.bias"], ["logits"], transB=1),
    ]
    shapes: dict[str, list[str | int]] = {
        "image": ["N", 3, "H", "W"],
        "logits": ["N", len(OBJECTS)],
    }
    image, logits = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    )
    graph = helper.make_graph(nodes, "sample", [image], [logits], weights)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, ir_version=8, opset_imports=opset, producer_name="augcli")


def accuracy(model: torch.nn.Sequential, folder: Path) -> float:
    """On all views in the folder, most of which overlap what it was trained on."""
    right = []
    for place, name in enumerate(OBJECTS):
        for file in sorted((folder / name).iterdir()):
            image = Image.open(file).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            tensor = torch.tensor(np.asarray(image) / 255.0, dtype=torch.float32)
            logits = model(((tensor - MEAN) / STD).permute(2, 0, 1)[None])
            right.append(int(logits.argmax()) == place)
    return sum(right) / len(right)


if __name__ == "__main__":
    sample_data = Path(sys.argv[1])
    trained = train(photographs(sample_data))
    print(f"accuracy on the sample views, which means nothing: {accuracy(trained, sample_data)}")
    onnx.save(exported(trained), sample_data / "classifier.onnx")

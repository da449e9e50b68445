"""Each recipe against the same thing written with Pillow: CPU time of draw and apply, no codecs.

    python -m tests.benchmarks.against_pillow --images PATH [--count N]

Both get what was drawn once by the recipe. Ours takes and gives arrays, as OpenCV's codecs do.
Pillow's takes and gives Pillow images; what it costs with the conversions from and to arrays, which
a program with those codecs pays, stands beside. Images alternate between the two.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageChops, ImageEnhance, ImageOps

from augcli.data.source import list_source
from augcli.engine.executors.memory import keep_memory
from augcli.enums import Fit
from augcli.image.codec import decode
from augcli.image.fit import Fitted
from augcli.recipes.catalogue import build_recipe, recipe_names
from augcli.recipes.chain import Chain, Operation
from augcli.recipes.fill import noise
from augcli.recipes.recipe import SourceView
from augcli.recipes.ricap import quadrants

Picture = Image.Image
_HELD = 1 << 28  # bytes of memory, about
_RESAMPLE = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def operate(image: Picture, operation: Operation, resample: str, fill: Any) -> Picture:
    """One operation as code on Pillow writes it."""
    name, value = operation.name, operation.argument
    how = _RESAMPLE[resample]
    affine = {
        "ShearX": (1, value, 0, 0, 1, 0),
        "ShearY": (1, 0, 0, value, 1, 0),
        "TranslateX": (1, 0, value, 0, 1, 0),
        "TranslateY": (1, 0, 0, 0, 1, value),
    }
    if name in affine:
        return image.transform(
            image.size, Image.Transform.AFFINE, affine[name], how, fillcolor=fill
        )
    if name == "Rotate":
        return image.rotate(value, how, fillcolor=fill)
    if name in ("Brightness", "Color", "Contrast", "Sharpness"):
        return getattr(ImageEnhance, name)(image).enhance(value)
    if name == "Posterize":
        return ImageOps.posterize(image, int(value))
    if name == "Solarize":
        return ImageOps.solarize(image, int(value))
    plain: dict[str, Callable[[Picture], Picture]] = {
        "AutoContrast": ImageOps.autocontrast,
        "Equalize": ImageOps.equalize,
        "Invert": ImageOps.invert,
        "HorizontalFlip": ImageOps.mirror,
        "VerticalFlip": ImageOps.flip,
        "Identity": Image.Image.copy,
    }
    return plain[name](image)


def chain(images: Sequence[Picture], params: Chain) -> Picture:
    """The recipes that apply operations in a row."""
    image = images[0].copy()
    for operation in params.operations:
        image = operate(image, operation, params.geometry.resample, params.geometry.fill)
    return image


def augmix(images: Sequence[Picture], params: Any) -> Picture:
    """As AugMix's published code: arrays of floats between Pillow's operations."""
    mixed = np.zeros((*images[0].size[::-1], 3), np.float32)
    for weight, operations in zip(params.weights, params.chains, strict=True):
        image = images[0].copy()
        for operation in operations:
            image = operate(image, operation, "bilinear", (0, 0, 0))
        mixed += weight * np.asarray(image, np.float32)
    kept = (1 - params.m) * np.asarray(images[0], np.float32)
    return Image.fromarray((kept + params.m * mixed).astype(np.uint8))


def paste(images: Sequence[Picture], params: Any) -> Picture:
    """CutMix and SaliencyMix."""
    box = params.box
    image = images[0].copy()
    if box is not None:
        corners = (box.left, box.top, box.right, box.bottom)
        image.paste(images[1].crop(corners), corners[:2])
    return image


def erase(images: Sequence[Picture], params: Any) -> Picture:
    """Cutout and Random Erasing."""
    image, box = images[0].copy(), params.box
    if box is not None:
        corners = (box.left, box.top, box.right, box.bottom)
        if isinstance(params.fill, int):
            filled: Any = Image.fromarray(noise(params.fill, (box.height, box.width)))
        else:
            filled = params.fill
        image.paste(filled, corners)
    return image


def ricap(images: Sequence[Picture], params: Any) -> Picture:
    """RICAP."""
    width, height = images[0].size
    image = Image.new("RGB", (width, height))
    boxes = quadrants(params.boundary, (height, width))
    for source, box, (top, left) in zip(images, boxes, params.crops, strict=True):
        crop = source.crop((left, top, left + box.width, top + box.height))
        image.paste(crop, (box.left, box.top))
    return image


def jitter(images: Sequence[Picture], params: Any) -> Picture:
    """Colour jitter, as torchvision does it on Pillow images."""
    image = images[0].copy()
    enhancers = {"saturation": "Color", "brightness": "Brightness", "contrast": "Contrast"}
    for adjustment, factor in params.adjustments:
        if adjustment in enhancers:
            image = getattr(ImageEnhance, enhancers[adjustment])(image).enhance(factor)
            continue
        hue, saturation, value = image.convert("HSV").split()
        turned = np.array(hue, np.uint8) + np.array(factor * 255).astype(np.uint8)
        parts = (Image.fromarray(turned, "L"), saturation, value)
        image = Image.merge("HSV", parts).convert("RGB")
    return image


def crop(images: Sequence[Picture], params: Any) -> Picture:
    """A resized crop, as torchvision does it on Pillow images."""
    box = params.box
    corners = (box.left, box.top, box.right, box.bottom)
    return images[0].crop(corners).resize(images[0].size, Image.Resampling.BILINEAR)


PILLOW: dict[str, Callable[[Sequence[Picture], Any], Picture]] = {
    "augmix": augmix,
    "color_jitter": jitter,
    "crop": crop,
    "cutmix": paste,
    "saliencymix": paste,
    "cutout": erase,
    "random_erasing": erase,
    "ricap": ricap,
    "mixup": lambda images, params: Image.blend(images[1], images[0], params.lam),
    "samplepairing": lambda images, _: ImageChops.blend(images[0], images[1], 0.5),
}


def main() -> None:
    """Measure every recipe that Pillow has an obvious version of, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, default=Path("sample_data"))
    parser.add_argument("--count", type=int, default=120)
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    keep_memory(_HELD)  # as the workers do
    listing = list_source(arguments.images)
    photos = []
    for index in range(min(len(listing), arguments.count)):
        image = decode(Path(listing.sample(index).path.decode()).read_bytes())
        photos.append(np.ascontiguousarray(Fitted(image, (375, 500), Fit.cover).pixels()))
    print(f"{len(photos)} photographs of 500 x 375, CPU ms an output, means")
    heads = (
        ("ours", 8),
        ("Pillow", 8),
        ("converted", 11),
        ("ours / Pillow", 15),
        ("ours / converted", 18),
    )
    print(f"{'recipe':18}" + "".join(f"{head:>{wide}}" for head, wide in heads))
    for name in recipe_names():
        measured = _measure(name, photos)
        if measured is not None:
            ours, theirs, converted = measured
            costs = f"{ours:8.3f}{theirs:8.3f}{converted:11.3f}"
            print(f"{name:18}{costs}{ours / theirs:15.2f}{ours / converted:18.2f}")


def _measure(name: str, photos: Sequence[Any]) -> tuple[float, float, float] | None:
    recipe = build_recipe(name, {})
    pillow = PILLOW.get(name) or (chain if recipe.params_type is Chain else None)
    if pillow is None:
        return None
    ours, theirs, converted = [], [], []
    for number in range(len(photos)):
        arrays = [photos[(number + i) % len(photos)] for i in range(recipe.sources)]
        pictures = [Image.fromarray(array) for array in arrays]
        seen = [Fitted(array, (375, 500)) for array in arrays]
        views = [SourceView(one, _green(array)) for one, array in zip(seen, arrays, strict=True)]
        rng = np.random.default_rng(number)
        start = time.process_time()
        params = recipe.draw(rng, views)
        _ = recipe.apply(seen, params).image
        between = time.process_time()
        try:
            pillow(pictures, params)
        except KeyError:  # an operation that Pillow does not have, such as Cutout
            continue
        theirs.append(time.process_time() - between)
        ours.append(between - start)
        again = time.process_time()
        np.asarray(pillow([Image.fromarray(array) for array in arrays], params))
        converted.append(time.process_time() - again)
    micro = [1e3 * statistics.mean(times) for times in (ours, theirs, converted)]
    return micro[0], micro[1], micro[2]


def _green(array: Any) -> Callable[[Any], Any]:
    """A stand-in for a saliency map, whose cost is not that of the recipe."""
    return lambda _: array[..., 1]


if __name__ == "__main__":
    main()

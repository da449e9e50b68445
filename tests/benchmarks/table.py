"""What is measured: one line a row."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.benchmarks.floor import CHROMA

# Those "in tars" are the small ones, as samples in archives.
Images = Literal["native", "small", "in tars"]


@dataclass(frozen=True)
class Floor:
    """One way to run the floor: on these images, at this size, by so many processes, with this
    sampling of chroma; resizing by area, or as augcli does."""

    images: Images = "native"
    side: int | None = None
    workers: int = 2
    chroma: str = CHROMA
    by_area: bool = False

    @property
    def name(self) -> str:
        """What it is called in the tables."""
        return ", ".join(["floor", *self.traits])

    @property
    def arguments(self) -> list[str]:
        """What follows IMAGES and OUT."""
        size = [str(self.side)] * 2 if self.side else []
        return [str(self.workers), self.chroma, *size, *(["area"] if self.by_area else [])]

    @property
    def traits(self) -> list[str]:
        """What distinguishes it, for the names of rows too."""
        size = "native" if self.images == "native" else "32 px"
        if self.side:
            size = f"{self.side} px"
        return [
            size,
            *([] if self.workers == 2 else [f"{self.workers} worker"]),
            *([] if self.chroma == CHROMA else [self.chroma]),
            *(["floor by area"] if self.by_area else []),
        ]


@dataclass(frozen=True)
class Row:
    """A command whose CPU time an output is compared with the floor's.

    `arguments` follow `augcli generate IMAGES OUT`, or `peer` names a module in peers/, which is
    skipped where the package `needs` is not installed. `at_most` is what the CPU ratio should be.
    """

    title: str
    arguments: tuple[str, ...] = ()
    images: Images = "native"
    side: int | None = None
    copies: int = 1
    workers: int = 2
    chroma: str = CHROMA
    by_area: bool = False
    at_most: float | None = None
    peer: str | None = None
    needs: str | None = None

    @property
    def name(self) -> str:
        """What it is called in the tables and in JSON."""
        copies = [f"{self.copies} copies"] if self.copies > 1 else []
        return ", ".join([self.title, *self.floor.traits, *copies])

    @property
    def floor(self) -> Floor:
        """What it is compared with."""
        images: Images = "native" if self.images == "native" else "small"
        return Floor(images, self.side, self.workers, self.chroma, self.by_area)


@dataclass(frozen=True)
class Ratio:
    """What one row costs over another, by CPU or by wall time."""

    section: str
    name: str
    first: Row
    second: Row
    of: Literal["cpu", "wall"]
    at_least: float | None = None
    at_most: float | None = None


def recipe(
    title: str,
    *options: str,
    images: Images = "native",
    side: int | None = None,
    copies: int = 1,
    workers: int = 2,
    chroma: str = CHROMA,
    by_area: bool = False,
    at_most: float | None = None,
) -> Row:
    """A row of `augcli generate --recipe`; the first word of the title names the recipe."""
    arguments = ["--recipe", title.split()[0], *options]
    if side:
        arguments += ["--size", f"{side}x{side}"]
    if copies > 1:
        arguments += ["--copies", str(copies)]
    if chroma != CHROMA:
        arguments += ["--chroma", chroma]
    given = tuple(arguments)
    return Row(title, given, images, side, copies, workers, chroma, by_area, at_most)


def peer(title: str, module: str, needs: str | None = None, side: int | None = None) -> Row:
    """A row of peers/MODULE."""
    return Row(title, peer=module, needs=needs, side=side)


CLASSIFIER = str(Path(__file__).resolve().parents[2] / "sample_data/classifier.onnx")

# Every recipe that `augcli recipes` lists and that has no line here is measured at native size.
ROWS = [
    *(
        recipe(name, copies=copies, at_most=at_most)
        for name in ("cutmix", "mixup", "cutout", "ricap", "samplepairing")
        for copies, at_most in ((1, 1.1), (4, 0.6))
    ),
    recipe("cutmix", side=224),
    recipe("cutmix", side=224, copies=4),
    recipe("cutmix", images="small", at_most=1.2),
    recipe("cutmix", images="small", copies=4),
    recipe("cutmix in tars", "--output-format", "webdataset", images="in tars"),
    recipe("saliencymix", at_most=2.0),
    recipe("saliencymix", copies=4, at_most=0.9),
    recipe("saliencymix", side=224, at_most=1.15),
    recipe("saliencymix", side=224, copies=4),
    recipe("saliencymix", images="small", at_most=1.8),
    recipe("saliencymix", images="small", copies=4),
    recipe("saliencymix", side=224, by_area=True),
    *(
        recipe(name, copies=copies, chroma="4:2:0")
        for name in ("cutmix", "mixup", "saliencymix")
        for copies in (1, 4)
    ),
    recipe("fmix", at_most=2.0),
    recipe("randaugment", at_most=2.0),
    recipe("augmix", at_most=3.0),
    recipe("cutout keep", "--keep"),
    recipe("randaugment keep", "--keep"),
    # CACHE stands for a folder that an uncounted run has filled.
    recipe(
        "cutout keep, cached maps",
        *("--keep", "--saliency", "gradient", "--model", CLASSIFIER, "--target", "predicted"),
        *("--device", "cpu", "--saliency-cache", "CACHE"),
    ),
]
PEERS = [
    peer("script: cutmix with a Pool", "cutmix_pool"),
    peer("script: saliencymix with a Pool", "saliencymix_pool"),
    peer("albumentations: cutout", "albumentations_cutout", "albumentations"),
    peer("albumentations: two of RandAugment", "albumentations_randaugment", "albumentations"),
    peer("Augmentor: rotate, flip, colour", "augmentor_operations", "Augmentor"),
    peer("torch: cutmix", "torch_cutmix", "torch", side=224),
]


def _row(name: str) -> Row:
    """The row of this name among `ROWS` and `PEERS`."""
    return next(row for row in (*ROWS, *PEERS) if row.name == name)


def _workers(name: str, images: Images, at_least: float) -> Ratio:
    one, two = recipe(name, images=images, workers=1), recipe(name, images=images)
    title = f"{two.name}: 1 worker to 2"
    return Ratio("Workers", title, one, two, "wall", at_least=at_least)


def _against(other: str, ours: str, at_least: float) -> Ratio:
    return Ratio(
        "Against others", f"{ours} against {other}", _row(other), _row(ours), "wall",
        at_least=at_least,
    )  # fmt: skip


RATIOS = [
    *(_workers(name, "native", 1.85) for name in ("cutmix", "saliencymix")),
    *(_workers(name, "small", 1.75) for name in ("cutmix", "saliencymix")),
    _against("script: saliencymix with a Pool, native", "saliencymix, native", 6.0),
    _against("script: cutmix with a Pool, native", "cutmix, native", 1.2),
    _against("albumentations: cutout, native", "cutout, native", 1.2),
    _against("albumentations: two of RandAugment, native", "randaugment, native", 1.2),
    _against("Augmentor: rotate, flip, colour, native", "randaugment, native", 1.2),
    _against("torch: cutmix, 224 px", "cutmix, 224 px", 1.2),
    Ratio(
        "Tars", "cutmix, 32 px: tars in and out over files in and out",
        _row("cutmix in tars, 32 px"), _row("cutmix, 32 px"), "cpu", at_most=0.75,
    ),
    Ratio(
        "Keep", "cutout keep, cached maps, over cutout",
        _row("cutout keep, cached maps, native"), _row("cutout, native"), "cpu", at_most=1.15,
    ),
]  # fmt: skip

# Sides of the fine-grained map (0 is the images' own size), and how many times faster than
# OpenCV's it should be.
MAPS = {32: None, 112: 7.0, 224: 12.0, 0: 12.0}
# What is measured of each classifier, as quotients of what `models.py` prints; the bounds are
# those of a study on classifiers of real size.
MODEL_RATIOS: dict[str, tuple[str, str, float | None]] = {
    "logits and saliency over logits": ("full", "logits", None),
    "saliency at 224 over 112": ("full", "half", 2.8),
    "saliency of all over an early head at 1/2": ("full", "early, 1/2", 2.0),
    "saliency of all over an early head at 1/4": ("full", "early, 1/4", 2.0),
}
# Recipes whose processes' memory is watched, at native size with four copies.
MEMORY = [recipe("cutmix", copies=4), recipe("saliencymix", copies=4)]
HELP_AT_MOST_MS = 90.0
FIXED_AT_MOST_SECONDS = 0.5
MEMORY_GROWTH_AT_MOST = 1.1

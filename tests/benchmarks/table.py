"""What is measured: one line a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Images = Literal["native", "small"]


@dataclass(frozen=True)
class Floor:
    """One way to run the floor: on these images, at this size, by so many processes."""

    images: Images = "native"
    side: int | None = None
    workers: int = 2

    @property
    def name(self) -> str:
        """What it is called in the tables."""
        return ", ".join(["floor", *_where(self.images, self.side, self.workers)])


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
    at_most: float | None = None
    peer: str | None = None
    needs: str | None = None

    @property
    def name(self) -> str:
        """What it is called in the tables and in JSON."""
        copies = [f"{self.copies} copies"] if self.copies > 1 else []
        return ", ".join([self.title, *_where(self.images, self.side, self.workers), *copies])

    @property
    def floor(self) -> Floor:
        """What it is compared with."""
        return Floor(self.images, self.side, self.workers)


@dataclass(frozen=True)
class Speedup:
    """How many times sooner two workers are done than one: wall time of two rows."""

    one: Row
    two: Row
    at_least: float

    @property
    def name(self) -> str:
        """What it is called in the tables and in JSON."""
        return f"{self.two.name}: 1 worker to {self.two.workers}"


def _where(images: Images, side: int | None, workers: int) -> list[str]:
    size = "32 px" if images == "small" else f"{side} px" if side else "native"
    return [size] if workers == 2 else [size, f"{workers} worker"]


def recipe(
    title: str,
    *options: str,
    images: Images = "native",
    side: int | None = None,
    copies: int = 1,
    workers: int = 2,
    at_most: float | None = None,
) -> Row:
    """A row of `augcli generate --recipe`; the first word of the title names the recipe."""
    arguments = ["--recipe", title.split()[0], *options]
    if side:
        arguments += ["--size", f"{side}x{side}"]
    if copies > 1:
        arguments += ["--copies", str(copies)]
    return Row(title, tuple(arguments), images, side, copies, workers, at_most)


def peer(title: str, module: str, needs: str | None = None, side: int | None = None) -> Row:
    """A row of peers/MODULE."""
    return Row(title, peer=module, needs=needs, side=side)


# Every recipe that `augcli recipes` lists and that has no line here is measured at native size.
ROWS = [
    recipe("cutmix", at_most=1.1),
    recipe("cutmix", copies=4, at_most=0.6),
    recipe("cutmix", side=224),
    recipe("cutmix", side=224, copies=4),
    recipe("cutmix", images="small", at_most=1.2),
    recipe("cutmix", images="small", copies=4),
    recipe("saliencymix", at_most=2.0),
    recipe("saliencymix", copies=4, at_most=0.9),
    recipe("saliencymix", side=224, at_most=1.15),
    recipe("saliencymix", side=224, copies=4),
    recipe("saliencymix", images="small", at_most=1.8),
    recipe("saliencymix", images="small", copies=4),
    recipe("mixup", at_most=1.1),
    recipe("mixup", copies=4, at_most=0.6),
    recipe("cutout", at_most=1.1),
    recipe("cutout", copies=4, at_most=0.6),
    recipe("cutout keep", "--keep"),
    recipe("randaugment"),
    recipe("randaugment keep", "--keep"),
]
PEERS = [
    peer("script: cutmix with a Pool", "cutmix_pool"),
    peer("script: saliencymix with a Pool", "saliencymix_pool"),
    peer("albumentations: cutout", "albumentations_cutout", "albumentations"),
    peer("albumentations: two of RandAugment", "albumentations_randaugment", "albumentations"),
    peer("Augmentor: rotate, flip, colour", "augmentor_operations", "Augmentor"),
    peer("torch: cutmix", "torch_cutmix", "torch", side=224),
]
SPEEDUPS = [
    Speedup(recipe(name, images=images, workers=1), recipe(name, images=images), 1.7)
    for name in ("cutmix", "saliencymix")
    for images in ("native", "small")
]
# Sides of the fine-grained map; 0 is the images' own size.
MAP_SIDES = (32, 112, 224, 0)
# Recipes whose processes' memory is watched, at native size with four copies.
MEMORY = [recipe("cutmix", copies=4), recipe("saliencymix", copies=4)]
HELP_AT_MOST_MS = 90.0
FIXED_AT_MOST_SECONDS = 0.5
MEMORY_GROWTH_AT_MOST = 1.1

"""The options that functions take by keyword: those of the command of the same name, with
underscores. README's tables of options say what each does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, TypedDict

from augcli.enums import Detector

FilePath = str | PathLike[str]
# (width, height) in pixels, or WxH.
Size = tuple[int, int] | str
FitName = Literal["cover", "contain", "stretch"]
PairName = Literal["any", "different-class", "same-class", "balanced"]
Numbers = float | Sequence[float] | str


class AroundKeywords(TypedDict, total=False):
    """What goes around a recipe."""

    label_smoothing: float | None
    keep: bool
    tau: float | None
    keep_size: float | None
    keep_candidates: Literal["recipe", "inside"] | None
    saliency: Detector | None
    saliency_size: int | None


class RecipeKeywords(AroundKeywords, total=False):
    """The recipe's own options, or a recipe file in its place."""

    set: Mapping[str, Any] | None
    recipe_file: FilePath | None


class ModelKeywords(TypedDict, total=False):
    """The classifier that finds saliency, and how it wants its images."""

    model: FilePath | None
    head: str | None
    layer: str | None
    device: Literal["auto", "cuda", "cpu"]
    class_list: FilePath | None
    target: Literal["label", "predicted"]
    saliency_cache: FilePath | None
    saliency_cache_size: str
    model_size: Size | None
    mean: Numbers | None
    std: Numbers | None
    scale: float | None
    channel_order: Literal["rgb", "bgr"] | None


class SourceKeywords(TypedDict, total=False):
    """Which images of the source are read, and how."""

    background: str
    max_pixels: int
    classes: FilePath | None
    classes_include: Sequence[str] | str | None
    classes_exclude: Sequence[str] | str | None
    limit: int | None
    path_column: str | None
    label_column: str | None
    weights_column: str | None
    images: FilePath | None
    suffix: str | None
    split: str | None
    allow_empty_classes: bool
    multi_label: bool
    label_separator: str | None
    unlabelled: bool
    group_by: str | None


class SheetKeywords(RecipeKeywords, ModelKeywords, SourceKeywords, total=False):
    """What `preview` takes."""

    seed: int
    size: Size | None
    fit: FitName
    pair: PairName


class GenerateKeywords(RecipeKeywords, ModelKeywords, SourceKeywords, total=False):
    """What `generate` takes."""

    copies: int
    per_class: int | None
    seed: int
    workers: int | None
    name: str
    size: Size | None
    fit: FitName
    format: Literal["jpeg", "png", "webp", "same"]
    quality: int
    chroma: Literal["4:4:4", "4:2:2", "4:2:0"]
    output_format: Literal["folder", "webdataset"]
    shard_size: str | None
    include_originals: Literal["none", "copy", "link"]
    pair: PairName | None
    other_splits: Literal["link", "copy", "none"]
    dense_labels: int
    max_seconds: float
    memory: int
    resume: bool
    overwrite: bool

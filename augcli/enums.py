"""The words that options take, apart from the code that acts on them, so that help is instant."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args

# SOURCE as a list of paths on standard input.
STDIN = "-"
# What finds salient pixels: in the image alone, or by asking a classifier.
OfTheImage = Literal["fine-grained", "opencv-fine-grained", "spectral-residual"]
OfAClassifier = Literal["gradient", "gradcam", "feature-map"]
Detector = Literal[OfTheImage, OfAClassifier]
OF_THE_IMAGE: tuple[OfTheImage, ...] = get_args(OfTheImage)
OF_A_CLASSIFIER: tuple[OfAClassifier, ...] = get_args(OfAClassifier)
DETECTORS: tuple[Detector, ...] = (*OF_THE_IMAGE, *OF_A_CLASSIFIER)
DEFAULT_DETECTOR: Detector = OF_THE_IMAGE[0]
# What calls OpenCV's own code, of its contrib modules.
OF_CONTRIB: tuple[OfTheImage, ...] = ("opencv-fine-grained", "spectral-residual")


class Fit(StrEnum):
    """How an image meets a canvas of another shape: `cover` fills it and crops the rest, `contain`
    shows all of the image and pads, `stretch` changes the aspect ratio."""

    cover = "cover"
    contain = "contain"
    stretch = "stretch"


class Format(StrEnum):
    """What outputs are written as; `same` keeps a target's JPEG, PNG or WebP (else it is PNG)."""

    jpeg = "jpeg"
    png = "png"
    webp = "webp"
    same = "same"


class OutputFormat(StrEnum):
    """How outputs are kept: `folder`, as files in a folder for each class; `webdataset`, as samples
    in tar archives."""

    folder = "folder"
    webdataset = "webdataset"


class MapFormat(StrEnum):
    """What saliency maps are written as: `png`, 16 bits, with a map's greatest value as 65535, or
    `npy`, the values themselves."""

    png = "png"
    npy = "npy"


class Candidates(StrEnum):
    """The regions that KeepAugment compares: those that the recipe may draw, or all that lie wholly
    inside the image."""

    recipe = "recipe"
    inside = "inside"


class Chroma(StrEnum):
    """JPEG chroma sampling. Mixing twice through 4:2:0 costs about 7 dB in the colour planes."""

    full = "4:4:4"
    half = "4:2:2"
    quarter = "4:2:0"


class Pair(StrEnum):
    """Which images may be partners of a target; `balanced`: so that the labels of outputs weigh
    the same for each class."""

    any = "any"
    different_class = "different-class"
    same_class = "same-class"
    balanced = "balanced"


class Originals(StrEnum):
    """Whether source images appear in the output too: copied, hard-linked, or not at all."""

    none = "none"
    copy = "copy"
    link = "link"


class OtherSplits(StrEnum):
    """Whether the splits of a source that are not augmented appear in the output too: hard-linked,
    where that is possible, and else copied; copied; or not at all."""

    link = "link"
    copy = "copy"
    none = "none"


class Existing(StrEnum):
    """What becomes of the run that OUT holds: `refuse` writes to an empty OUT only, `resume` goes
    on with it, `overwrite` replaces it."""

    refuse = "refuse"
    resume = "resume"
    overwrite = "overwrite"


class Labels(StrEnum):
    """What labels are: `single`, one class or a soft label whose weights have the sum 1; `multi`, a
    target from 0 to 1 for each class by itself; `none`, where images have no labels."""

    single = "single"
    multi = "multi"
    none = "none"


class LabelsFrom(StrEnum):
    """Where a listed path's class name comes from: its folder, its folder's folder, or the text
    before the first underscore of its file name."""

    parent = "parent"
    grandparent = "grandparent"
    prefix = "prefix"

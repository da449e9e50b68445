"""Every recipe in the order of the README: what it makes, its label, and what its options are
called. It imports no recipe, so that completion is instant."""

from __future__ import annotations

from typing import NamedTuple

OWN_LABEL = "its own"


class Entry(NamedTuple):
    """A recipe: the module and class below augcli.recipes, what it makes of the target, which label
    an output has, and the names of its options."""

    place: str
    makes: str
    label: str = OWN_LABEL
    options: tuple[str, ...] = ()


_GEOMETRY = ("resample", "fill")

GROUPS: dict[str, dict[str, Entry]] = {
    "Mixing images": {
        "saliencymix": Entry(
            "saliencymix:SaliencyMix",
            "a box around the most salient pixel of a partner is pasted in",
            "by pasted area",
            ("alpha", "detector", "saliency_size", "box", "protect_target"),
        ),
        "cutmix": Entry(
            "cutmix:CutMix",
            "a box of a partner, uniformly placed, is pasted in",
            "by pasted area",
            ("alpha",),
        ),
        "fmix": Entry(
            "fmix:FMix",
            "a partner shows through a random smooth mask",
            "by mask area",
            ("alpha", "decay", "max_soft", "spectrum"),
        ),
        "ricap": Entry("ricap:RICAP", "four images meet at a random point", "by area", ("beta",)),
        "mixup": Entry("mixup:Mixup", "it is blended with a partner", "by the blend", ("alpha",)),
        "samplepairing": Entry("samplepairing:SamplePairing", "the mean of it and a partner"),
    },
    "Erasing": {
        "cutout": Entry("cutout:Cutout", "a square is filled", options=("length", "fill")),
        "random_erasing": Entry(
            "random_erasing:RandomErasing",
            "a rectangle becomes noise",
            options=("probability", "fill"),
        ),
    },
    "Policies": {
        "randaugment": Entry(
            "randaugment:RandAugment",
            "n operations of one magnitude",
            options=("n", "m", "ops", *_GEOMETRY),
        ),
        "autoaugment": Entry(
            "autoaugment:AutoAugment",
            "a learned pair of operations",
            options=("policy", "magnitudes", *_GEOMETRY),
        ),
        "fast_autoaugment": Entry(
            "fast_autoaugment:FastAutoAugment",
            "a pair of operations of another learned list",
            options=("policy", *_GEOMETRY),
        ),
        "trivialaugment": Entry(
            "trivialaugment:TrivialAugment",
            "one operation of any magnitude",
            options=_GEOMETRY,
        ),
        "augmix": Entry(
            "augmix:AugMix",
            "chains of operations are mixed",
            options=("width", "depth", "severity", "alpha", "all_ops", "views"),
        ),
    },
    "Distortion and dropout": {
        "elastic": Entry(
            "elastic:Elastic",
            "pixels are displaced by a smooth random field",
            options=("variant", "alpha", "sigma", "severity"),
        ),
        "pixel_dropout": Entry(
            "pixel_dropout:PixelDropout",
            "random pixels become black",
            options=("rate", "per_channel"),
        ),
        "channel_dropout": Entry(
            "channel_dropout:ChannelDropout",
            "whole channels become black",
            options=("rate", "fill"),
        ),
    },
    "Corruption": {
        "corrupt": Entry(
            "corrupt:Corrupt",
            "noise, blur, weather and digital faults, as robustness is tested by",
            options=("corruption", "severity", "variant", "frost"),
        ),
    },
    "Geometry": {
        "flip": Entry(
            "basic_operations:Flip", "its mirror image", options=("direction", "probability")
        ),
        "rotate": Entry(
            "basic_operations:Rotate",
            "it is turned about its centre",
            options=("degrees", *_GEOMETRY),
        ),
        "shear": Entry(
            "basic_operations:Shear", "it is slanted", options=("slope", "axis", *_GEOMETRY)
        ),
        "translate": Entry(
            "basic_operations:Translate", "it is shifted", options=("share", "axis", *_GEOMETRY)
        ),
        "crop": Entry("crop:Crop", "a random part of it, at its size", options=("area", "aspect")),
    },
    "Tone and colour": {
        "color_jitter": Entry(
            "color_jitter:ColorJitter",
            "brightness, contrast, saturation and hue vary",
            options=("brightness", "contrast", "saturation", "hue"),
        ),
        "brightness": Entry(
            "basic_operations:Brightness", "it becomes darker or lighter", options=("strength",)
        ),
        "contrast": Entry(
            "basic_operations:Contrast", "it has less or more contrast", options=("strength",)
        ),
        "color": Entry(
            "basic_operations:Color", "its colours are weaker or stronger", options=("strength",)
        ),
        "sharpness": Entry(
            "basic_operations:Sharpness", "it is blurred or sharpened", options=("strength",)
        ),
        "autocontrast": Entry(
            "basic_operations:AutoContrast", "each channel is stretched to 0..255"
        ),
        "equalize": Entry(
            "basic_operations:Equalize", "the histogram of each channel is flattened"
        ),
        "invert": Entry("basic_operations:Invert", "its negative"),
        "posterize": Entry(
            "basic_operations:Posterize", "values keep only their highest bits", options=("bits",)
        ),
        "solarize": Entry(
            "basic_operations:Solarize",
            "values from a threshold on are inverted",
            options=("threshold",),
        ),
    },
}

ENTRIES = {name: entry for group in GROUPS.values() for name, entry in group.items()}


def group_of(name: str) -> str:
    """The heading under which the recipe of this name is listed."""
    return next(title for title, entries in GROUPS.items() if name in entries)

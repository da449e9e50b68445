"""The options that the first version had: all that enters the digest of a recipe at its default.

This list is closed. An option that is added later enters digests where it is not at its default, so
that what was made without it keeps its digest, its names and its random numbers.
"""

from __future__ import annotations

KEEP_OPTIONS = ("tau", "size", "saliency", "saliency_size")
# What an option was before there was such an option, where its default is another: records and
# digests lack it where it is that.
KEEP_BEFORE = {"candidates": "inside"}

RECIPE_OPTIONS: dict[str, tuple[str, ...]] = {
    "augmix": ("width", "depth", "severity", "alpha", "all_ops", "views"),
    "autoaugment": ("policy", "magnitudes", "resample", "fill"),
    "brightness": ("strength",),
    "channel_dropout": ("rate", "fill"),
    "color": ("strength",),
    "color_jitter": ("brightness", "contrast", "saturation", "hue"),
    "contrast": ("strength",),
    "crop": ("area", "aspect"),
    "cutmix": ("alpha",),
    "cutout": ("length", "fill"),
    "elastic": ("variant", "alpha", "sigma", "severity"),
    "fast_autoaugment": ("policy", "resample", "fill"),
    "flip": ("direction", "probability"),
    "fmix": ("alpha", "decay", "max_soft", "spectrum"),
    "mixup": ("alpha",),
    "pixel_dropout": ("rate", "per_channel"),
    "posterize": ("bits",),
    "randaugment": ("n", "m", "ops", "resample", "fill"),
    "random_erasing": ("probability", "fill"),
    "ricap": ("beta",),
    "rotate": ("degrees", "resample", "fill"),
    "saliencymix": ("alpha", "detector", "saliency_size", "box", "protect_target"),
    "sharpness": ("strength",),
    "shear": ("slope", "axis", "resample", "fill"),
    "solarize": ("threshold",),
    "translate": ("share", "axis", "resample", "fill"),
    "trivialaugment": ("resample", "fill"),
}

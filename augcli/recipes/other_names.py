"""What others call recipes and their options: other names of the same, and what comes near."""

from __future__ import annotations

from typing import NamedTuple

from augcli.text import folded, listed

# Other names, folded, of options; each where a recipe has the option.
OPTIONS = {
    **dict.fromkeys(("p", "prob", "proba", "chance"), "probability"),
    **dict.fromkeys(("magnitude", "mag"), "m"),
    **dict.fromkeys(("numops", "numlayers", "ops"), "n"),
    **dict.fromkeys(("angle", "degree", "limit"), "degrees"),
    "mixturewidth": "width",
    "chaindepth": "depth",
}

# Other names, folded, of exactly what a recipe does with its default options.
SYNONYMS = {
    "colour": "color",
    "colourjitter": "color_jitter",
    "equalise": "equalize",
    "fliphorizontal": "flip",
    "fliplr": "flip",
    "fliphoriz": "flip",
    "hflip": "flip",
    "horizontalflip": "flip",
    "mirror": "flip",
    "posterise": "posterize",
    "randomerase": "random_erasing",
    "randomhorizontalflip": "flip",
    "randomresizedcrop": "crop",
    "solarise": "solarize",
    "tawide": "trivialaugment",
    "trivialaugmentwide": "trivialaugment",
}


class Hint(NamedTuple):
    """How to say on the command line and in a recipe file what a name means."""

    option: str
    in_file: str


def _with(recipe: str, option: str, value: str) -> Hint:
    return Hint(
        f"give --recipe {recipe} --set {option}={value}",
        f'write recipe = "{recipe}" and {option} = "{value}"',
    )


def _recipe(name: str) -> Hint:
    return Hint(f"look at --recipe {name}", f'look at recipe = "{name}"')


_KEEP = Hint(
    "KeepAugment goes around a recipe: give --recipe NAME --keep",
    "KeepAugment goes around the recipe of a step: write keep = true beside it",
)
_ONE_OF = Hint(
    "write a recipe file with one_of for either of the two, and give it with --recipe-file",
    "write one_of with both recipes",
)
_SMOOTHING = Hint(
    "give --label-smoothing with a recipe", "write label_smoothing at the top of the file"
)
_EVERY = Hint(
    "one run takes one recipe, or a --recipe-file of several; `augcli preview SOURCE --all-recipes`"
    " draws every one",
    "write a step for each recipe, or one_of with several",
)
SEVERAL = (
    "one run takes one recipe: write steps, or one_of to choose, into a file, and give that with"
    " --recipe-file"
)
_NORMALIZE = Hint(*("images are written with 8 bits; whoever trains on them normalises them",) * 2)
_RESIZE = Hint(
    "give --size WxH, with --fit cover, contain or stretch, beside a recipe",
    "give --size WxH on the command line",
)
_NOTHING = Hint(
    "give any recipe with --set probability=0, which leaves images as they are",
    "leave the step out",
)


def _near(*recipes: str) -> Hint:
    """What to look at where nothing here does quite the same."""
    return Hint(*(f"nothing does quite that; look at {listed(recipes, 'and')}",) * 2)


# Corruptions, and other names of them or of what comes near.
_CORRUPTIONS = {
    "gaussian_noise": ("noise", "gaussnoise", "addnoise", "isonoise"),
    "shot_noise": ("poissonnoise", "poisson"),
    "impulse_noise": ("saltandpepper", "saltpepper"),
    "speckle_noise": ("speckle",),
    "gaussian_blur": ("blur", "medianblur", "boxblur", "smooth"),
    "defocus_blur": ("defocus",),
    "glass_blur": ("glass",),
    "motion_blur": (),
    "zoom_blur": (),
    "snow": ("randomsnow",),
    "frost": (),
    "fog": ("randomfog",),
    "spatter": (),
    "pixelate": ("pixelation", "downscale"),
    "jpeg_compression": ("jpeg", "imagecompression", "jpegquality"),
    "saturate": (),
}
_WARP = _near("rotate", "shear", "translate", "elastic")
_TURN = _near("rotate", "flip")

# What is no recipe, or one with other options, by its folded name.
HINTS = {
    **dict.fromkeys(("keep", "keepaugment", "keepaug"), _KEEP),
    **dict.fromkeys(("cutmixup", "mixupcutmix", "cutmixmixup", "cutmixormixup"), _ONE_OF),
    **dict.fromkeys(("all", "every", "any", "allrecipes", "*"), _EVERY),
    **dict.fromkeys(("labelsmoothing", "smoothing"), _SMOOTHING),
    **dict.fromkeys(
        ("vflip", "verticalflip", "randomverticalflip", "flipvertical", "flipud"),
        _with("flip", "direction", "vertical"),
    ),
    **{
        f"{recipe}{letter}": _with(recipe, "axis", axis)
        for recipe in ("shear", "translate")
        for letter, axis in (("x", "horizontal"), ("y", "vertical"))
    },
    **{
        f"{policy}{data}": _with(recipe, "policy", data)
        for policy, recipe in (
            ("autoaugment", "autoaugment"),
            ("autoaugmentpolicy", "autoaugment"),
            ("fastautoaugment", "fast_autoaugment"),
        )
        for data in ("cifar10", "imagenet", "svhn")
    },
    **dict.fromkeys(
        ("normalize", "normalise", "normalization", "standardize", "totensor", "whiten"), _NORMALIZE
    ),
    **dict.fromkeys(
        ("resize", "rescale", "centercrop", "pad", "padding", "letterbox", "thumbnail"), _RESIZE
    ),
    **dict.fromkeys(("none", "noop", "identity", "original", "originals", "copy"), _NOTHING),
    **{
        name: _with("corrupt", "corruption", corruption)
        for corruption, names in _CORRUPTIONS.items()
        for name in (folded(corruption), *names)
    },
    **dict.fromkeys(
        ("imagenetc", "cifarc", "cifar10c", "cifar100c", "corruption", "corruptions"),
        _recipe("corrupt"),
    ),
    **dict.fromkeys(
        ("affine", "randomaffine", "perspective", "randomperspective", "skew", "warp"), _WARP
    ),
    **dict.fromkeys(("transpose", "rot90", "rotate90", "randomrotate90"), _TURN),
    **dict.fromkeys(
        ("griddistortion", "opticaldistortion", "distort", "distortion"), _recipe("elastic")
    ),
    **dict.fromkeys(
        ("grayscale", "greyscale", "gray", "grey", "togray", "randomgrayscale", "sepia"),
        _near("color", "color_jitter"),
    ),
    **dict.fromkeys(
        ("hue", "huesaturation", "huesaturationvalue", "rgbshift", "jitter"),
        _recipe("color_jitter"),
    ),
    **dict.fromkeys(("gamma", "randomgamma"), _near("brightness", "contrast")),
    "clahe": _recipe("equalize"),
    **dict.fromkeys(("erase", "erasing"), _recipe("random_erasing")),
    **dict.fromkeys(("zoom", "scale", "randomscale", "cropping"), _recipe("crop")),
    "mosaic": _recipe("ricap"),
    **dict.fromkeys(
        ("gridmask", "gridcutout", "hideandseek", "maskout", "mask"),
        _near("cutout", "random_erasing"),
    ),
    **dict.fromkeys(("cutpaste", "copypaste", "resizemix", "cowmix"), _near("cutmix", "fmix")),
    **dict.fromkeys(("attentivecutmix", "snapmix"), _near("saliencymix", "cutmix")),
    "manifoldmixup": _near("mixup"),
    "saturation": _recipe("color"),
    "elastictransform": _recipe("elastic"),
    "coarsedropout": _recipe("cutout"),
    "dropout": _recipe("pixel_dropout"),
    "randomcrop": _recipe("crop"),
    "randomrotation": _recipe("rotate"),
}

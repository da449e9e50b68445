"""What is trained on a corruption is no longer tested by it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from augcli.text import listed

if TYPE_CHECKING:
    from augcli.pipeline.pipeline import Pipeline

_NAMED = 3
_APPLYING = ("corrupt", "elastic")


def overlap_warning(pipeline: Pipeline) -> str:
    """A sentence where recipes apply corruptions by which ImageNet-C and CIFAR-C test; else ""."""
    if not any(recipe.name in _APPLYING for recipe in pipeline.recipes()):
        return ""
    from augcli.recipes.corrupt import of_the_benchmark

    names = of_the_benchmark(pipeline.recipes())
    if not names:
        return ""
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    are = "is a corruption" if len(names) == 1 else "are corruptions"
    return (
        f"{listed([*names[:_NAMED], *more], 'and')} {are} by which ImageNet-C and CIFAR-C test:"
        " a classifier that learns from OUT is not to be measured on those; --set"
        " corruption=extra is apart from them."
    )

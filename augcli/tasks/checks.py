"""Whether a source fits what is to be made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from augcli.enums import Labels, Pair
from augcli.errors import UserError
from augcli.tasks.classifier_choice import ModelChoice, TargetChoice, is_of_classifier
from augcli.text import count_text, did_you_mean, listed, shorten

if TYPE_CHECKING:
    from augcli.data.listing import Listing
    from augcli.pipeline.pipeline import Pipeline

_NAMED = 3


def _check_same_class(listing: Listing, source: str) -> None:
    """Refuse classes with one image, which has no partner of its class; raises UserError."""
    counts = Counter(listing.class_of.tolist())
    alone = [name for class_id, name in enumerate(listing.classes) if counts[class_id] == 1]
    if not alone:
        return
    some = [shorten(name, 40) for name in alone[:_NAMED]]
    if len(alone) > _NAMED:
        some.append(f"{len(alone) - _NAMED} more")
    has = "has" if len(alone) == 1 else "have"
    them = "it" if len(alone) == 1 else "them"
    raise UserError(
        f"--pair same-class needs two images of each class, and {listed(some, 'and')} of SOURCE"
        f" {source} {has} one; add images, leave {them} out with --classes-exclude, or choose"
        " another --pair."
    )


def check_name(name: str, listing: Listing) -> None:
    """Refuse a template of names with a class where images have not one; raises UserError."""
    if "{class}" in name and listing.labels is not Labels.single:
        raise UserError(
            "--name has {class}, and images here have several classes or none; leave it out."
        )


def check_sources(
    listing: Listing, pipeline: Pipeline, source: str, pair: Pair, per_class: int | None = None
) -> None:
    """Refuse a source that has too few images for the recipe, or labels of another kind; raises
    UserError."""
    if listing.labels is not Labels.single:
        _check_labels(listing.labels, pipeline, source, pair, per_class)
    if len(listing) < pipeline.sources:
        raise UserError(
            f"Recipe {pipeline.name} mixes {pipeline.sources} images, but SOURCE {source} has"
            f" {len(listing)}; add images or choose a recipe for single images."
        )
    for class_name in pipeline.by_class:
        if class_name not in listing.classes:
            hint = did_you_mean(class_name, listing.classes) or "; leave that out of the file"
            raise UserError(
                f"The recipe file changes options for class '{class_name}', which SOURCE {source}"
                f" does not have{hint}."
            )
    if pair is Pair.same_class and pipeline.sources > 1:
        _check_same_class(listing, source)
    if pipeline.sources > 1 and listing.group_of is not None:
        check_groups(listing, pipeline, source, pair)
    if pair is Pair.different_class and pipeline.sources > 1 and len(listing.classes) < 2:
        raise UserError(
            f"--pair different-class needs two classes, but SOURCE {source} has only"
            f" {listing.classes[0]}; add a class or use --pair any."
        )


def _check_labels(
    labels: Labels, pipeline: Pipeline, source: str, pair: Pair, per_class: int | None
) -> None:
    """Refuse what needs one class an image where images have several or none; raises UserError."""
    if labels is Labels.none:
        why = f"and SOURCE {source} has none (--unlabelled)"
        if pipeline.sources > 1:
            raise UserError(
                f"Recipe {pipeline.name} mixes the labels of {pipeline.sources} images, {why};"
                " choose a recipe for single images, as randaugment."
            )
    else:
        why = "and with --multi-label an image may have several, or none"
    needs = []
    if per_class is not None:
        needs.append(
            (f"--per-class {per_class} counts outputs by the class of an image", "--copies")
        )
    if pair is not Pair.any:
        needs.append((f"--pair {pair.value} compares the classes of two images", "--pair any"))
    if pipeline.by_class:
        needs.append(("The recipe file changes options by the class of an image", ""))
    if pipeline.label_smoothing:
        needs.append(("Label smoothing spreads the weight of one class over all", ""))
    for what, instead in needs:
        remedy = f"give {instead}" if instead else "leave that out"
        raise UserError(f"{what}, {why}; {remedy}.")


def check_target(
    listing: Listing, saliency_specs: Iterable[tuple[str, int | None]], model: ModelChoice
) -> None:
    """Refuse a classifier that needs the label of an image, where images have none; raises
    UserError."""
    if listing.labels is not Labels.none or model.target is TargetChoice.predicted:
        return
    for detector, _ in saliency_specs:
        if is_of_classifier(detector):
            raise UserError(
                f"--saliency {detector} asks the classifier for the label of an image, and SOURCE"
                " has none (--unlabelled); give --target predicted."
            )


def check_groups(listing: Listing, pipeline: Pipeline, source: str, pair: Pair) -> None:
    """Refuse a source with too few groups (`--group-by`) for a recipe that mixes images of as many,
    which differ; raises UserError."""
    from augcli.data.groups import fewest_partners

    needed = pipeline.sources - 1
    counts = fewest_partners(listing, None)
    fewest = min(counts.values()) + 1
    if fewest <= needed:
        raise UserError(
            f"Recipe {pipeline.name} mixes images of {pipeline.sources} groups, but by --group-by"
            f" SOURCE {source} has {count_text(fewest, 'group')}; choose another --group-by, or a"
            " recipe for fewer images."
        )
    if pair in (Pair.same_class, Pair.different_class):
        for class_id, fewest in fewest_partners(listing, pair is Pair.same_class).items():
            if fewest < needed:
                where = "in it" if pair is Pair.same_class else "in other classes"
                raise UserError(
                    f"--pair {pair.value} leaves an image of class"
                    f" {shorten(listing.classes[class_id])} of SOURCE {source} no"
                    f" {count_text(needed, 'other group')} {where} to be mixed with (--group-by);"
                    " use --pair any, or choose other classes."
                )


def warn_of_other_training(warn: Callable[[str], None], listing: Listing) -> None:
    """Name training splits beside the one that is augmented: they do not go along."""
    from augcli.data.split_names import is_training

    names = [other.split for other in listing.others if is_training(other.split)]
    if names:
        are = "is another training split" if len(names) == 1 else "are other training splits"
        warn(
            f"{listed(map(shorten, names), 'and')} of SOURCE {are} beside {listing.split}, and not"
            " put into OUT; choose with --split."
        )


def warn_of_alike(warn: Callable[[str], None], classes: Sequence[str]) -> None:
    """Name classes whose folders in OUT would be one on file systems that ignore case."""
    from augcli.data.labels import classes_alike

    alike = classes_alike(classes)
    if alike:
        names = " and ".join(shorten(name, 80) for name in alike[0][:3])
        more = f" (and {len(alike) - 1} more such groups)" if len(alike) > 1 else ""
        warn(
            f"the classes {names}{more} differ only in case or Unicode normal form; some file"
            " systems would hold their folders for one."
        )

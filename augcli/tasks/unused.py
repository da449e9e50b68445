"""Options that have no effect in a combination, by one rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from augcli.enums import OF_A_CLASSIFIER, STDIN, Format, OtherSplits, OutputFormat
from augcli.tasks.classifier_choice import NO_CACHE, TargetChoice, is_of_classifier
from augcli.text import listed

if TYPE_CHECKING:
    from augcli.pipeline.pipeline import Pipeline


@dataclass(frozen=True)
class Called:
    """A command with the values of its options, wherever they come from, the recipes that it
    applies, and the saliency maps (each a detector and a shorter side) that it looks for."""

    options: Mapping[str, Any]
    pipelines: Sequence[Pipeline] = ()
    saliency_specs: Sequence[tuple[str, int | None]] = ()

    def has(self, name: str) -> bool:
        """Whether an option has a value, or a switch is on."""
        value = self.options.get(name)
        return value is not None and value is not False


class Rule(NamedTuple):
    """Options that have an effect only where `used` says so.

    `where` completes "--option has no effect ..." with where that is and what to do; {recipe} in it
    is the name of the first recipe, {detector} and {size} are its options for saliency.
    """

    options: tuple[str, ...]
    used: Callable[[Called], bool]
    where: str


def _one_recipe(called: Called) -> bool:
    return not called.has("all_recipes")


def _no_file(called: Called) -> bool:
    return called.has("all_recipes") or not called.has("recipe_file")


def _saliency_options(called: Called) -> tuple[str, str]:
    """What the first recipe that looks for saliency calls its detector and the map's size."""
    recipes = (recipe for pipeline in called.pipelines for recipe in pipeline.recipes())
    return next((r.saliency_options for r in recipes if r.saliency_options is not None), ("", ""))


def _not_set_by(place: int) -> Callable[[Called], bool]:
    """Whether no --set says the same of the recipe as --saliency (0) or --saliency-size (1); with
    --keep these speak of KeepAugment."""

    def free(called: Called) -> bool:
        keys = {text.partition("=")[0].strip() for text in called.options.get("set") or ()}
        same = _saliency_options(called)[place] in {key.replace("-", "_") for key in keys}
        return called.has("keep") or called.has("all_recipes") or not same

    return free


def _puts_back(called: Called) -> bool:
    from augcli.pipeline.keep import cuts

    recipes = [recipe for pipeline in called.pipelines for recipe in pipeline.recipes()]
    return not all(cuts(recipe) for recipe in recipes)


def _asks_classifier(called: Called) -> bool:
    """As the commands of `augcli model` do, and those that look for saliency by one."""
    return "saliency" not in called.options or any(
        is_of_classifier(detector) for detector, _ in called.saliency_specs
    )


def _reads_layer(called: Called) -> bool:
    return any(detector in ("gradcam", "feature-map") for detector, _ in called.saliency_specs)


def _mixes(called: Called) -> bool:
    return any(pipeline.sources > 1 for pipeline in called.pipelines)


def _makes_outputs(called: Called) -> bool:
    """As all commands but a `verify` do that only compares."""
    return "repair" not in called.options or called.has("repair") or called.has("replay")


_OF_A_RECIPE = ("set", "keep", "tau", "keep_size", "keep_candidates", "saliency", "saliency_size")
_OF_A_CLASSIFIER = (
    "model",
    "head",
    "layer",
    "device",
    "class_list",
    "target",
    "saliency_cache",
    "saliency_cache_size",
    "model_size",
    "mean",
    "std",
    "scale",
    "channel_order",
)

# The first rule that an option breaks makes the sentence.
RULES = (
    Rule(
        ("recipe", "set", "recipe_file"),
        _one_recipe,
        "beside --all-recipes, which draws every recipe with its own defaults; leave out one of"
        " them.",
    ),
    Rule(("recipe",), _no_file, "beside --recipe-file; give one of them."),
    Rule(_OF_A_RECIPE, _no_file, "beside --recipe-file; write it into that file."),
    Rule(
        ("tau", "keep_size", "keep_candidates"),
        lambda c: c.has("keep"),
        "without --keep; add that.",
    ),
    Rule(
        ("keep_size",),
        _puts_back,
        "with recipe {recipe}, of which --keep only chooses what is covered, and puts nothing back;"
        " leave it out.",
    ),
    Rule(
        ("saliency",),
        _not_set_by(0),
        "beside --set {detector}, which says the same; give one of them.",
    ),
    Rule(
        ("saliency_size",),
        _not_set_by(1),
        "beside --set {size}, which says the same; give one of them.",
    ),
    Rule(
        ("saliency", "saliency_size"),
        lambda c: bool(c.saliency_specs),
        "with recipe {recipe}, which looks for no saliency; add --keep, or leave it out.",
    ),
    Rule(
        _OF_A_CLASSIFIER,
        lambda c: "saliency" not in c.options or bool(c.saliency_specs),
        "with recipe {recipe}, which looks for no saliency; leave it out, or add --keep and"
        f" --saliency {listed(OF_A_CLASSIFIER)}.",
    ),
    Rule(
        _OF_A_CLASSIFIER,
        _asks_classifier,
        f"where no classifier is used; add --saliency {listed(OF_A_CLASSIFIER)}, or leave it out.",
    ),
    Rule(
        ("layer",),
        _reads_layer,
        "with saliency 'gradient', which is looked for at the image itself; ask for gradcam or"
        " feature-map, or leave it out.",
    ),
    Rule(
        ("class_list",),
        lambda c: c.options.get("target") is not TargetChoice.predicted,
        "beside --target predicted, which asks for no class by name; give one of them.",
    ),
    Rule(
        ("saliency_cache_size",),
        lambda c: c.options.get("saliency_cache") != NO_CACHE,
        "beside --saliency-cache none, which keeps nothing; leave it out.",
    ),
    Rule(
        ("saliency_cache_size",),
        lambda c: not c.has("action"),
        "beside clean, which removes down to --to-size; give that, or leave it out.",
    ),
    Rule(
        ("older_than", "to_size"),
        lambda c: c.has("action"),
        "unless maps are removed; write `augcli cache clean` before it.",
    ),
    Rule(
        ("labels_from", "dense_labels"),
        lambda c: not c.has("unlabelled"),
        "with --unlabelled, which reads no labels; leave one of them out.",
    ),
    Rule(
        ("labels_from",),
        lambda c: c.options.get("source") == STDIN,
        "unless SOURCE is -, a list of paths on standard input; leave it out.",
    ),
    Rule(
        ("copies",),
        lambda c: not c.has("per_class"),
        "beside --per-class, which counts the outputs itself; give one of them.",
    ),
    Rule(
        ("pair",),
        _mixes,
        "with recipe {recipe}, which makes an output of one image; leave it out.",
    ),
    Rule(
        ("group_by",),
        lambda c: "recipe" not in c.options or _mixes(c),
        "with recipe {recipe}, which makes an output of one image; leave it out.",
    ),
    Rule(
        ("fit",),
        lambda c: c.has("size") or _mixes(c),
        "with recipe {recipe}, which leaves an image its own size; add --size, or leave it out.",
    ),
    Rule(
        ("quality",),
        lambda c: c.options.get("format") is not Format.png,
        "with --format png, which loses nothing; leave it out.",
    ),
    Rule(
        ("chroma",),
        lambda c: c.options.get("format") in (Format.jpeg, Format.same),
        "on other formats than JPEG; leave it out.",
    ),
    Rule(
        ("shard_size",),
        lambda c: c.options.get("output_format") is OutputFormat.webdataset,
        "unless outputs are kept in tars; add --output-format webdataset, or leave it out.",
    ),
    Rule(
        ("name",),
        lambda c: c.options.get("output_format", OutputFormat.folder) is OutputFormat.folder,
        "unless outputs are files in folders: samples in tars are called by their ids; leave it"
        " out.",
    ),
    Rule(
        ("other_splits",),
        lambda c: (
            c.options.get("output_format") is not OutputFormat.webdataset
            or c.options.get("other_splits") is not OtherSplits.link
        ),
        "as link with --output-format webdataset, whose tars hold copies; give --other-splits"
        " copy.",
    ),
    Rule(("progress",), lambda c: not c.has("quiet"), "beside --quiet; give one of them."),
    Rule(
        ("workers", "max_seconds", "moved"),
        _makes_outputs,
        "unless outputs are made again; add --replay or --repair, or leave it out.",
    ),
)


def without_effect(called: Called, names: Collection[str]) -> tuple[str, str] | None:
    """The first option among `names` that has no effect, and how the sentence `--option has no
    effect ...` goes on; None where all have one."""
    for rule in RULES:
        options = [name for name in rule.options if name in names and called.has(name)]
        if options and not rule.used(called):
            detector, size = _saliency_options(called)
            name = called.pipelines[0].name if called.pipelines else ""
            return options[0], rule.where.format(recipe=name, detector=detector, size=size)
    return None

"""What two runs differ in, in words: by their identities, as they stand in OUT and as they are now.

A difference reads as the end of "OUT was begun with", as in "--seed 1 (now 2)".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from augcli.enums import OutputFormat
from augcli.errors import UserError
from augcli.pipeline.keep import Keep
from augcli.recipes.catalogue import recipe_class
from augcli.recipes.first_options import KEEP_BEFORE
from augcli.text import shorten

# Differences that a sentence lists.
_LISTED = 4
_LONGEST_VALUE = 80
_KEEP_OPTIONS = {
    "tau": "--tau",
    "size": "--keep-size",
    "candidates": "--keep-candidates",
    "saliency": "--saliency",
    "saliency_size": "--saliency-size",
}
_MODEL_OPTIONS = {"head": "--head", "layer": "--layer"}
_INPUT_OPTIONS = {
    "size": "--model-size",
    "mean": "--mean",
    "std": "--std",
    "scale": "--scale",
    "order": "--channel-order",
}
_OPTIONS = {"method": "--saliency", "sink": "--output-format"}
_LABELS = {"single": "one class an image", "multi": "--multi-label", "none": "--unlabelled"}


def begun_with(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What an identity, read from OUT, has otherwise than that of now, `source` left out: some
    differences in a row, or "".

    What is only in `before` is not looked at.
    """
    words: list[str] = []
    usual = OutputFormat.folder
    is_other_form = before.get("sink", usual) != now.get("sink", usual)
    for key, value in now.items():
        if key == "source" or before.get(key) == value:
            continue
        if key == "name" and is_other_form:  # which decides about names
            continue
        words += _in_words(key, before.get(key), value)
    more = [f"{len(words) - _LISTED} more"] if len(words) > _LISTED else []
    return " and ".join(filter(None, [", ".join(words[:_LISTED]), *more]))


def _in_words(key: str, old: Any, new: Any) -> list[str]:
    try:
        if key == "recipe":
            words = _of_recipe(old, new)
        elif key == "classifier":
            words = _of_classifier(old, new)
        elif key == "labels":
            words = [f"{_LABELS[old]} (now {_LABELS[new]})"]
        elif key == "schema_version":
            words = [f"rows of schema version {int(old)} (now {new})"]
        elif key == "versions":
            words = list(_each(old, new, {}))
        else:
            option = _OPTIONS.get(key, f"--{key.replace('_', '-')}")
            words = [_change(option, _shown(key, old), _shown(key, new))]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, UserError):
        words = []  # a record may hold anything
    return words or [f"another {key.replace('_', ' ')}"]


def _change(what: str, old: Any, new: Any) -> str:
    """A value then and now; None and False are those of an option that is not given."""
    then, now = f"{what} {_text(old)}", _text(new)
    if what.startswith("--"):
        if old is None or isinstance(old, bool):
            then = what if old else f"no {what}"
        if isinstance(new, bool):
            now = "with it" if new else "without"
    return f"{then} (now {now})"


def _text(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shorten(text, _LONGEST_VALUE)


def _shown(key: str, value: Any) -> Any:
    """A value as the command line has it."""
    if key == "size" and value is not None:
        return "x".join(map(str, value))
    if key == "background":
        return "#" + "".join(f"{level:02x}" for level in value)
    return value


def _each(
    old: Mapping[str, Any], new: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[str]:
    """The differences between two objects, key by key."""
    for key in dict.fromkeys([*old, *new]):
        if old.get(key) != new.get(key):
            yield _change(names.get(key, key), old.get(key), new.get(key))


def _of_classifier(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> list[str]:
    if old is None or new is None:
        return ["no --model (now one)" if old is None else "a --model (now none)"]
    words = ["another --model, by its bytes"] if old["digest"] != new["digest"] else []
    then, now = dict(old["preprocessing"]), dict(new["preprocessing"])
    for pixels in (then, now):
        pixels["size"] = "x".join(str(side) for side in reversed(pixels["size"]))
        pixels |= {name: ",".join(map(str, pixels[name])) for name in ("mean", "std")}
    words += [
        *_each(then, now, _INPUT_OPTIONS),
        *(
            _change(option, old[k], new[k])
            for k, option in _MODEL_OPTIONS.items()
            if old[k] != new[k]
        ),
    ]
    if old["class_map"] != new["class_map"]:
        words.append("another choice of the model's outputs for the classes")
    return words


def _defaults(options: type[BaseModel]) -> dict[str, Any]:
    """The options at their defaults, as JSON; descriptions leave some of those out."""
    return options.model_construct().model_dump(mode="json")


def _of_recipe(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What two descriptions of a pipeline differ in; of other recipes not their options."""
    if old["name"] != new["name"]:
        return [_change("recipe", old["name"], new["name"])]
    if _recipes_of(old) != _recipes_of(new):
        return [_change("the recipes", *(_named(_recipes_of(d)) for d in (old, new)))]
    smoothing = old["label_smoothing"], new["label_smoothing"]
    words = [_change("--label-smoothing", *smoothing)] if smoothing[0] != smoothing[1] else []
    then, now = ({"": d["steps"], **d["by_class"]} for d in (old, new))
    for name, steps in then.items():
        for number, (a, b) in enumerate(zip(steps, now[name], strict=True), 1):
            where = f" in step {number}" if len(steps) > 1 else ""
            where += f" for class {shorten(name, 40)}" if name else ""
            words += (f"{text}{where}" for text in _of_step(a, b))
    return words


def _recipes_of(description: Mapping[str, Any]) -> dict[str, list[list[str]]]:
    """The names of the recipes in each step, for all targets ("") and for those of some classes."""
    several = {"": description["steps"], **description["by_class"]}
    return {
        name: [[choice["recipe"] for choice in step["one_of"]] for step in steps]
        for name, steps in several.items()
    }


def _named(recipes: Mapping[str, list[list[str]]]) -> str:
    steps = {name: " + ".join(" | ".join(step) for step in each) for name, each in recipes.items()}
    return "; ".join(f"{name}: {text}" if name else text for name, text in steps.items())


def _of_step(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old["probability"] != new["probability"]:
        yield _change("probability", old["probability"], new["probability"])
    for was, is_ in zip(old["one_of"], new["one_of"], strict=True):
        recipe, usual = was["recipe"], _defaults(recipe_class(was["recipe"]))
        if was["weight"] != is_["weight"]:
            yield _change(f"weight of {recipe}", was["weight"], is_["weight"])
        then, now = usual | was["options"], usual | is_["options"]
        yield from (f"{recipe} {text}" for text in _each(then, now, {}))
    then, now = old["keep"], new["keep"]
    if then is None or now is None:
        if then is not now:
            yield _change("--keep", then is not None, now is not None)
        return
    usual = {**_defaults(Keep), **KEEP_BEFORE}
    yield from _each(usual | then, usual | now, _KEEP_OPTIONS)

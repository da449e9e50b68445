"""Recipe files: steps in a row, as TOML.

label_smoothing = 0.1

[[steps]]
recipe = "randaugment"
n = 2
probability = 0.8

[[steps]]
one_of = [
    { recipe = "saliencymix", weight = 2 },
    { recipe = "mixup", alpha = 0.4 },
]

[[steps]]
recipe = "cutout"
keep = { tau = 0.6 }       # KeepAugment: cut only what the label can spare

[classes.cat.mixup]        # for targets of class cat
alpha = 1.0
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from augcli.declared import find_unknown, shortened
from augcli.errors import UserError
from augcli.pipeline.keep import Keep, build_keep
from augcli.pipeline.pipeline import Pipeline, Step
from augcli.recipes.catalogue import build_recipe, recipe_class
from augcli.recipes.names import find_recipe, spelled_options, why_no_recipe
from augcli.recipes.recipe import Recipe
from augcli.text import did_you_mean, folded, shorten, spelled
from augcli.text_files import LARGEST_TOML, parse_toml, read_text

_TOP = ("name", "label_smoothing", "steps", "classes")
# Keys of a step that are no options of its recipe, with and without one_of.
_BESIDE = ("probability", "weight", "keep")
_OF_CHOICE = ("one_of", "probability", "keep")
# Recipes in one step's one_of, and in all steps, counted again for each class that changes options.
_MOST_STEPS, _MOST_RECIPES, _MOST_IN_ALL = 100, 100, 100_000
# Characters; each row of a manifest has the name.
_LONGEST_NAME = 200
_MOST_WEIGHT = 1_000_000
_MOST_SOURCES = 1024
_LONGEST_MESSAGE = 600
Table = dict[str, Any]


def read_recipe_file(file: Path) -> Pipeline:
    """The pipeline that a recipe file describes.

    Raises UserError, with file, line, key and the closest right name, where it describes none.
    """
    try:
        text = read_text(file, LARGEST_TOML)
        table = parse_toml(text)
    except FileNotFoundError as error:
        name = find_recipe(str(file))
        remedy = f"; for the recipe give --recipe {name}" if name else "; give the path of one"
        raise UserError(f"Recipe file {file} does not exist{remedy}.") from error
    except OSError as error:
        raise UserError(f"Recipe file {file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UserError(f"Recipe file {file} is not TOML: {error}.") from error
    return _Reader(file, text).pipeline(table)


class _Reader:
    """Reads one file; finds the line of a key in its text."""

    def __init__(self, file: Path, text: str) -> None:
        self._file = file
        self._lines = text.splitlines()

    def pipeline(self, table: Table) -> Pipeline:
        table = self._spelled(table, _TOP)
        for key in table:
            if key not in _TOP:
                below = key == "recipe" or find_recipe(key) is not None
                hint = "; write it below [[steps]]" if below else did_you_mean(key, _TOP)
                raise self._error(f"there is no key '{key}'{hint}", key)
        steps = table.get("steps")
        if not isinstance(steps, list) or not steps or not all(isinstance(s, dict) for s in steps):
            raise self._error("it has no [[steps]], which a recipe file needs", "steps")
        if len(steps) > _MOST_STEPS:
            raise self._error(f"it has {len(steps)} steps, and may have {_MOST_STEPS}", "steps")
        steps = [self._with_keys(step, number) for number, step in enumerate(steps, 1)]
        name = table.get("name", _name_of(self._file))
        if not isinstance(name, str) or not name or len(name) > _LONGEST_NAME:
            raise self._error(f"name is text of at most {_LONGEST_NAME} characters", "name")
        smoothing = self._share(table.get("label_smoothing", 0.0), "label_smoothing")
        classes = table.get("classes", {})
        if not isinstance(classes, dict):
            raise self._error("classes is a table of classes", "classes")
        recipes = sum(len(self._names(step)) for step in steps) * (1 + len(classes))
        if recipes > _MOST_IN_ALL:
            message = f"steps and classes come to {recipes} recipes, and may to {_MOST_IN_ALL}"
            raise self._error(message, "classes")
        everyone = tuple(self._step(step, number, {}) for number, step in enumerate(steps, 1))
        by_class = {
            class_name: self._of_class(steps, class_name, changes)
            for class_name, changes in classes.items()
        }
        pipeline = Pipeline(name, everyone, smoothing, by_class)
        if pipeline.sources > _MOST_SOURCES:
            message = (
                f"its steps mix up to {pipeline.sources} images into one, more than {_MOST_SOURCES}"
            )
            raise self._error(message, "steps")
        return pipeline

    def _of_class(self, steps: list[Table], class_name: str, changes: Any) -> tuple[Step, ...]:
        used = {name for step in steps for name in self._names(step)}
        if not isinstance(changes, dict) or not all(isinstance(c, dict) for c in changes.values()):
            raise self._error(
                f"write [classes.{class_name}.RECIPE] with options below it", class_name
            )
        of_recipe: dict[str, Table] = {}
        for written, options in changes.items():
            name = find_recipe(written)
            if name not in used:
                hint = did_you_mean(written, used)
                message = f"classes.{class_name} changes '{written}', which no step has{hint}"
                raise self._error(message, written)
            if name in of_recipe:
                raise self._error(f"classes.{class_name} changes '{written}' twice", written)
            known = [*recipe_class(name).model_fields, *_BESIDE]
            of_recipe[name] = self._spelled(options, known)
        return tuple(self._step(step, number, of_recipe) for number, step in enumerate(steps, 1))

    @staticmethod
    def _names(step: Table) -> list[str]:
        choices = step.get("one_of", [step])
        listed = choices if isinstance(choices, list) else []
        names = [c.get("recipe") for c in listed if isinstance(c, dict)]
        return [find_recipe(name) or name for name in names if isinstance(name, str)]

    def _with_keys(self, step: Table, number: int) -> Table:
        """A step with the keys that this module knows, however they are spelled."""
        known = ("recipe", *_OF_CHOICE, "weight")
        step = self._spelled(step, known, number)
        choices = step.get("one_of")
        if isinstance(choices, list):
            step["one_of"] = [
                self._spelled(choice, known, number) if isinstance(choice, dict) else choice
                for choice in choices
            ]
        return step

    def _spelled(self, table: Table, known: Collection[str], number: int = 0) -> Table:
        values: Table = {}
        for key, value in table.items():
            name = spelled(key, known) or key
            if name in values:
                raise self._error(f"'{key}' stands there twice", key, number)
            values[name] = value
        return values

    def _step(self, step: Table, number: int, changes: Mapping[str, Table]) -> Step:
        """One [[steps]] table; `changes` are the options of a class, by recipe."""
        if "one_of" not in step:
            recipe, rest = self._recipe(step, number, changes)
            if "weight" in rest:
                message = "weight stands inside one_of, beside each of several recipes"
                raise self._error(message, "weight", number)
            probability = self._share(rest.get("probability", 1.0), "probability", number)
            keep = self._keep(rest.get("keep", False), number, [recipe])
            return Step(recipe, probability, keep=keep)
        if unknown := find_unknown(step, _OF_CHOICE):
            key, text = unknown
            raise self._error(f"a step with one_of has no key {text}", key, number)
        choices = step["one_of"]
        if not isinstance(choices, list) or not choices or not all(
            isinstance(choice, dict) for choice in choices
        ):  # fmt: skip
            raise self._error("one_of is a list of tables, each with a recipe", "one_of", number)
        if len(choices) > _MOST_RECIPES:
            message = f"one_of holds {len(choices)} recipes, more than {_MOST_RECIPES}"
            raise self._error(message, "one_of", number)
        recipes, weights = [], []
        for choice in choices:
            recipe, rest = self._recipe(choice, number, changes)
            for key in ("probability", "keep"):
                if key in rest:
                    message = f"{key} stands at the step, not inside one_of"
                    raise self._error(message, key, number)
            weight = rest.get("weight", 1.0)
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not (
                0 < weight <= _MOST_WEIGHT
            ):  # fmt: skip
                message = f"weight is a number > 0 and <= {_MOST_WEIGHT}, not {shortened(weight)}"
                raise self._error(message, "weight", number)
            recipes.append(recipe)
            weights.append(float(weight))
        probability = self._share(step.get("probability", 1.0), "probability", number)
        keep = self._keep(step.get("keep", False), number, recipes)
        return Step(recipes[0], probability, tuple(recipes[1:]), tuple(weights), keep)

    def _recipe(
        self, table: Table, number: int, changes: Mapping[str, Table]
    ) -> tuple[Recipe, Table]:
        """The recipe of a table, and what else the table says about the step."""
        options = dict(table)
        name = options.pop("recipe", None)
        if not isinstance(name, str):
            if "recipe" in table:
                message = (
                    f"step {number} takes the name of one recipe; one_of chooses among several"
                )
                raise self._error(message, "recipe", number)
            raise self._error(f"step {number} has no recipe", "steps", number)
        written, name = name, find_recipe(name)
        if name is None:
            raise self._error(why_no_recipe(written), "recipe", number, written)
        own = recipe_class(name).model_fields
        options = self._spelled(options, own, number) | changes.get(name, {})
        rest: Table = {
            key: options.pop(key) for key in _BESIDE if key in options and key not in own
        }
        if unknown := find_unknown(options, [*own, *_BESIDE]):
            key, text = unknown
            raise self._error(f"recipe {name} has no option {text}", key, number)
        try:
            return build_recipe(name, spelled_options(name, options)), rest
        except UserError as error:
            key = next((k for k in options if f"Option {k}=" in str(error)), "recipe")
            message = str(error).partition(";")[0]
            raise self._error(message[0].lower() + message[1:], key, number) from error

    def _keep(self, value: Any, number: int, recipes: list[Recipe]) -> Keep | None:
        if value is False:
            return None
        if value is not True and not isinstance(value, dict):
            raise self._error("keep is true or a table of its options", "keep", number)
        try:
            return build_keep({} if value is True else value, recipes)
        except UserError as error:
            message = str(error).rstrip(".")
            raise self._error(message[0].lower() + message[1:], "keep", number) from error

    def _share(self, value: Any, key: str, number: int = 0) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            message = f"{key} is a number from 0 to 1, not {shortened(value)}"
            raise self._error(message, key, number)
        return float(value)

    def _error(self, message: str, key: str, number: int = 0, value: str = "") -> UserError:
        line = self._line(key, number, value)
        where = f", line {line}" if line else ""
        return UserError(f"Recipe file {self._file}{where}: {shorten(message, _LONGEST_MESSAGE)}.")

    def _line(self, key: str, number: int, value: str) -> int:
        """The line of a key, inside step `number` or anywhere (0: nowhere)."""
        if len(key) > _LONGEST_NAME:
            return 0
        letters = r"[-_ ]?".join(map(re.escape, folded(key) or key))  # of any spelling
        wanted = re.compile(rf"(^|[\s{{,.\[\"']){letters}[\"']?\s*[=.\]]", re.IGNORECASE)
        step = 0
        headers = [re.match(r"\s*\[\[\s*steps\s*\]\]", line) for line in self._lines]
        if not any(headers):  # the steps stand in one array
            number = 0
        for at, (line, header) in enumerate(zip(self._lines, headers, strict=True), 1):
            step += header is not None
            if number in (0, step) or re.match(r"\s*\[classes", line):
                key_at = wanted.search(line)
                if key_at is not None and value in line[key_at.end() :]:
                    return at
        return 0


def _name_of(file: Path) -> str:
    """The name of a file without its ending; bytes that are no UTF-8 as `\\xNN`."""
    return file.stem.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

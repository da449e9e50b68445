"""augcli recipes: lists the recipes, and shows one."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augcli.cli.completion import complete_recipe
from augcli.cli.groups import grouped
from augcli.cli.help import terminal_width
from augcli.cli.options import Json
from augcli.cli.output import Output
from augcli.errors import UserError
from augcli.recipes.index import ENTRIES, OWN_LABEL, Entry, group_of
from augcli.recipes.plugins import plugins
from augcli.text import count_text

if TYPE_CHECKING:
    from augcli.recipes.recipe import Recipe


SHOW = "show"
_LIST = ("list", "ls", "all")


def complete_name(incomplete: str) -> list[tuple[str, str]]:
    """What may stand after `augcli recipes`."""
    return [(SHOW, "show a recipe or a recipe file"), *complete_recipe(incomplete)]


@grouped
def recipes(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="show this recipe and its options; list all recipes without it",
            autocompletion=complete_name,
        ),
    ] = None,
    shown: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="after `show`: a recipe file, or a recipe's name"),
    ] = None,
    json: Json = False,
) -> None:
    """List the recipes, or show one: its paper, options, types, bounds and defaults.

    `augcli recipes show FILE` shows the steps of a recipe file, with all their options.

        augcli recipes
        augcli recipes saliencymix
    """
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.recipes.names import is_file_name, recipe_of

    output = Output(json)
    if name is None:
        names, faults = _shown_names()
        for fault in faults:
            output.warn(fault)
        facts = {one: _facts(one) for one in names}
        output.result(facts, _overview(facts))
        return
    if shown is None and name != SHOW and name.lower() in _LIST:
        raise UserError(f"`augcli recipes {name}` is not needed; `augcli recipes` lists them.")
    if name == SHOW and shown is None:
        raise UserError("`augcli recipes show` needs a recipe file or a recipe's name; give one.")
    if name != SHOW and shown is not None:
        raise UserError(
            f"`augcli recipes {name}` takes no file and no second recipe; give one recipe, or a"
            " file behind `augcli recipes show`."
        )
    if shown is not None and is_file_name(shown):
        from augcli.pipeline.recipefile import read_recipe_file

        steps = read_recipe_file(Path(shown)).describe()
        output.result(steps, "\n".join(_resolved(steps)))
        return
    facts_of_one = _facts(recipe_of(name if shown is None else shown, ""))
    output.result(facts_of_one, _page(facts_of_one))


def _resolved(description: dict[str, Any]) -> Iterator[str]:
    """The steps of a recipe file with all their options, as text."""
    yield f"{description['name']}, label smoothing {description['label_smoothing']:g}"
    variants = {"": description["steps"]}
    variants |= {f"class {k}: ": v for k, v in description["by_class"].items()}
    for prefix, steps in variants.items():
        yield ""
        for number, step in enumerate(steps, 1):
            yield f"{prefix}step {number}, probability {step['probability']:g}"
            total = sum(choice["weight"] for choice in step["one_of"])
            for choice in step["one_of"]:
                options = ", ".join(f"{k}={_shown(v)}" for k, v in choice["options"].items())
                share = f" ({choice['weight'] / total:.0%})" if len(step["one_of"]) > 1 else ""
                yield f"  {choice['recipe']}{share}: {options or 'no options'}"
            if step["keep"] is not None:
                options = ", ".join(f"{k}={_shown(v)}" for k, v in step["keep"].items())
                yield f"  keep: {options}"


def _shown(value: Any) -> str:
    """A value as --set takes it."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _facts(name: str) -> dict[str, Any]:
    """All that is shown of a recipe: from its declaration, and from the index."""
    from augcli.recipes.catalogue import recipe_class

    recipe = recipe_class(name)
    paragraphs = [" ".join(block.split()) for block in (recipe.__doc__ or "").split("\n\n")]
    if recipe.name in ENTRIES:
        entry, group = ENTRIES[recipe.name], group_of(recipe.name)
    else:
        plugin = plugins()[recipe.name]
        label = OWN_LABEL if recipe.sources == 1 else "that of the recipe"
        makes = paragraphs[0] or "no description"
        entry, group = Entry("", makes, label), f"Package {plugin.package} {plugin.version}"
    return {
        "name": recipe.name,
        "group": group,
        "makes": entry.makes,
        "sources": recipe.sources,
        "label": entry.label,
        "paper": _paper(paragraphs[0]),
        "description": paragraphs,
        "options": [*_options(recipe), *_of_every_recipe(recipe)],
    }


def _shown_names() -> tuple[list[str], list[str]]:
    """The recipes that are listed, and what is wrong with others, as sentences."""
    from augcli.recipes.plugins import clashes, load_plugin

    names, faults = [name for name in ENTRIES if name not in clashes()], [*clashes().values()]
    for name, plugin in plugins().items():
        try:
            if name not in clashes():
                load_plugin(plugin)
                names.append(name)
        except UserError as error:
            faults.append(str(error))
    return names, list(dict.fromkeys(faults))


_REFERENCE = re.compile(r"\((?:([^()]*\d{4}), )?(https?://[^\s()]+)\)")


def _paper(title: str) -> dict[str, str | None]:
    """Authors, venue and year as the first sentence of a recipe cites them, None where it only
    links to documentation; and the address."""
    cited = _REFERENCE.search(title)
    return {"citation": cited and cited[1], "link": cited and cited[2]}


def _overview(facts: dict[str, dict[str, Any]]) -> str:
    """All recipes below their headings, in lines of less than 80 characters."""
    width = max(map(len, facts))
    lines: list[str] = []
    for group in dict.fromkeys(one["group"] for one in facts.values()):
        lines += [f"{group}:"]
        for name, one in facts.items():
            if one["group"] != group:
                continue
            label = "" if one["label"] == OWN_LABEL else f"; label {one['label']}"
            cited = one["paper"]["citation"]
            text = f"{one['makes']}{label}{f' ({cited})' if cited else ''}"
            lines += _wrap(text, f"  {name:{width}}  ")
        lines.append("")
    lines += _wrap(
        f'"It" is the target. Where no label is named, it keeps {OWN_LABEL}.'
        " `augcli recipes NAME` shows a recipe's paper and options."
    )
    return "\n".join(lines)


def _page(facts: dict[str, Any]) -> str:
    lines = [f"{facts['name']} (of {count_text(facts['sources'], 'image')})", ""]
    for paragraph in facts["description"]:
        lines += [*_wrap(paragraph), ""]
    lines += [f"Label of an output: {facts['label']}", ""]
    lines.append("Options (--set KEY=VALUE):")
    for option in facts["options"]:
        kind = " | ".join(option["choices"]) if option["choices"] else option["type"]
        bounds = f", {_bounds(option['range'])}" if option["range"] else ""
        head = f"{option['name']}: {kind}{bounds} (default: {_shown(option['default'])})"
        lines += [*_wrap(head, "  ", " " * 4), *_wrap(option["help"], " " * 6)]
    return "\n".join(lines)


def _wrap(text: str, first: str = "", others: str | None = None) -> list[str]:
    """Lines of less than 80 characters; no word is broken."""
    return textwrap.wrap(
        text,
        terminal_width(),
        initial_indent=first,
        subsequent_indent=" " * len(first) if others is None else others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _options(recipe: type[Recipe]) -> Iterator[dict[str, Any]]:
    """The options of a recipe as its declaration has them."""
    schema = recipe.model_json_schema()
    for name, field in recipe.model_fields.items():
        default = field.get_default(call_default_factory=True)
        declared = schema["properties"][name]
        yield {
            "name": name,
            "type": _kind(declared, schema),
            "default": "none" if default is None else getattr(default, "value", default),
            "range": _range(declared),
            "choices": _choices(declared, schema),
            "help": field.description or "",
        }


def _of_every_recipe(recipe: type[Recipe]) -> Iterator[dict[str, Any]]:
    """What --set takes with any recipe: the probability of its step, unless it has one itself."""
    if "probability" not in recipe.model_fields:
        yield {
            "name": "probability",
            "type": "number",
            "default": 1.0,
            "range": {"minimum": 0, "maximum": 1},
            "choices": None,
            "help": "of applying the recipe; the other outputs stay as they are (of every recipe)",
        }


_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def _range(schema: dict[str, Any]) -> dict[str, float] | None:
    """The bounds of a number by the names that JSON Schema gives them."""
    for one in schema.get("anyOf", [schema]):
        bounds = {key: one[key] for key in _BOUNDS if key in one}
        if bounds:
            return bounds
    return None


def _bounds(range_: dict[str, float]) -> str:
    if set(range_) == {"minimum", "maximum"}:
        return f"{range_['minimum']:g} to {range_['maximum']:g}"
    return ", ".join(f"{_BOUNDS[key]} {value:g}" for key, value in range_.items())


def _choices(schema: dict[str, Any], root: dict[str, Any]) -> list[str] | None:
    if "$ref" in schema:
        return _choices(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    return [str(word) for word in schema["enum"]] if "enum" in schema else None


def _kind(schema: dict[str, Any], root: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _kind(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "anyOf" in schema:
        return " or ".join(_kind(choice, root) for choice in schema["anyOf"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        items = schema.get("prefixItems") or [schema.get("items", {})]
        return f"list of {_kind(items[0], root)}"
    names = {"null": "none", "string": "text", "boolean": "true | false"}
    return names.get(schema.get("type", "any"), str(schema.get("type", "any")))

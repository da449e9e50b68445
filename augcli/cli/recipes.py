"""augcli recipes: lists the recipes, and shows one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from augcli.cli.options import Json
from augcli.cli.output import Output
from augcli.cli.values import path_reader
from augcli.errors import UserError
from augcli.text import count_text

if TYPE_CHECKING:
    from augcli.recipes.recipe import Recipe


def recipes(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="show this recipe and its options")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", parser=path_reader("FILE"), help="after `show`: a recipe file"
        ),
    ] = None,
    json: Json = False,
) -> None:
    """List the recipes, or show one: its paper, options, types, bounds and defaults.

    `augcli recipes show FILE` shows what a recipe file resolves to.
    """
    from augcli.image.opencv import require_opencv

    require_opencv()
    from augcli.recipes.catalogue import recipe_class, recipe_names
    from augcli.recipes.names import find_recipe, is_file_name, recipe_of

    shown = Output(json)
    if name == "show":
        if file is None:
            raise UserError("`augcli recipes show` needs a recipe file; name one.")
        if is_file_name(str(file)) or find_recipe(str(file)) is None:
            from augcli.recipes.recipefile import read_recipe_file

            told = read_recipe_file(file).describe()
            shown.result(told, "\n".join(_resolved(told)))
            return
        name = str(file)  # of a recipe, which is shown as without `show`
    elif file is not None:
        raise UserError(f"`augcli recipes {name}` takes no file; `augcli recipes show FILE` does.")
    if name is None:
        found = {known: _title(recipe_class(known)) for known in recipe_names()}
        width = max(map(len, found))
        lines = [f"{known:{width}}  {title}" for known, title in found.items()]
        shown.result(found, "\n".join([*lines, "", "augcli recipes NAME shows its options."]))
        return
    name = recipe_of(name, "")
    recipe = recipe_class(name)
    options = list(_options(recipe))
    values = {
        "name": name,
        "description": _paragraphs(recipe),
        "sources": recipe.sources,
        "options": options,
    }
    shown.result(values, _page(name, recipe, options))


def _resolved(told: dict[str, Any]) -> Iterator[str]:
    """The steps of a recipe file with all their options, as text."""
    yield f"{told['name']}, label smoothing {told['label_smoothing']:g}"
    variants = {"": told["steps"], **{f"class {k}: ": v for k, v in told["by_class"].items()}}
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
    return "none" if value is None else str(value)


def _paragraphs(recipe: type[Recipe]) -> list[str]:
    return [" ".join(block.split()) for block in (recipe.__doc__ or "").split("\n\n")]


def _title(recipe: type[Recipe]) -> str:
    return _paragraphs(recipe)[0]


def _page(name: str, recipe: type[Recipe], options: list[dict[str, Any]]) -> str:
    import textwrap

    lines = [f"{name} (of {count_text(recipe.sources, 'image')})", ""]
    for paragraph in _paragraphs(recipe):
        lines += [*textwrap.wrap(paragraph, 88, break_on_hyphens=False), ""]
    lines.append("Options (--set KEY=VALUE)" if options else "It has no options.")
    for option in options:
        lines.append(f"  {option['name']}: {option['type']} = {option['default']}")
        lines += [f"      {line}" for line in textwrap.wrap(option["description"], 82)]
    return "\n".join(lines)


def _options(recipe: type[Recipe]) -> Any:
    """The options of a recipe as its declaration has them."""
    schema = recipe.model_json_schema()
    for name, field in recipe.model_fields.items():
        default = field.get_default(call_default_factory=True)
        yield {
            "name": name,
            "type": _kind(schema["properties"][name], schema),
            "default": "none" if default is None else getattr(default, "value", default),
            "description": field.description or "",
        }


_BOUNDS = {
    "minimum": ">=",
    "exclusiveMinimum": ">",
    "maximum": "<=",
    "exclusiveMaximum": "<",
    "minLength": "length >=",
    "maxLength": "length <=",
}


def _kind(schema: dict[str, Any], root: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _kind(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "anyOf" in schema:
        return " or ".join(_kind(choice, root) for choice in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        items = schema.get("prefixItems") or [schema.get("items", {})]
        return f"list of {_kind(items[0], root)}"
    names = {"null": "none", "string": "text", "boolean": "true | false"}
    kind = names.get(schema.get("type", "any"), schema.get("type", "any"))
    bounds = [f"{sign} {schema[key]:g}" for key, sign in _BOUNDS.items() if key in schema]
    return f"{kind} ({', '.join(bounds)})" if bounds else str(kind)

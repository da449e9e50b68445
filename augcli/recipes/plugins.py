"""Recipes of other packages: classes that they name as entry points of the group `augcli.recipes`.

    [project.entry-points."augcli.recipes"]
    verticalmix = "vertical_mix:VerticalMix"

A package is looked at without running any of its code; that runs where its recipe is used.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from augcli.errors import UserError, said_by
from augcli.recipes.index import ENTRIES
from augcli.recipes.other_names import SYNONYMS
from augcli.text import folded, listed, shorten

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from augcli.recipes.recipe import Recipe

GROUP = "augcli.recipes"
_WORDS = ("show", "list", "ls", "all")  # which `augcli recipes` takes
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")


class Plugin(NamedTuple):
    """A recipe of another package, which has this version; `point` is where its class is."""

    name: str
    package: str
    version: str
    point: EntryPoint


def plugins() -> dict[str, Plugin]:
    """The recipes of other packages by their names, sorted; those without a name of their own are
    left out."""
    return _read()[0]


def clashes() -> dict[str, str]:
    """What is wrong with the names that other packages give to recipes, as sentences, by the names
    of recipes that are therefore refused."""
    return _read()[1]


@cache
def _read() -> tuple[dict[str, Plugin], dict[str, str]]:
    from importlib.metadata import entry_points

    several: dict[str, Plugin] = {}
    wrong: dict[str, str] = {}
    own = {folded(name): name for name in ENTRIES} | dict(SYNONYMS)
    for point in sorted(entry_points(group=GROUP)):
        dist = point.dist
        package = shorten(str(getattr(dist, "name", None) or "unknown"), 60)
        plugin = Plugin(point.name, package, str(getattr(dist, "version", None)), point)
        name = shorten(point.name, 60)
        remedy = f"rename its entry point in {GROUP}, or remove the package."
        if not _NAME.fullmatch(point.name) or point.name in _WORDS:
            wrong[point.name] = (
                f"Package {package} calls a recipe '{name}', which is no name for one (small"
                f" letters, digits and underscores, and not {listed(_WORDS)}); {remedy}"
            )
        elif (taken := own.get(folded(point.name))) is not None:
            wrong[taken] = (
                f"Package {package} calls a recipe '{name}', which is augcli's own {taken};"
                f" {remedy}"
            )
        elif (other := _same(several, point.name)) is not None:
            wrong[other.name] = wrong[point.name] = (
                f"The packages {other.package} and {package} both have a recipe '{name}'; remove"
                " one of them."
            )
        else:
            several[point.name] = plugin
    return several, wrong


def _same(several: dict[str, Plugin], name: str) -> Plugin | None:
    return next((one for one in several.values() if folded(one.name) == folded(name)), None)


@cache
def load_plugin(plugin: Plugin) -> type[Recipe]:
    """The class of a recipe of another package; raises UserError, which names the package, where it
    cannot be loaded or is no recipe."""
    from augcli.recipes.recipe import Recipe

    whose = f"The recipe {plugin.name} of package {plugin.package} {plugin.version}"
    remedy = "fix or remove the package."
    try:
        recipe = plugin.point.load()
    except (Exception, SystemExit) as error:
        why = said_by(error) if isinstance(error, Exception) else "it ends Python"
        raise UserError(f"{whose} cannot be loaded ({why}); {remedy}") from error
    if not isinstance(recipe, type) or not issubclass(recipe, Recipe):
        raise UserError(
            f"{whose} is no subclass of augcli.recipes.recipe.Recipe, but {shorten(repr(recipe))};"
            f" {remedy}"
        )
    if getattr(recipe, "name", None) != plugin.name:
        raise UserError(
            f"{whose} is called {shorten(repr(getattr(recipe, 'name', None)))} by its class;"
            f" {remedy}"
        )
    if not isinstance(recipe.sources, int) or recipe.sources < 1:
        raise UserError(f"{whose} has sources = {shorten(repr(recipe.sources))}; {remedy}")
    try:
        _ = recipe().params_type
    except Exception as error:
        raise UserError(
            f"{whose} needs a default for each option, and a draw that is annotated with what it"
            f" returns ({said_by(error)}); {remedy}"
        ) from error
    return recipe


def plugin_versions(names: set[str]) -> dict[str, str]:
    """The versions of the packages whose recipes are among these names, by the packages' names."""
    if names <= ENTRIES.keys():
        return {}
    return {one.package: one.version for one in plugins().values() if one.name in names}

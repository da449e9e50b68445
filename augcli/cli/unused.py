"""Options that have no effect in a combination are refused where they stand on the command line.

What stands there is meant for this run: where nothing uses it, it is refused. What stands in the
environment or in a configuration file is shared by commands and recipes, and rightly without effect
on some of them: it is passed over, without a word.

With --dry-run an option counts as it would in the run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from augcli.cli.origins import COMMAND_LINE, DEFAULT, named, nearness, spelled
from augcli.errors import UserError
from augcli.tasks.unused import Called, without_effect

if TYPE_CHECKING:
    from augcli.pipeline.pipeline import Pipeline


# An option of which a rule says that another has no effect beside it.
_OTHER = re.compile(r"(?<=beside )--[a-z-]+(?=[;,])")


def _as_given(context: Any, where: str) -> str:
    """The end of a rule's sentence, which names the other option by where it was given."""
    match = _OTHER.search(where)
    for one in context.command.params if match is not None else ():
        near = nearness(context, one.name)
        if match is not None and spelled(one) == match[0] and near not in (DEFAULT, COMMAND_LINE):
            where = where.replace(match[0], named(context, one.name))
            return where.replace("into that file", "into that file, or give --recipe too")
    return where


def refuse_unused(
    context: Any,
    pipelines: Sequence[Pipeline] = (),
    saliency_specs: Sequence[tuple[str, int | None]] = (),
) -> None:
    """Refuse an option of the command line that has no effect; `context` is that of the command.

    Raises UserError.
    """
    called = Called(context.params, pipelines, saliency_specs)
    parameters = {parameter.name: parameter for parameter in context.command.params}
    names = [name for name in parameters if nearness(context, name) == COMMAND_LINE]
    broken = without_effect(called, names)
    if broken is not None:
        name, where = broken
        raise UserError(f"{spelled(parameters[name])} has no effect {_as_given(context, where)}")

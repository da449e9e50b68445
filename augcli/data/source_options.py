"""What a command says about SOURCE beside its place: which images are meant, and how their labels
are read."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from augcli.enums import Labels
from augcli.errors import UserError
from augcli.text import listed


class SourceOptions(BaseModel):
    """Options of a source, at their defaults where nothing is said.

    A reader names in its `OPTIONS` those that it takes; `COMMON` are taken for every source. They
    stand in run.json, so that the same images are read again for a replay.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    path_column: str | None = None
    label_column: str | None = None
    weights_column: str | None = None
    images: str | None = None
    suffix: str | None = None
    split: str | None = None
    allow_empty_classes: bool = False
    classes: tuple[str, ...] | None = None
    classes_include: tuple[str, ...] = ()
    classes_exclude: tuple[str, ...] = ()
    limit: int | None = None
    labels: Labels = Labels.single
    label_separator: str | None = None
    group_by: str | None = None

    def record(self) -> dict[str, Any]:
        """The options that are not at their defaults, as JSON values."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def refuse_others(self, taken: frozenset[str], source: str, kind: str) -> None:
        """Raise UserError for an option that is neither common nor one of `taken`, those of the
        reader of `kind` that reads SOURCE, and for one that the labels make useless."""
        if self.label_separator is not None and self.labels is not Labels.multi:
            raise UserError(
                "--label-separator has no effect without --multi-label; add that, or leave it out."
            )
        for name in self.record():
            option = "--" + name.replace("_", "-")
            if self.labels is Labels.none and name in _OF_LABELS:
                raise UserError(
                    f"{option} has no effect with --unlabelled, which reads no labels; leave one of"
                    " them out."
                )
            if name not in COMMON | taken:
                own = [f"--{one.replace('_', '-')}" for one in sorted(taken)]
                others = f" (its own options are {listed(own, 'and')})" if own[1:] else ""
                raise UserError(
                    f"{option} has no effect on SOURCE {source}, which is {kind}; leave it"
                    f" out{others}."
                )


_OF_LABELS = frozenset(
    ("classes", "classes_include", "classes_exclude", "label_column", "weights_column",
     "allow_empty_classes")
)  # fmt: skip
COMMON = frozenset(
    ("classes", "classes_include", "classes_exclude", "limit", "group_by", "labels",
     "label_separator")
)  # fmt: skip

"""The card of a data set, OUT/README.md, by which `datasets.load_dataset(OUT)` knows its splits and
the types of its columns, with the names of the classes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from glob import escape
from typing import Any

from augcli.enums import Labels
from augcli.manifest.row import Row
from augcli.published import CLASSES, RUN, TRAIN

FIRST_LINES = "---\n# Written by augcli; it stays as you edit it.\n"

_LISTS = {"label_ids": "int64", "label_weights": "float64", "soft_label": "float64"}
_LISTS |= dict.fromkeys(("source_ids", "source_paths"), "string")
_NUMBERS = {"lam": "float64"} | dict.fromkeys(("width", "height", "schema_version"), "int64")
_USUAL = {"val": "validation", "valid": "validation", "dev": "validation"}


def card_text(
    classes: Sequence[str], labels: Labels, splits: Iterable[str], recipe: str, *, dense: bool
) -> str:
    """The card of a run with these classes and labels, whose other splits have these names in OUT;
    `dense` says whether its rows have soft labels."""
    missing = {
        Labels.single: set[str](),
        Labels.multi: {"label", "class_name"},
        Labels.none: {"label", "class_name", "label_ids", "label_weights"},
    }[labels]
    if not dense or labels is Labels.none:
        missing.add("soft_label")
    features = [_feature(name, classes) for name in Row.model_fields if name not in missing]
    files = [
        {"split": name, "path": f"{escape(folder)}/**"}
        for folder, name in _split_names([TRAIN, *splits]).items()
    ]
    config = {"config_name": "default", "data_files": files, "features": features}
    return f"{FIRST_LINES}{_yaml({'configs': [config]})}\n---\n\n# Images by {recipe}\n\n{_TEXT}"


_TEXT = f"""\
Made with augcli. `datasets.load_dataset` reads this folder by its path. `{CLASSES}` has the
classes in the order of label ids, `{RUN}` says how the images were made.
"""


def _feature(name: str, classes: Sequence[str]) -> dict[str, Any]:
    """A column as `datasets` writes it in cards."""
    if name == "file_name":
        return {"name": "image", "dtype": "image"}
    if name == "label":
        names = {str(number): class_name for number, class_name in enumerate(classes)}
        return {"name": name, "dtype": {"class_label": {"names": names}}}
    if name == "boxes":
        return {"name": name, "list": {"list": "int64"}}
    if name in _LISTS:
        return {"name": name, "list": _LISTS[name]}
    return {"name": name, "dtype": _NUMBERS.get(name, "string")}


def _split_names(folders: Sequence[str]) -> dict[str, str]:
    """The names that `datasets` takes for splits, of folders in OUT: distinct, of letters, digits
    and underscores."""
    names = dict[str, str]()
    for folder in folders:
        plain = re.sub(r"\W", "_", folder)
        name, number = _USUAL.get(plain.lower(), plain), 2
        while name in names.values():
            name, number = f"{plain}_{number}", number + 1
        names[folder] = name
    return names


def _yaml(values: dict[str, Any]) -> str:
    """JSON that is YAML too, which takes some characters for the ends of lines, and others not at
    all."""
    text = json.dumps(values, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in text)

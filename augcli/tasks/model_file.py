"""Refuses what is given for the file of a model and cannot be one, before it is read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from augcli.errors import UserError
from augcli.files import exists
from augcli.text import shorten

_OTHER_MODELS = (".pt", ".pth", ".ckpt", ".safetensors", ".h5", ".keras", ".pb", ".tflite")
_GIVE = "give the file of a classifier that is exported to ONNX"
_LOOKED_AT = 1_000


def check_model_file(called: str, model: Path) -> None:
    """Refuse a model that is not there, is a folder, or is of another kind by its name; raises
    UserError, where the model is `called` so."""
    what = f"{called} {model}"
    if not exists(str(model)):
        from augcli.data.missing_source import why_missing

        hint = ""
        with suppress(OSError):  # as for a name that is too long
            hint = why_missing(model, _GIVE)
        raise UserError(f"{what} does not exist{hint or f'; {_GIVE}'}.")
    if model.is_dir():
        raise UserError(f"{what} is a folder; give the ONNX file of a classifier{_inside(model)}.")
    if model.suffix.lower() in _OTHER_MODELS:
        raise UserError(
            f"{what} is not an ONNX file by its name; export the classifier to ONNX, and give that."
        )
    beside = model.with_suffix(".onnx")
    if model.suffix.lower() == ".toml" and beside.is_file():
        raise UserError(f"{what} says how {beside} is used; give that, and it is read too.")


def _inside(folder: Path) -> str:
    """The first ONNX file by name in a folder, as the end of a sentence."""
    from itertools import islice

    try:
        names = sorted(one.name for one in islice(folder.iterdir(), _LOOKED_AT))
    except OSError:
        return ""
    first = next((name for name in names if name.lower().endswith(".onnx")), None)
    return "" if first is None else f", as {shorten(str(folder / first))}"

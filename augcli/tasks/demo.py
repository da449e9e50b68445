"""Photographs to try augcli with, which come with it."""

from __future__ import annotations

import shutil
from pathlib import Path

import augcli
from augcli.errors import RunFailed, UserError
from augcli.store.journal import refuse_name_of_file

_PHOTOGRAPHS = "sample_data"


def copy_photographs(folder: Path, photos: Path) -> None:
    """Copy the photographs, a folder for each of their five classes, into `photos`, which lies in
    `folder`.

    Raises UserError where `folder` holds something already, or this installation has none, and
    RunFailed where they cannot be written.
    """
    source = _photographs()
    refuse_name_of_file(folder, "FOLDER")
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} exists already; give augcli demo another FOLDER.")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, photos, ignore=shutil.ignore_patterns("classifier.*"))
    except shutil.Error as error:
        raise RunFailed(f"{photos} cannot be written: {error.args[0][0][2]}.") from error
    except OSError as error:
        raise RunFailed(f"{folder} cannot be written: {error.strerror}.") from error


def _photographs() -> Path:
    """The folder of the photographs: in a wheel inside the package, in a checkout beside it."""
    package = Path(augcli.__file__).parent
    for folder in (package / _PHOTOGRAPHS, package.parent / _PHOTOGRAPHS):
        if (folder / "README.md").is_file():
            return folder
    raise UserError("This installation has no photographs; install augcli anew, or give your own.")

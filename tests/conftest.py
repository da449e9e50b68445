"""Small data sets and a way to call the program as a user does."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from augcli.classifier.spec import ClassifierSpec

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_DATA = ROOT / "sample_data"

Augcli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def forking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers fork where they can, also beside the threads of pytest-xdist."""
    monkeypatch.setattr("augcli.processes.is_alone", lambda: sys.platform.startswith("linux"))


@pytest.fixture
def augcli(tmp_path: Path) -> Augcli:
    """Run `augcli` in an empty folder, without configuration from outside."""

    def run(
        *arguments: object,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        stdin: bytes | None = None,
    ) -> subprocess.CompletedProcess[str]:
        folder = cwd or tmp_path / "cwd"
        folder.mkdir(exist_ok=True)
        outside = {k: v for k, v in os.environ.items() if not k.startswith("AUGCLI_")}
        result = subprocess.run(
            [sys.executable, "-m", "augcli", *map(str, arguments)],
            cwd=folder,
            env={**outside, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **(env or {})},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=300,
            check=False,
        )
        return subprocess.CompletedProcess(
            result.args, result.returncode, result.stdout.decode(), result.stderr.decode()
        )

    return run


def write_photo(path: Path, seed: int, width: int, height: int, **save: Any) -> None:
    """A smooth, coloured picture that differs with its seed."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize((width, height), Image.Resampling.BICUBIC).save(path, **save)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three classes of five images of unequal sizes, JPEG and PNG."""
    folder = tmp_path / "photos"
    seed = 0
    for class_name in ("ant", "bee", "cow"):
        for number in range(5):
            seed += 1
            suffix = "png" if number == 4 else "jpg"
            size = 40 + 7 * ((seed * 5) % 6), 36 + 5 * ((seed * 3) % 7)
            write_photo(folder / class_name / f"{class_name} {number}.{suffix}", seed, *size)
    return folder


@pytest.fixture(scope="session")
def sample() -> ClassifierSpec:
    """The classifier of sample_data, as it is asked for saliency."""
    from augcli.classifier.build import build_spec
    from tests.helpers.onnx_models import ALL, CLASSES, SAMPLE

    return build_spec(SAMPLE, CLASSES, ALL)


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with the digest of its bytes."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }

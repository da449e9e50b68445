"""augcli.generate in corners: imports, dry runs, daemons, other locales, no OpenCV."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import augcli
from tests.conftest import ROOT, tree, write_photo


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import augcli; assert 'generate' in dir(augcli);"
        " print(sorted(set(sys.modules) - before))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert result.stdout == "['augcli']\n"
    with pytest.raises(AttributeError, match="no attribute 'generat'"):
        _ = augcli.generat  # type: ignore[attr-defined]
    assert all(getattr(augcli, name) is not None for name in augcli.__all__)


def test_a_loaded_recipe_serves_too(tmp_path: Path) -> None:
    for number in range(4):
        write_photo(tmp_path / "few" / f"c{number % 2}" / f"{number}.png", number, 12, 12)
    recipe = augcli.load_recipe("mixup", alpha=0.3)
    augcli.generate(tmp_path / "few", tmp_path / "loaded", recipe)
    named = augcli.generate(tmp_path / "few", tmp_path / "text", "mixup", set={"alpha": "0.3"})
    assert tree(named.path / "train") == tree(tmp_path / "loaded" / "train")
    with pytest.raises(augcli.UserError, match=r"^keep has no effect beside a recipe that is"):
        augcli.generate(tmp_path / "few", tmp_path / "out", recipe, keep=True)


def test_a_dry_run_says_what_would_be_made(photos: Path, tmp_path: Path) -> None:
    options: Any = {"include_originals": "copy", "copies": 2}
    planned = augcli.generate(photos, tmp_path / "out", "flip", dry_run=True, **options)
    assert not (tmp_path / "out").exists()
    made = augcli.generate(photos, tmp_path / "out", "flip", **options)
    assert planned.outputs == made.outputs == 45
    with pytest.raises(augcli.UserError, match="holds a finished run"):
        augcli.generate(photos, tmp_path / "out", "flip", dry_run=True)


DAEMON = """
import multiprocessing, sys, augcli

def make(source, out):
    try:
        augcli.generate(source, out, "flip")
    except augcli.UserError as error:
        return str(error)

if __name__ == "__main__":
    with multiprocessing.Pool(1) as pool:
        print(pool.apply(make, sys.argv[1:]))
"""


def test_a_daemon_starts_no_workers(photos: Path, tmp_path: Path) -> None:
    script = tmp_path / "daemon.py"
    script.write_text(DAEMON)
    result = subprocess.run(
        [sys.executable, script, photos, tmp_path / "out"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert result.stdout.startswith("This process is a worker of multiprocessing.Pool or the like")
    assert not (tmp_path / "out").exists()


def test_names_of_files_do_not_depend_on_the_locale(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "iso8859-15")
    with pytest.raises(augcli.UserError, match=r"in iso8859-15, .* PYTHONUTF8=1\.$"):
        augcli.generate(photos, tmp_path / "out", "flip")


def test_without_opencv_only_what_looks_at_pixels_is_refused(photos: Path, tmp_path: Path) -> None:
    augcli.generate(photos, tmp_path / "out", "flip")
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "cv2.py").write_text("raise ImportError('libGL.so.1 is missing')")
    code = (
        "import sys, augcli\n"
        "print(len(augcli.open_manifest(sys.argv[1])), bool(augcli.verify(sys.argv[1])))\n"
        "for name in ('generate', 'preview', 'load_recipe'):\n"
        "    try: getattr(augcli, name)\n"
        "    except augcli.UserError as error: print(str(error).partition(';')[0])\n"
    )
    paths = os.pathsep.join([str(tmp_path / "shadow"), str(ROOT)])
    result = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "out"], env={**os.environ, "PYTHONPATH": paths},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    missing = "OpenCV cannot be loaded (libGL.so.1 is missing)"
    assert result.stdout.splitlines() == ["15 True", *[missing] * 3], result.stderr


def test_a_recipe_file_stands_in_the_place_of_a_recipe(photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text('[[steps]]\nrecipe = "flip"\n[[steps]]\nrecipe = "cutmix"\nalpha = 0.3\n')
    augcli.generate(photos, tmp_path / "file", recipe_file=file, label_smoothing=0.1)
    recipe = augcli.load_recipe(str(file), label_smoothing=0.1)
    augcli.generate(photos, tmp_path / "loaded", recipe)
    assert tree(tmp_path / "file" / "train") == tree(tmp_path / "loaded" / "train")
    for options, sentence in (
        ({"recipe": "flip"}, "recipe has no effect beside recipe_file; give one of them."),
        ({"keep": True}, "keep has no effect beside recipe_file; write it into that file."),
    ):
        of_any_type: Any = options
        with pytest.raises(augcli.UserError) as refused:
            augcli.generate(photos, tmp_path / "out", recipe_file=file, **of_any_type)
        assert str(refused.value) == sentence

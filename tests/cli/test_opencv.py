"""An OpenCV that is missing, shadowed or too old is one sentence with the remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import ROOT, SAMPLE_DATA, Augcli

BROKEN = {
    "raise ImportError('libGL.so.1 is missing')": "OpenCV cannot be loaded (libGL.so.1 is missing)",
    "__version__ = '4.12.0'": "lacks contrib modules: something shadows opencv-contrib-python",
    "__version__, saliency = '4.8.0', 1": "OpenCV 4.8.0 is too old, 4.11 is needed",
}


@pytest.mark.parametrize("code", BROKEN)
def test_every_command_that_needs_it_says_so(
    augcli: Augcli, photos: Path, tmp_path: Path, code: str
) -> None:
    out, model = tmp_path / "out", SAMPLE_DATA / "classifier.onnx"
    assert augcli("generate", photos, out, "-r", "cutmix", "-q").returncode == 0
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow/cv2.py").write_text(code + "\n")
    shadowed = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "shadow"), str(ROOT)])}
    for command in (
        ("generate", photos, tmp_path / "new", "-r", "cutmix"),
        ("preview", photos, "-r", "cutmix", "--to", tmp_path / "new.png"),
        ("saliency", photos, tmp_path / "new"),
        ("verify", out, "--replay"),
        ("verify", out, "--repair"),
        ("recipes",),
        ("model", "inspect", model),
        ("model", "fit-head", model, photos, "--at", "relu2", "--output", tmp_path / "new"),
    ):
        done = augcli(*command, env=shadowed)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), command
        assert BROKEN[code] in done.stderr
        assert "`pip install --force-reinstall opencv-contrib-python" in done.stderr
    assert not list(tmp_path.glob("new*"))
    assert augcli("verify", out, env=shadowed).returncode == 0  # looks at no pixels

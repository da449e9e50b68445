"""An OpenCV that is missing, shadowed or too old is one sentence with the remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import ROOT, SAMPLE_DATA, Augcli, tree

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
        result = augcli(*command, env=shadowed)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1), command
        assert BROKEN[code] in result.stderr
        assert "`pip install --force-reinstall opencv-contrib-python" in result.stderr
    assert not list(tmp_path.glob("new*"))
    assert augcli("verify", out, env=shadowed).returncode == 0  # looks at no pixels


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENCV_IO_MAX_IMAGE_PIXELS", "100"),
        ("OPENCV_IO_MAX_IMAGE_WIDTH", "10"),
        ("OPENCV_IO_MAX_IMAGE_HEIGHT", "no number"),
        ("OPENCV_FOR_THREADS_NUM", "no number"),
        ("OPENCV_BUFFER_AREA_ALWAYS_SAFE", "perhaps"),
    ],
)
def test_its_variables_decide_about_nothing(
    augcli: Augcli, photos: Path, tmp_path: Path, name: str, value: str
) -> None:
    """Images are bounded by --max-pixels alone, and a value that OpenCV cannot read, at which it
    ends the process, is not read."""
    outputs = []
    for out, env in ((tmp_path / "with", {name: value}), (tmp_path / "without", {})):
        result = augcli("generate", photos, out, "-r", "saliencymix", env=env)
        assert (result.returncode, result.stderr) == (0, "")
        outputs.append(tree(out / "train"))
    assert outputs[0] == outputs[1]

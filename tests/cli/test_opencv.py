"""An OpenCV that is missing, shadowed or too old is one sentence with the remedy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import ROOT, SAMPLE_DATA, Augcli, tree

BROKEN = {
    "raise ImportError('libGL.so.1 is missing')": "OpenCV cannot be loaded (libGL.so.1 is missing)",
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


# A module that stands before the OpenCV that is installed, and hides its contrib modules.
WITHOUT_CONTRIB = """
import sys
from pathlib import Path

folder = str(Path(__file__).parent)
sys.path.remove(folder)
del sys.modules["cv2"]
import cv2
del cv2.saliency, cv2.ximgproc
sys.path.insert(0, folder)
"""


def test_without_contrib_modules_only_what_needs_them_is_refused(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    out, (plain, usual) = tmp_path / "out", (tmp_path / "plain", tmp_path / "usual")
    kept = ("generate", photos, out, "-r", "cutout", "--keep", "--saliency", "spectral-residual")
    assert augcli(*kept, "-q").returncode == 0
    (tmp_path / "site").mkdir()
    (tmp_path / "site/cv2.py").write_text(WITHOUT_CONTRIB)
    without = {"PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])}
    for made, env in ((plain, without), (usual, None)):
        assert augcli("generate", photos, made, "-r", "saliencymix", "-q", env=env).returncode == 0
    assert tree(plain / "train") == tree(usual / "train")
    next((out / "train").glob("*/*.jpg")).unlink()
    sentence = "--saliency {} needs OpenCV's contrib modules, which the OpenCV that is loaded lacks"
    for detector, command in (
        ("spectral-residual", ("generate", photos, tmp_path / "new", *kept[3:])),
        ("spectral-residual", ("preview", photos, "--to", tmp_path / "new.png", *kept[3:])),
        ("opencv-fine-grained",
         ("saliency", photos, tmp_path / "new", "--saliency", "opencv-fine-grained")),
        ("spectral-residual", ("verify", out, "--repair")),
    ):  # fmt: skip
        result = augcli(*command, env=without)
        assert (result.returncode, result.stdout) == (2, ""), command
        assert sentence.format(detector) in result.stderr
    assert not list(tmp_path.glob("new*"))
    assert augcli("verify", out, "--repair").returncode == 0
    assert augcli("verify", out, "--replay", env=without).returncode == 0  # looks for no saliency


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

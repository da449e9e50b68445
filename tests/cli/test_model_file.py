"""What is given for the file of a model, and is none."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from augcli.autodiff.child import in_child
from augcli.cli.app import run
from augcli.errors import UserError, said_by
from tests.conftest import write_photo

WANTED = "give the file of a classifier that is exported to ONNX"
SAID = {
    "classifer.onnx": "classifer.onnx does not exist (did you mean classifier.onnx?).",
    "x" * 300: f"{'x' * 300} does not exist; {WANTED}.",
    "absent": f"absent does not exist; {WANTED}.",
    "no/classifier.onnx": f"no/classifier.onnx does not exist, as there is no no; {WANTED}.",
    "models": "models is a folder; give the ONNX file of a classifier, as models/net.onnx.",
    "S": "S is a folder; give the ONNX file of a classifier.",
    "classifier.toml": (
        "classifier.toml says how classifier.onnx is used; give that, and it is read too."
    ),
    "net.pt": (
        "net.pt is not an ONNX file by its name; export the classifier to ONNX, and give that."
    ),
}
COMMANDS = {
    "model inspect {}": "MODEL",
    "model fit-head {} S --at x --output new.onnx": "MODEL",
    "generate S O -r saliencymix --saliency gradient --model {}": "--model",
    "saliency S O --saliency gradient --model {}": "--model",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for place in (
        "classifier.onnx",
        "classifier.toml",
        "models/net.onnx",
        "models/a.txt",
        "net.pt",
    ):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"x")
    for name in ("a", "b"):
        write_photo(tmp_path / f"S/{name}/1.png", 1, 20, 20)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", SAID)
def test_files_that_are_no_models(
    capfd: pytest.CaptureFixture[str], command: str, name: str
) -> None:
    assert run(shlex.split(command.format(name))) == 2
    assert capfd.readouterr().err == f"augcli: {COMMANDS[command]} {SAID[name]}\n"


def _fail(model: Path, words: str) -> None:  # noqa: ARG001
    raise ValueError(words)


@pytest.mark.parametrize(
    ("words", "reason"),
    [("odd\nshape.", "odd shape"), ("", "no reason is given")],
)
def test_a_model_that_a_library_fails_on(words: str, reason: str) -> None:
    """No name of an exception is shown, and what to do is."""
    with pytest.raises(UserError) as refusal:
        in_child(_fail, Path("m.onnx"), words)
    assert str(refusal.value) == f"The model m.onnx cannot be used: {reason}; export it again."


def test_what_exceptions_say() -> None:
    assert said_by(MemoryError()) == "there is too little memory"
    assert said_by(OSError(28, "No space left on device", "x")) == "No space left on device"

"""OUT and other places that cannot be written: below a file, called like one, or of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from augcli.cli.app import run
from tests.conftest import ROOT, Augcli, tree, write_photo

FLIP = ("-r", "flip")
MODEL = str(ROOT / "sample_data/classifier.onnx")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a source S and the files file and photos.zip."""
    write_photo(tmp_path / "S/a/1.png", 1, 20, 20)
    write_photo(tmp_path / "S/b/1.png", 2, 20, 20)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "photos.zip").write_text("mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refuse(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    assert run([*words]) == 2
    return capfd.readouterr().err.removeprefix("augcli: ").removesuffix("\n")


@pytest.mark.parametrize("command", ["generate", "saliency"])
@pytest.mark.parametrize("out", ["photos.zip/out", "file/x", "file/x/y"])
def test_an_out_below_a_file(
    capfd: pytest.CaptureFixture[str], folder: Path, command: str, out: str
) -> None:
    before, recipe = tree(folder), FLIP if command == "generate" else ()
    file = folder / out.partition("/")[0]
    assert refuse(capfd, command, "S", out, *recipe) == (
        f"OUT {out} lies below {file}, which is a file; choose another."
    )
    assert tree(folder) == before


def test_other_places_below_a_file(capfd: pytest.CaptureFixture[str], folder: Path) -> None:
    below = f"lies below {folder / 'file'}, which is a file; name a file in a folder."
    for name in ("file/x.png", "file/x/y.png"):
        said = refuse(capfd, "preview", "S", *FLIP, "--to", name)
        assert said == f"--to {name} {below}"
    head = ("model", "fit-head", MODEL, "S", "--at", "relu2", "-o", "file/x.onnx")
    assert refuse(capfd, *head) == f"--output file/x.onnx {below}"
    asks = ("--saliency", "gradient", "--model", MODEL, "--saliency-cache", "file/x")
    assert refuse(capfd, "saliency", "S", "O", *asks) == (
        "The saliency cache file/x cannot be written (file is a file); give another folder with"
        " --saliency-cache, or none."
    )


@pytest.mark.parametrize("command", ["generate", "saliency"])
@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("x.zip", "x"), ("x.tar", "x"), ("x.tar.gz", "x"), ("x.jpg", "x"), ("x.PNG", "x"),
        ("x.parquet", "x"), ("x.npz", "x"), ("x.jsonl", "x"), ("d/x.v1.tif", "d/x.v1"),
    ],
)  # fmt: skip
def test_an_out_that_is_called_like_a_file(
    capfd: pytest.CaptureFixture[str], folder: Path, command: str, name: str, bare: str
) -> None:
    recipe = FLIP if command == "generate" else ()
    assert refuse(capfd, command, "S", name, *recipe) == (
        f"OUT {name} is called like a file, and a folder is written; name a folder, as {bare}."
    )
    assert sorted(path.name for path in folder.iterdir()) == ["S", "file", "photos.zip"]


@pytest.mark.parametrize("name", ["x", "x.v1", "2024.05", ".zip", "jpg", "x.zip.d"])
@pytest.mark.usefixtures("folder")
def test_other_names_of_out(name: str) -> None:
    assert run(["generate", "S", name, *FLIP, "--dry-run"]) == 0


def test_a_folder_that_is_there_may_be_called_so(folder: Path) -> None:
    (folder / "x.zip").mkdir()
    assert run(["generate", "S", "x.zip", *FLIP, "--dry-run"]) == 0


@pytest.mark.usefixtures("folder")
def test_an_out_that_is_finished(augcli: Augcli, folder: Path) -> None:
    assert augcli("generate", "S", "O", *FLIP, cwd=folder).returncode == 0
    assert augcli("saliency", "S", "M", cwd=folder).returncode == 0
    before = tree(folder)
    for recipe in ("flip", "mixup"):
        result = augcli("generate", "S", "O", "-r", recipe, cwd=folder)
        assert (result.returncode, result.stderr) == (
            2,
            "augcli: OUT O holds a finished run of recipe flip, with 2 images; choose another OUT,"
            " or give --overwrite to replace it.\n",
        )
    result = augcli("saliency", "S", "M", "--saliency", "spectral-residual", cwd=folder)
    assert (result.returncode, result.stderr) == (
        2,
        "augcli: OUT M holds saliency maps, which are complete; choose another OUT, or give"
        " --overwrite to replace them.\n",
    )
    assert tree(folder) == before
    (folder / "M/maps.jsonl").unlink()
    result = augcli("saliency", "S", "M", cwd=folder)
    assert result.stderr == (
        "augcli: OUT M holds saliency maps that are not finished; give their command with --resume"
        " to go on with them, or --overwrite to replace them, or choose another OUT.\n"
    )
    (folder / "O/train").rename(folder / "O/.augcli/train")
    (folder / "O/run.json").unlink()
    result = augcli("generate", "S", "O", *FLIP, cwd=folder)
    assert result.stderr == (
        "augcli: OUT O holds an unfinished run of recipe flip; give its command with --resume to go"
        " on with it, or --overwrite to replace it, or choose another OUT.\n"
    )


def test_the_template_of_names(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("generate", photos, out, "-r", "flip", "--seed", 3)
    template = ("--name", "{class}-{source}")
    assert augcli(*words, *template).returncode == 0
    names = {path.name.rpartition("_")[0] for path in out.rglob("*.jpg")}
    assert names == {
        f"{name}-{name} {number}" for name in ("ant", "bee", "cow") for number in range(5)
    }
    again = augcli(*words, "--name", "{class}-{source}_{id}", "--resume")
    assert (again.returncode, "Already complete" in again.stdout) == (0, True)
    other = augcli(*words, "--name", "{source}", "--resume")
    assert other.returncode == 2
    assert "was begun with --name {class}-{source}_{id} (now {source}_{id}); resume" in other.stderr
    assert augcli("verify", out, "--replay").returncode == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--name", "{sorce}"), "--name {sorce} has {sorce}, which is no field (did you mean"),
        (("--name", "{class}", "--unlabelled"), "--name has {class}, and images here have several"),
    ],
)
def test_templates_that_are_refused(
    augcli: Augcli, photos: Path, tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    result = augcli("generate", photos, tmp_path / "out", "-r", "flip", *words)
    assert (result.returncode, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert not (tmp_path / "out").exists()


def test_names_without_a_template(augcli: Augcli, photos: Path, tmp_path: Path) -> None:
    """They say the source's name, the recipe and the copy, before the id."""
    out = tmp_path / "out"
    options = ("-r", "flip", "-k", 2, "--include-originals", "copy")
    assert augcli("generate", photos, out, *options).returncode == 0
    names = {path.stem.rpartition("_")[0] for path in (out / "train").glob("*/*.*")}
    kinds = ("flip_0", "flip_1", "orig")
    several = (f"{name} {number}" for name in ("ant", "bee", "cow") for number in range(5))
    assert names == {f"{name}_{kind}" for name in several for kind in kinds}

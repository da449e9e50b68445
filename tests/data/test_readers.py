"""Readers: a source is listed and read by one module, which nothing else knows."""

from __future__ import annotations

import ast
import base64
import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from augcli.data import source as sources
from augcli.data.source import READERS, list_paths, list_source, read_image
from augcli.enums import LabelsFrom
from augcli.errors import UnreadableImage, UserError
from augcli.store.sources import keep_sources, sources_changed
from tests.conftest import ROOT, Augcli, tree, write_photo
from tests.helpers import lst_reader
from tests.helpers.archives import write_tar


def write_lst(path: Path, images: dict[str, bytes]) -> Path:
    lines = (f"{name}\t{base64.b64encode(data).decode()}\n" for name, data in images.items())
    path.write_text("".join(lines))
    return path


def members_of(folder: Path) -> dict[str, bytes]:
    files = sorted(folder.glob("*/*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_reader_is_one_module_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = {"b/1.jpg": b"one", "a/2.jpg": b"two two"}
    source = write_lst(tmp_path / "images.lst", images)
    with pytest.raises(
        UserError, match=r"images\.lst is a list with more than paths in a line, as b/1\.jpg"
    ):
        list_source(source)
    monkeypatch.setitem(READERS, "lst", lst_reader)
    listing = pickle.loads(pickle.dumps(list_source(source)))
    assert (listing.reader, listing.are_files, listing.classes) == ("lst", False, ("a", "b"))
    assert listing.class_of.tolist() == [1, 0]
    assert listing.sizes().tolist() == [3, 7]
    assert [read_image(listing, index, 1000) for index in range(2)] == [b"one", b"two two"]
    source.unlink()
    with pytest.raises(UnreadableImage, match="the file cannot be read: No such file"):
        read_image(listing, 0, 1000)
    with pytest.raises(UserError, match=r"images\.txt is a list with more than paths in a line"):
        list_source(write_lst(tmp_path / "images.txt", images))


def test_what_a_run_began_with_is_known_of_any_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(READERS, "lst", lst_reader)
    source = write_lst(tmp_path / "images.lst", {"a/1.jpg": b"1", "a/2.jpg": b"2"})
    keep_sources(tmp_path, list_source(source))
    assert sources_changed(tmp_path, list_source(source)) == ""
    write_lst(source, {"a/1.jpg": b"1", "a/2.jpg": b"longer"})
    assert sources_changed(tmp_path, list_source(source)) == "1 file of another size (a/2.jpg)"


def test_a_new_reader_serves_every_command(augcli: Augcli, tmp_path: Path) -> None:
    """In worker processes too; its outputs are those of the same images in a folder."""
    for number in range(6):
        write_photo(tmp_path / "photos" / "ab"[number % 2] / f"{number}.jpg", number, 40, 30)
    source = write_lst(tmp_path / "images.lst", members_of(tmp_path / "photos"))
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "sitecustomize.py").write_text(
        "from augcli.data.source import READERS\n"
        "from tests.helpers import lst_reader\n"
        "READERS['lst'] = lst_reader\n"
    )
    env = {"PYTHONPATH": f"{shadow}:{ROOT}"}
    plain, out = tmp_path / "plain", tmp_path / "out"
    options = ("-r", "saliencymix", "-j", 2, "--include-originals", "copy")
    assert augcli("generate", tmp_path / "photos", plain, *options).returncode == 0
    result = augcli("generate", source, out, *options, env=env)
    assert (result.returncode, result.stderr) == (0, "")
    assert tree(out / "train") == tree(plain / "train")
    assert augcli("generate", source, out, *options, "--resume", env=env).returncode == 0
    assert augcli("verify", out, "--replay", env=env).returncode == 0
    next((out / "train").glob("*/*.jpg")).write_bytes(b"")
    assert augcli("verify", out, "--repair", env=env).returncode == 0
    assert tree(out / "train") == tree(plain / "train")
    result = augcli("generate", source, tmp_path / "l", "-r", "flip",
                  "--include-originals", "link", env=env)  # fmt: skip
    assert result.returncode == 2
    assert "--include-originals link cannot link to what lies in" in result.stderr


def test_the_same_names_have_the_same_ids_from_any_reader(tmp_path: Path) -> None:
    """Classes come in the order c, a, b; ids follow the names."""
    names = ["c/1.jpg", "a/2.jpg", "b/3.jpg", "c/4.jpg"]
    rows = "".join(f"{name},{name[0]}\n" for name in names)
    (tmp_path / "t.csv").write_text("path,label\n" + rows)
    labelled = {f"{number}.{end}": data for number, name in enumerate(names)
                for end, data in (("jpg", b"x"), ("cls", name[0].encode()))}  # fmt: skip
    listings = [
        list_paths(io.BytesIO("\n".join(names).encode()), LabelsFrom.parent),
        list_source(tmp_path / "t.csv"),
        list_source(write_tar(tmp_path / "f.tar", dict.fromkeys(names, b"x"))),
        list_source(write_tar(tmp_path / "w.tar", labelled)),
    ]
    for listing in listings:
        assert listing.classes == ("a", "b", "c")
        assert listing.class_of.tolist() == [2, 0, 1, 2]
        assert listing.class_of.dtype == np.int32


def test_a_source_of_each_kind_has_its_reader(tmp_path: Path) -> None:
    write_photo(tmp_path / "f/a/1.jpg", 1, 20, 20)
    write_photo(tmp_path / "m/1.jpg", 1, 20, 20)
    (tmp_path / "m/metadata.jsonl").write_text('{"file_name": "1.jpg", "class_name": "a"}\n')
    (tmp_path / "t.tar.csv").write_text("path,label\nf/a/1.jpg,a\n")
    (tmp_path / "f.csv").mkdir()
    write_photo(tmp_path / "f.csv/a/1.jpg", 1, 20, 20)
    write_tar(tmp_path / "t.tar", members_of(tmp_path / "f"))
    expected = {"f": "imagefolder", "m": "metadata", "t.tar.csv": "table", "t.tar": "tar",
                "f.csv": "imagefolder"}  # fmt: skip
    images = set()
    for name, reader in expected.items():
        listing = list_source(tmp_path / name)
        assert listing.reader == reader
        images.add(read_image(listing, 0, 1000))
    assert images == {(tmp_path / "m/1.jpg").read_bytes()}


@pytest.mark.parametrize("layer", ["engine", "tasks", "store", "cli", "pipeline"])
def test_nothing_above_knows_a_reader(layer: str) -> None:
    files = sorted((ROOT / "augcli" / layer).rglob("*.py"))
    assert len(files) > 2
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                assert not name.startswith(("augcli.data.readers", "tarfile", "csv")), file
            if isinstance(node, ast.Attribute) and node.attr in ("spans", "reader"):
                assert "listing" not in ast.unparse(node.value), file


def test_every_reader_module_is_in_the_table() -> None:
    modules = {p.stem for p in Path(sources.__file__).with_name("readers").glob("[a-z]*.py")}
    assert modules == {*READERS, "pathlist"}

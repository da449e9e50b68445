"""Runs whose OUT are tar archives, and what is in these."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

from augcli.engine.plan import Run
from tests.conftest import tree
from tests.helpers.runs import generate


def make(run: Run, *, workers: int = 1, resume: bool = False) -> Path:
    generate(run, source={"source": str(run.listing.root)}, workers=workers, resume=resume)
    return run.runtime.place.out


def rows_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metadata.jsonl").open()]


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        files = {one.name: tar.extractfile(one) for one in tar.getmembers()}
        return {name: file.read() for name, file in files.items() if file is not None}


def archives_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.tar"))


def published(out: Path) -> dict[str, str]:
    """The files of OUT but those that a run keeps for itself, and that with its timings."""
    return {
        name: digest
        for name, digest in tree(out).items()
        if not name.startswith(".augcli/") and name != "run.json"
    }


def check_same(plain: Path, packed: Path, split: str = "train") -> list[dict[str, Any]]:
    """The archives of a split have the images, rows and labels of an OUT of folders, in the order
    of its manifest."""
    expected, rows = rows_of(plain / split), rows_of(packed / split)
    assert [row | {"file_name": ""} for row in rows] == [r | {"file_name": ""} for r in expected]
    contents = {name: members(packed / split / name) for name in archives_in(packed / split)}
    in_order = [f"{name}/{member}" for name in contents for member in contents[name]]
    named = []
    for row, other in zip(rows, expected, strict=True):
        archive, image = row["file_name"].split("/")
        key, _, suffix = image.partition(".")
        assert (key, f".{suffix}") == (row["sample_id"], Path(other["file_name"]).suffix)
        data = contents[archive][image]
        assert data == (plain / split / other["file_name"]).read_bytes()
        assert json.loads(contents[archive][f"{key}.json"]) == row | {"file_name": image}
        named += [row["file_name"], f"{archive}/{key}.json"]
        if "label" in row:
            assert contents[archive][f"{key}.cls"] == str(row["label"]).encode()
            named.append(f"{archive}/{key}.cls")
    assert in_order == named, "and nothing else, in the order of rows"
    return rows

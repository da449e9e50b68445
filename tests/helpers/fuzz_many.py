"""Damaged inputs, case by case: each is accounted for to the last image or row, or refused with one
sentence. The suite runs some cases of each kind; this runs as many as are asked for:

python -m tests.helpers.fuzz_many --cases 100000
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import os
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from augcli.classifier.build import read_class_list
from augcli.classifier.settings import settings_of
from augcli.cli.app import app
from augcli.data.labels import label_index
from augcli.data.source import list_paths, list_source
from augcli.engine.described import read_run_to_repeat, record_of
from augcli.enums import LabelsFrom
from augcli.errors import RunFailed, UserError
from augcli.manifest.verify import verify
from augcli.pipeline.recipefile import read_recipe_file
from augcli.tasks.replay import replay
from tests.conftest import tree, write_photo
from tests.helpers.archives import write_tar
from tests.helpers.fuzz_sources import SOURCES, Kind, Rng, read_all
from tests.helpers.mutations import (
    mutated_text,
    mutated_values,
    toml_of,
    with_checksums,
    with_field,
)
from tests.helpers.runs import runtime_of

SECONDS_A_CASE = 20.0
LONGEST_SENTENCE = 1000


def is_refused(call: Callable[[], None]) -> bool:
    """Whether the call is refused with one sentence; anything else that it raises is a failure, and
    so is a call that does not end."""
    signal.signal(signal.SIGALRM, _give_up)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_A_CASE)
    try:
        call()
    except (UserError, RunFailed) as error:
        sentence = str(error)
        assert sentence.strip()
        assert sentence.isprintable(), repr(sentence)
        assert len(sentence) < LONGEST_SENTENCE, sentence
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return False


def _give_up(*_: object) -> None:
    raise TimeoutError(f"no answer in {SECONDS_A_CASE} s")


def draws(seed: int, cases: int) -> Iterator[Rng]:
    return (np.random.default_rng([seed, case]) for case in range(cases))


def write_small(folder: Path) -> Path:
    """Four images of two classes."""
    for number, name in enumerate(("a/1.png", "a/2.png", "b/3.png", "b/4.png")):
        write_photo(folder / "small" / name, number, 12, 10)
    return folder / "small"


def as_lines(rows: Any) -> bytes:
    listed = rows if isinstance(rows, list) else [rows]
    return "".join(json.dumps(row) + "\n" for row in listed).encode()


def manifests(folder: Path) -> Callable[[Rng], None]:
    small = write_small(folder)
    rows = [
        {"file_name": "a/1.png", "label": 0, "class_name": "a"},
        {"file_name": "a/2.png", "label_ids": [0, 1], "label_weights": [0.25, 0.75]},
        {"file_name": "b/3.png", "soft_label": [0.5, 0.5]},
        {"file_name": "b/4.png", "label": 1, "class_name": "b"},
    ]
    whole = as_lines(rows)
    (folder / "up.jpg").write_bytes(b"not for it")

    def case(rng: Rng) -> None:
        (small / "classes.txt").unlink(missing_ok=True)
        if rng.random() < 0.8:
            named = rng.random() < 0.2
            (small / "classes.txt").write_bytes(
                mutated_text(b"a\nb\n", rng) if named else b"a\nb\n"
            )
        by_bytes = rng.random() < 0.5
        data = mutated_text(whole, rng) if by_bytes else as_lines(mutated_values(rows, rng))
        (small / "metadata.jsonl").write_bytes(data)
        listing = list_source(small)
        assert len(listing) == len(data.removesuffix(b"\n").split(b"\n"))
        read_all(listing, small)

    return case


def tables(folder: Path) -> Callable[[Rng], None]:
    small = write_small(folder)
    whole = b'path,label\na/1.png,cat\na/2.png,"dog, big"\nb/3.png,cat\r\nb/4.png,7\n'

    def case(rng: Rng) -> None:
        data = mutated_text(whole, rng)
        (small / "t.csv").write_bytes(data)
        listing = list_source(small / "t.csv")
        text = data.decode("utf-8-sig", "surrogateescape")
        assert len(listing) == sum(map(bool, csv.reader(io.StringIO(text, newline="")))) - 1
        read_all(listing, Path("/"))

    return case


def path_lists(folder: Path) -> Callable[[Rng], None]:
    small = write_small(folder)
    names = [b"a/1.png", b"./a/2.png", b"b/3.png", b"b/4.png", b"b//4.png", b"c/d/gone.png"]

    def case(rng: Rng) -> None:
        separator = (b"\0", b"\n", b"\r\n")[int(rng.integers(3))]
        data = mutated_text(separator.join(names), rng)
        labels_from = list(LabelsFrom)[int(rng.integers(3))]
        with contextlib.chdir(small):
            listing = list_paths(io.BytesIO(data), labels_from)
        mark = b"" if b"\0" in data else b"\xef\xbb\xbf"
        lines = data.removeprefix(mark).split(b"\0" if b"\0" in data else b"\n")
        paths = [line if b"\0" in data else line.removesuffix(b"\r") for line in lines]
        assert len(listing) == len({os.path.normpath(path) for path in paths if path})
        read_all(listing, Path("/"))

    return case


def archives_of(members: dict[str, bytes]) -> Kind:
    def prepare(folder: Path) -> Callable[[Rng], None]:
        source = write_tar(folder / "whole.tar", members)
        data = source.read_bytes()
        whole = data[: len(data.rstrip(b"\0")) // 512 * 512 + 1536]

        def case(rng: Rng) -> None:
            broken = mutated_text(whole, rng)
            if rng.random() < 0.3:
                broken = with_field(broken, rng)
            if rng.random() < 0.7:  # with checksums that fit, else most end there
                broken = with_checksums(broken)
            (folder / "m.tar").write_bytes(broken)
            listing = list_source(folder / "m.tar")
            assert listing.spans is not None
            assert len(listing.spans) == len(listing)
            read_all(listing, folder)

        return case

    return prepare


RECIPE = {
    "name": "strong",
    "label_smoothing": 0.1,
    "steps": [
        {"recipe": "randaugment", "n": 2, "m": 9, "probability": 0.5},
        {"one_of": [{"recipe": "saliencymix", "weight": 2}, {"recipe": "mixup", "alpha": 0.4}],
         "probability": 0.8, "keep": {"tau": 0.5}},
        {"recipe": "cutout", "keep": True},
        {"recipe": "fmix", "alpha": 1.0},
    ],
    "classes": {"cat": {"randaugment": {"m": 5}}},
}  # fmt: skip


def recipe_files(folder: Path) -> Callable[[Rng], None]:
    file = folder / "strong.toml"

    def case(rng: Rng) -> None:
        file.write_bytes(toml_of(RECIPE, rng, "steps"))
        pipeline = read_recipe_file(file)
        assert pipeline.steps
        assert pipeline.digest() == read_recipe_file(file).digest()
        assert pipeline.name.encode()

    return case


CONFIGURATION = {
    "source": "small", "out": "out", "recipe": "cutmix", "seed": 3, "copies": 2, "size": "24x20",
    "fit": "contain", "set": {"alpha": 0.5}, "generate": {"workers": 1, "quality": 90,
    "max-errors": 3, "background": "#102030", "max-pixels": 10000, "keep": False},
}  # fmt: skip


def configurations(folder: Path) -> Callable[[Rng], None]:
    write_small(folder)

    def case(rng: Rng) -> None:
        (folder / "augcli.toml").write_bytes(toml_of(CONFIGURATION, rng, "seed"))
        before = sorted(folder.rglob("*"))
        stdout, stderr = io.StringIO(), io.StringIO()
        code: Any = 0
        with (
            contextlib.chdir(folder),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            try:
                app(["generate", "--dry-run", "--json"], prog_name="augcli")
            except SystemExit as ended:
                code = ended.code
        assert code in (0, None, 2)
        assert sorted(folder.rglob("*")) == before
        if code == 2:
            raise UserError(" ".join(stderr.getvalue()[-900:].split()))
        if not code and stdout.getvalue().startswith("{"):
            assert json.loads(stdout.getvalue())["images"] in (2, 4)

    return case


def outputs(file: str) -> Kind:
    """Records of a run, which verify, replay and repair read."""

    def prepare(folder: Path) -> Callable[[Rng], None]:
        small, out = write_small(folder), folder / "out"
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
            app(["generate", str(small), str(out), "-r", "cutmix", "-k", "2", "-j", "1", "-q"])
        whole = (out / file).read_bytes()
        rows = [json.loads(line) for line in whole.splitlines()] if file.endswith("l") else None
        before = tree(folder)

        def case(rng: Rng) -> None:
            if file == "classes.txt" or rng.random() < 0.4:
                data = mutated_text(whole, rng)
            elif rows is None:
                data = json.dumps(mutated_values(json.loads(whole), rng)).encode()
            else:
                data = as_lines(mutated_values(rows, rng))
            (out / file).write_bytes(data)
            try:
                _verify_all(out)
            finally:
                (out / file).write_bytes(whole)
            if rng.random() < 0.05:
                assert tree(folder) == before

        return case

    return prepare


def _verify_all(out: Path) -> None:
    verified = verify(out)
    for fault in [*verified.faults, *replay(runtime_of(out), 4)]:
        assert fault.what
        fault.where.encode()
    read_run_to_repeat(record_of(out), runtime_of(out))


def class_lists(folder: Path) -> Callable[[Rng], None]:
    whole = "cat\nhot dog\r\nkäse\n7\n".encode()

    def case(rng: Rng) -> None:
        (folder / "names.txt").write_bytes(mutated_text(whole, rng))
        names = read_class_list(folder / "names.txt")
        assert all(name == name.strip() != "" for name in names)
        assert sorted(label_index(names)) == sorted(set(names))

    return case


SETTINGS = {"size": [8, 8], "mean": [0.5, 0.5, 0.5], "std": "imagenet", "scale": 255,
            "order": "bgr", "head": "logits", "classes": ["a", "b"]}  # fmt: skip


def model_settings(folder: Path) -> Callable[[Rng], None]:
    def case(rng: Rng) -> None:
        for name in ("m.toml", "m.json"):
            (folder / name).unlink(missing_ok=True)
        if rng.random() < 0.5:
            (folder / "m.toml").write_bytes(toml_of(SETTINGS, rng, "size"))
        elif rng.random() < 0.5:
            (folder / "m.json").write_text(json.dumps(mutated_values(SETTINGS, rng)))
        else:
            (folder / "m.json").write_bytes(mutated_text(json.dumps(SETTINGS).encode(), rng))
        settings = settings_of(folder / "m.onnx", {})
        assert settings.size is None or all(0 < side <= 65536 for side in settings.size)

    return case


FOLDERS = {f"a/{'long' * 30}/1.png": b"1" * 600, "a/2.png": b"2" * 90, "b/3.png": b"3"}
SAMPLES = {"1.cls": b"3", "1.png": b"1" * 600, "2.json": b'{"label": 1}', "2.png": b"2"}

KINDS: dict[str, Kind] = {
    "manifests": manifests,
    "tables": tables,
    "path lists": path_lists,
    "archives of folders": archives_of(FOLDERS),
    "archives of samples": archives_of(SAMPLES),
    "recipe files": recipe_files,
    "configurations": configurations,
    "run records": outputs("run.json"),
    "manifests of outputs": outputs("train/metadata.jsonl"),
    "lists of classes in outputs": outputs("classes.txt"),
    "class lists": class_lists,
    "model settings": model_settings,
    **SOURCES,
}
# What is wrong in these is a fault that `verify` lists.
FAULTS = frozenset({"manifests of outputs", "lists of classes in outputs"})
# Cases that take some ten times as long: fewer of them.
SLOW = frozenset({"configurations", "run records", "manifests of outputs",
                  "lists of classes in outputs"})  # fmt: skip


def run_cases(kind: str, folder: Path, cases: int, first: int = 0) -> int:
    """Run cases of a kind in a folder, and return how many were refused."""
    folder.mkdir()
    case = KINDS[kind](folder)
    seed = list(KINDS).index(kind)
    count = 0
    for number in range(first, first + cases):
        rng = np.random.default_rng([seed, number])
        try:
            count += is_refused(lambda rng=rng: case(rng))  # type: ignore[misc]
        except BaseException as error:
            error.add_note(f"in case {number} of the {kind}, in {folder}")
            raise
    return count


def main() -> None:
    """Run many cases, the kinds in turn, and print what became of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", choices=list(KINDS))
    chosen = parser.parse_args()
    kinds = [chosen.only] if chosen.only else list(KINDS)
    shares = {kind: 1 if kind in SLOW else 10 for kind in kinds}
    refused: Counter[str] = Counter()
    total = 0
    for kind in kinds:
        cases = -(-chosen.cases * shares[kind] // sum(shares.values()))
        folder = Path(tempfile.mkdtemp(prefix="fuzz"))
        started = time.monotonic()
        refused[kind] = run_cases(kind, folder / "in", cases, chosen.first)
        total += cases
        seconds = time.monotonic() - started
        print(f"{kind}: {cases} cases, {refused[kind]} refused, {seconds:.0f} s", flush=True)
        shutil.rmtree(folder)
    print(f"{total} cases, {refused.total()} refused, the others accounted for")


if __name__ == "__main__":
    main()

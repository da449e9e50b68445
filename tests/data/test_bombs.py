"""Small files that unpack to large ones: refused by what they claim, before memory is taken."""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augcli.data import delimited, json_lines, parquet_bounds, parquet_pages
from augcli.data.source import list_source, read_image
from augcli.data.source_options import SourceOptions
from augcli.enums import Labels
from augcli.errors import UnreadableImage, UserError
from tests.conftest import ROOT, Augcli
from tests.data.test_numpy_arrays import write_folder
from tests.helpers.archives import write_tar
from tests.helpers.tables import picture


def refusal(source: Path, **options: Any) -> str:
    with pytest.raises(UserError) as refused:
        list_source(source, SourceOptions(**options))
    return str(refused.value).replace(str(source), "SOURCE")


def write_idx(folder: Path, images: int, labels: int) -> Path:
    """Images of one black pixel."""
    for what, head in (
        ("images-idx3", b"\0\0\x08\x03" + struct.pack(">III", images, 1, 1)),
        ("labels-idx1", b"\0\0\x08\x01" + struct.pack(">I", labels)),
    ):
        data = head + bytes(images if what == "images-idx3" else labels)
        (folder / f"train-{what}-ubyte.gz").write_bytes(gzip.compress(data, 9))
    return folder


def test_images_of_less_than_a_byte(tmp_path: Path) -> None:
    assert "train-images-idx3-ubyte.gz claims 1,000,000 images, more than it has bytes" in refusal(
        write_idx(tmp_path, 1_000_000, 1_000_000)
    )
    images, labels = np.zeros((1_000_000, 1, 1), np.uint8), np.zeros(1_000_000, np.uint8)
    np.savez_compressed(tmp_path / "a.npz", images=images, labels=labels)
    assert refusal(tmp_path / "a.npz").startswith("SOURCE, images.npy, claims 1,000,000 images, ")


def test_a_million_classes_of_weights(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "images": np.ones((1, 2, 2), np.uint8),
        "labels": np.zeros((1, 1_000_001), np.uint8),
    }
    assert "labels.npy has weights for 1,000,001 classes, and at most 1,000,000 are read" in (
        refusal(write_folder(tmp_path / "a", **arrays))
    )
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    assert "has weights for 1,000,001 classes" in refusal(tmp_path / "a.npz", labels=Labels.multi)


def encoded(count: int, text: Any) -> pa.Array:
    """A column that names one text again and again."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), pa.array([text]))


def write_parquet(file: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), file, compression="zstd", store_schema=False)
    return file


@pytest.mark.parametrize("reader", ["images", "paths"])
def test_one_long_text_for_all_rows(tmp_path: Path, reader: str) -> None:
    """65,536 rows of 1 MiB are 64 GiB."""
    first = {"image": [picture(1)] * 20} if reader == "images" else {"path": ["1.png"] * 20}
    file = write_parquet(tmp_path / "t.parquet", **first, label=encoded(20, "x" * (1 << 20)))
    assert file.stat().st_size < 20_000
    assert refusal(file) == (
        "SOURCE: the column label has values without end, or of more than 64 KiB; choose another,"
        " or write shorter ones."
    )
    write_parquet(file, **first, label=encoded(20, "x" * 200))
    if reader == "images":
        assert list_source(file).classes == ("x" * 200,)


def test_one_long_text_in_an_arrow_file(tmp_path: Path) -> None:
    rows = pa.table({"image": [picture(1)] * 20, "label": encoded(20, "x" * (1 << 20))})
    file = tmp_path / "t.arrow"
    for text, sentence in (("x" * (1 << 20), "has a label of 1,048,576 bytes, too long"), ("", "")):
        rows = pa.table({"image": [picture(1)] * 20, "label": encoded(20, text or "cat")})
        with pa.OSFile(str(file), "wb") as stream, pa.ipc.new_stream(stream, rows.schema) as writer:
            writer.write_table(rows)
        if sentence:
            assert sentence in refusal(file)
    assert (list_source(file).classes, len(list_source(file))) == (("cat",), 20)


def test_millions_of_rows_in_few_bytes(tmp_path: Path) -> None:
    file = write_parquet(
        tmp_path / "t.parquet", path=encoded(2_000_000, "a.png"), label=encoded(2_000_000, "a")
    )
    assert file.stat().st_size < 15_000
    assert refusal(file) == (
        "SOURCE claims 2,000,000 rows, more than its bytes can hold; save it anew."
    )


def test_lists_and_pages_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [picture(1)] * 4
    lists = pa.array([[0] * 1_000, [], [], []])
    file = write_parquet(tmp_path / "t.parquet", image=images, label=lists)
    assert len(list_source(file, SourceOptions(labels=Labels.multi))) == 4
    monkeypatch.setattr(parquet_bounds, "_LEAST_ROWS", 100)
    assert "the column label" in refusal(file, labels=Labels.multi)
    file = write_parquet(tmp_path / "u.parquet", image=images, label=["x" * 50_000] * 4)
    monkeypatch.setattr(parquet_bounds, "LARGEST_PAGE", 40_000)
    assert "the column label" in refusal(file)
    assert " has a page of 0 MiB, and at most 0 are read; write smaller ones" in refusal(file)


def test_values_of_a_dictionary_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number:05}" for number in range(2_000)]
    file = write_parquet(tmp_path / "t.parquet", image=[picture(1)] * 2_000, label=names)
    assert len(list_source(file).classes) == 2_000
    monkeypatch.setattr(parquet_pages, "_MOST_VALUES", 1_000)
    assert "is no whole Parquet file (a dictionary has more values than it can" in refusal(file)


@pytest.mark.parametrize("width", [1, 3, 7, 8, 13, 32])
def test_numbers_of_bits_are_those_of_one_piece(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    numbers = np.random.default_rng(width).integers(0, 2**width, 1_000)
    bits = ((numbers[:, None] >> np.arange(width)) & 1).astype(np.uint8)
    packed = np.packbits(bits.reshape(-1), bitorder="little").tobytes()
    data = bytes([(125 << 1 | 1) & 0x7F | 0x80, (125 << 1 | 1) >> 7]) + packed
    for at_once in (8, 64, 1 << 16):
        monkeypatch.setattr(parquet_pages, "_BITS_AT_ONCE", at_once)
        assert parquet_pages._hybrid(data, width, 1_000).tolist() == numbers.tolist()


def test_members_of_zip_archives(tmp_path: Path) -> None:
    """One of 80 MB in 80 KB costs itself, whatever the archive says that it has."""
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.png", picture(1, "PNG"))
        archive.writestr("b/2.png", bytes(80_000_000))
    listing = list_source(source)
    with pytest.raises(UnreadableImage, match="the file is larger than"):
        read_image(listing, 1, 1_000)  # pixels, beside 64 MiB
    data = bytearray(source.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 5_000)
    source.write_bytes(data)
    listing = list_source(source)
    with pytest.raises(UnreadableImage, match="it does not have the 5,000 bytes that the archive"):
        read_image(listing, 1, 10**6)
    assert read_image(listing, 0, 10**6) == picture(1, "PNG")


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_empty_lines_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(delimited, "MOST_EMPTY", 1_000)
    monkeypatch.setattr(json_lines, "MOST_EMPTY", 1_000)
    for name, rows in (("t.csv", b"path,label\n1.png,a\n"), ("t.jsonl", b'{"path":"1.png"}\n')):
        data = rows + b"\n" * 1_001
        file = tmp_path / f"{name}{ending}"
        file.write_bytes(gzip.compress(data) if ending else data)
        (tmp_path / "1.png").write_bytes(b"x")
        sentence = "SOURCE has more than 1,000 empty lines; remove them."
        assert refusal(file, labels=Labels.none) == sentence


def test_a_json_beside_an_image_is_read_to_its_bound(tmp_path: Path) -> None:
    members = {"1.json": b"[" * 30_000_000, "1.jpg": b"x", "2.json": b'{"label": 1}', "2.jpg": b"y"}
    source = write_tar(tmp_path / "a.tar", members)
    assert "1.jpg has no label; put a .cls, or a .json with a label" in refusal(source)


PEAK = """
import sys
from pathlib import Path
from augcli.data.source import list_source
from augcli.errors import UserError
for source in sys.argv[1:]:
    try:
        list_source(Path(source))
    except UserError as error:
        print(error)
lines = Path("/proc/self/status").read_text().splitlines()
print(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measured by /proc")
def test_memory_stays_bounded(tmp_path: Path) -> None:
    """Bombs of 30 MB to 64 GB, all in one process."""
    (tmp_path / "idx").mkdir()
    write_idx(tmp_path / "idx", 30_000_000, 30_000_000)
    image = np.ones((1, 2, 2), np.uint8)
    np.savez_compressed(
        tmp_path / "a.npz", images=image, labels=np.zeros((1, 30_000_000), np.uint8)
    )
    write_parquet(tmp_path / "a.parquet", image=[picture(1)] * 64, label=encoded(64, "x" * 10**7))
    write_parquet(tmp_path / "b.parquet", path=["1.png"] * 64, label=encoded(64, "x" * 10**7))
    write_parquet(tmp_path / "c.parquet", path=encoded(10**7, "1.png"), label=encoded(10**7, "x"))
    (tmp_path / "t.csv").write_bytes(b"path,label\n1.png," + b"x" * 40_000_000)
    (tmp_path / "t.jsonl").write_bytes(b'{"path":"1.png","label":' + b"[" * 40_000_000)
    (tmp_path / "deep.jsonl").write_bytes(b'{"path":"1.png","x":' + b"[" * 10**5 + b"]" * 10**5)
    sources = sorted(tmp_path.iterdir())
    ended = subprocess.run(
        [sys.executable, "-c", PEAK, *map(str, sources)],
        cwd=ROOT, capture_output=True, text=True, timeout=200, check=True,
    )  # fmt: skip
    *sentences, peak = ended.stdout.splitlines()
    assert len(sentences) == len(sources) == 8
    assert int(peak) < 400 * 1024, peak  # KiB; Python with pyarrow takes 90 MiB


@pytest.mark.parametrize("reader", ["images", "paths"])
def test_a_compression_that_there_is_not(augcli: Augcli, tmp_path: Path, reader: str) -> None:
    """Over which pyarrow ends the process."""
    first = {"image": [picture(1)] * 2} if reader == "images" else {"path": ["1.png", "2.png"]}
    file = write_parquet(tmp_path / "t.parquet", **first, label=["a", "b"])
    whole = file.read_bytes()
    zstd, none = b"label\x15\x0c", b"label\x15\x36"
    assert whole.count(zstd) == 1
    file.write_bytes(whole.replace(zstd, none))
    result = augcli("inspect", file)
    assert result.returncode == 2
    assert "is no whole Parquet file" in result.stderr

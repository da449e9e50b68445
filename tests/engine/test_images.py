"""The images of a shard."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from augcli.data.listing import Listing, ListingBuilder
from augcli.data.source import read_image
from augcli.engine.images import Images
from augcli.enums import Fit
from augcli.errors import RunFailed, UnreadableImage
from augcli.image.box import Box
from augcli.recipes.recipe import SaliencySpec
from augcli.saliency.detectors import detect
from tests.conftest import write_photo
from tests.helpers.runs import generate, run_over

SPEC = SaliencySpec("fine-grained")


@pytest.mark.parametrize(
    ("width", "height", "canvas_box"), [(120, 60, Box(16, 0, 48, 64)), (40, 80, Box(0, 16, 64, 48))]
)
def test_padding_is_not_salient(tmp_path: Path, width: int, height: int, canvas_box: Box) -> None:
    """The border between a photograph and its white padding would draw every detector to it."""
    for number in range(3):
        write_photo(tmp_path / "photos" / "ab"[number % 2] / f"{number}.png", number, width, height)
    run = run_over(tmp_path / "photos", tmp_path / "out", size=(64, 64), fit=Fit.contain)
    images = Images(run, range(3))
    for index in range(3):
        decoded = images.get(index)
        outside = np.ones((64, 64), bool)
        outside[canvas_box.slices] = False
        assert (decoded.image[outside] == 255).all()
        actual = images.saliency(decoded, SPEC)
        (expected,) = detect("fine-grained", [decoded.image[canvas_box.slices].copy()])
        np.testing.assert_array_equal(actual[canvas_box.slices], expected, strict=True)
        assert (actual[outside] == expected.min()).all()


def test_a_flat_image_stays_flat_between_padding(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (30, 10), (90, 20, 10)).save(tmp_path / "photos" / name / "1.png")
    run = run_over(tmp_path / "photos", tmp_path / "out", size=(20, 20), fit=Fit.contain)
    images = Images(run, range(2))
    assert not images.saliency(images.get(0), SPEC).any()


def _only(path: Path) -> Listing:
    """The listing of one file."""
    builder = ListingBuilder()
    builder.add(builder.folder(b""), os.fsencode(path.name), 0)
    return builder.finish(path.parent, ["x"])


def _reason(path: Path, max_pixels: int = 1000) -> str:
    """Why a file is not read, within 20 seconds."""
    listing = _only(path)
    reasons: list[str] = []

    def read() -> None:
        try:
            read_image(listing, 0, max_pixels)
        except UnreadableImage as error:
            reasons.append(str(error))

    thread = Thread(target=read, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "reading it takes for ever"
    return "".join(reasons)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_what_is_no_regular_file_costs_itself_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    assert _reason(tmp_path / "folder.png") == "the file cannot be read: Is a directory"
    for name in ("fifo.png", "zero.png"):
        assert _reason(tmp_path / name) == "it is not a regular file"
    assert _reason(tmp_path / "gone.png") == "the file cannot be read: No such file or directory"


def test_a_file_that_is_too_large_for_an_image_is_not_read(tmp_path: Path) -> None:
    """64 MiB, and 8 bytes for each pixel of --max-pixels."""
    for size in (1 << 40, (64 << 20) + 8001):
        with (tmp_path / "large.png").open("wb") as file:
            file.truncate(size)
        expected = "the file is larger than 64 MiB, the most for --max-pixels"
        assert _reason(tmp_path / "large.png") == expected
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate((64 << 20) + 8000)
    assert _reason(tmp_path / "large.png") == ""
    member = replace(
        _only(tmp_path / "a.tar"), spans=np.array([[512, 1 << 62]], np.uint64), reader="tar"
    )
    with pytest.raises(UnreadableImage, match="larger than 64 MiB, the most for --max-pixels"):
        read_image(member, 0, 1000)


def test_a_file_that_grows_while_it_is_read_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "growing.png"
    with path.open("wb") as file:
        file.truncate(66 << 20)
    true_size = os.fstat

    def size_before(descriptor: int) -> SimpleNamespace:
        status = true_size(descriptor)
        return SimpleNamespace(st_mode=status.st_mode, st_size=min(status.st_size, 5))

    monkeypatch.setattr(os, "fstat", size_before)
    assert _reason(path) == "the file is larger than 64 MiB, the most for --max-pixels"
    assert len(read_image(_only(path), 0, 1_000_000)) == 66 << 20


def test_too_many_open_files_are_no_fault_of_an_image(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends, and goes on where more may be opened, instead of leaving images out."""
    from augcli.data import image_file

    def refuse(place: Path) -> None:
        raise OSError(errno.EMFILE, "Too many open files", str(place))

    run = run_over(photos, tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(image_file, "open_regular", refuse)
        with pytest.raises(RunFailed, match=r"jpg: Too many open files; fix that and run the same"):
            generate(run, source={"source": str(photos)})
    outcome = generate(run, source={"source": str(photos)}, resume=True)
    assert (outcome.outputs, outcome.skipped) == (15, 0)

"""Archives are listed and read where they lie; hostile and broken ones are refused by name."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from augcli.data.labels import one_hot
from augcli.data.listing import Sample
from augcli.data.source import list_source, read_image
from augcli.errors import UnreadableImage, UserError
from tests.conftest import ROOT, Augcli, tree
from tests.helpers.archives import special, write_tar

MAX_PIXELS = 1_000_000
CASES = ROOT.parent / "shared/cases/tar"
LONG = "cat/" + "deep/" * 40 + "x" * 120 + ".png"


def contents(source: Path) -> dict[str, tuple[str, bytes]]:
    """Each listed image by its name: its class and its bytes."""
    listing = list_source(source)
    samples = [listing.sample(i) for i in range(len(listing))]
    return {
        s.relative: (
            listing.classes[s.label.dominant],
            read_image(listing, s.index, MAX_PIXELS),
        )
        for s in samples
    }


def pictures(*names: str) -> dict[str, bytes]:
    return {name: f"picture {name}".encode() for name in names}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_members_are_an_image_folder_in_archive_order(tmp_path: Path, form: int) -> None:
    names = ["dog/2.JPG", "cat/in/1.png", "./cat//3.webp", "cat/größe.jpg"]
    if form != tarfile.USTAR_FORMAT:
        names.append(LONG)
    more = pictures("cat/readme.txt", "cat/.hidden.jpg", "._dog/1.jpg", "cat/more.json")
    source = write_tar(tmp_path / "a.tar", {**pictures(*names), **more}, form)
    assert contents(source) == {
        name.replace("./cat//", "cat/"): (name.lstrip("./")[:3], f"picture {name}".encode())
        for name in names
    }
    assert list_source(source).classes == ("cat", "dog")


def test_one_folder_around_all_classes_is_passed_over(tmp_path: Path) -> None:
    names = ["photos/cat/1.jpg", "photos/dog/a/2.jpg"]
    assert list_source(write_tar(tmp_path / "a.tar", pictures(*names))).classes == ("cat", "dog")
    more = pictures(*names, "photos/3.jpg")
    assert list_source(write_tar(tmp_path / "b.tar", more)).classes == ("photos",)


def test_labels_in_an_archive_of_folders_name_no_class(tmp_path: Path) -> None:
    members = {**pictures("b/1.jpg"), "b/1.json": b'{"label": "x"}', **pictures("a/2.jpg")}
    listing = list_source(write_tar(tmp_path / "a.tar", members))
    assert listing.classes == ("a", "b")
    assert listing.class_of.tolist() == [1, 0]


def test_the_systems_tar_is_read_too(photos: Path, tmp_path: Path) -> None:
    tar = shutil.which("tar")
    if tar is None:
        pytest.skip("there is no tar program")
    for number, options in enumerate((["--format=gnu"], ["--format=pax"], ["--format=v7"])):
        source = tmp_path / f"{number}.tar"
        assert os.spawnv(os.P_WAIT, tar, ["tar", "-C", str(photos), *options, "-cf", str(source),
                                          "."]) == 0  # fmt: skip
        assert {name: data for name, (_, data) in contents(source).items()} == {
            path.relative_to(photos).as_posix(): path.read_bytes() for path in photos.glob("*/*")
        }


def test_webdataset_labels_stand_beside_the_images(tmp_path: Path) -> None:
    members = {
        "000.cls": b"10", "000.jpg": b"0", "001.jpg": b"1", "001.cls": b"9\n",
        "sub/002.jpg": b"2", "sub/002.seg.png": b"mask", "sub/002.cls": b"10",
        "003.txt": b"a caption", "003.png": b"3", "003.json": b'{"label": 2, "url": "x"}',
    }  # fmt: skip
    source = write_tar(tmp_path / "a.tar", members)
    assert list_source(source).classes == tuple(map(str, range(11)))
    assert contents(source) == {
        "000.jpg": ("10", b"0"),
        "001.jpg": ("9", b"1"),
        "sub/002.jpg": ("10", b"2"),
        "003.png": ("2", b"3"),
    }
    named = {"a.jpg": b"1", "a.json": b'{"class_name": "wolf"}', "b.cls": b"fox", "b.jpg": b"2"}
    assert list_source(write_tar(tmp_path / "b.tar", named)).classes == ("fox", "wolf")


def test_links_and_devices_cost_themselves(tmp_path: Path) -> None:
    members: dict[str, bytes | tarfile.TarInfo] = {
        **pictures("a/1.jpg"),
        "a/2.jpg": special("a/2.jpg", tarfile.SYMTYPE, "/etc/passwd"),
        "a/3.jpg": special("a/3.jpg", tarfile.LNKTYPE, "a/1.jpg"),
        "a/4.jpg": special("a/4.jpg", tarfile.CHRTYPE),
        "a/5.jpg": special("a/5.jpg", tarfile.FIFOTYPE),
        "a/6.jpg": special("a/6.jpg", b"Z"),
        "a": special("a", tarfile.DIRTYPE),
        **pictures("b/7.jpg"),
    }
    listing = list_source(write_tar(tmp_path / "a.tar", members))
    reasons = []
    for index in range(len(listing)):
        try:
            reasons.append(read_image(listing, index, MAX_PIXELS).decode())
        except UnreadableImage as error:
            reasons.append(str(error))
    link = "it is a link in the archive, and links are not followed there"
    other = "it is no plain file in the archive"
    assert reasons == ["picture a/1.jpg", link, link, other, other, other, "picture b/7.jpg"]


def test_sparse_members_are_named(tmp_path: Path) -> None:
    tar = shutil.which("tar")
    if tar is None:
        pytest.skip("there is no tar program")
    (tmp_path / "in/a").mkdir(parents=True)
    with (tmp_path / "in/a/1.jpg").open("wb") as file:
        for at in range(0, 1 << 22, 1 << 17):  # more pieces than one header has room for
            file.seek(at)
            file.write(b"x" * 4096)
    (tmp_path / "in/a/2.jpg").write_bytes(b"behind")
    for number, form in enumerate(("gnu", "pax")):
        source = tmp_path / f"{number}.tar"
        os.spawnv(os.P_WAIT, tar, ["tar", "-C", str(tmp_path / "in"), "--sparse", "--sort=name",
                                   f"--format={form}", "-cf", str(source), "a"])  # fmt: skip
        listing = list_source(source)
        assert [listing.sample(i).relative for i in range(2)] == ["a/1.jpg", "a/2.jpg"]
        with pytest.raises(UnreadableImage, match="a sparse file in the archive"):
            read_image(listing, 0, MAX_PIXELS)
        assert read_image(listing, 1, MAX_PIXELS) == b"behind"


def archive(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as written:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            written.addfile(info, io.BytesIO(data))
    return stream.getvalue()


WHOLE = archive({"a/1.jpg": b"x" * 2000, "b/2.jpg": b"y" * 700})


def with_size(field: bytes) -> bytes:
    """The archive with another size field in its second header, and a fitting checksum."""
    header = bytearray(WHOLE[2560 : 2560 + 512])
    header[124:136] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return WHOLE[:2560] + bytes(header) + WHOLE[3072:]


def beside(kind: bytes, claimed: int) -> bytes:
    """An archive that begins with a header of this type, which claims a size."""
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, claimed
    return info.tobuf(tarfile.GNU_FORMAT) + WHOLE[: 512 * 4]


def long_name(name: bytes) -> bytes:
    """An archive whose first member has a GNU long name."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, len(name)
    padded = name + b"\0" * (-len(name) % 512)
    return info.tobuf(tarfile.GNU_FORMAT) + padded + WHOLE


def pax(record: bytes, claimed: int | None = None, kind: bytes = tarfile.XHDTYPE) -> bytes:
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, len(record) if claimed is None else claimed
    return (
        info.tobuf(tarfile.USTAR_FORMAT if claimed is None else tarfile.GNU_FORMAT)
        + record.ljust(512, b"\0")
        + WHOLE
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (gzip.compress(WHOLE), r"a\.tar is compressed \(gzip\), .* by `gunzip -c"),
        (WHOLE[:2000], r"breaks off inside a/1\.jpg; copy it again"),
        (WHOLE[:4096], r"its end mark is missing"),
        (WHOLE[:2560], r"its end mark is missing"),
        (WHOLE[:2700], r"its end mark is missing"),
        (WHOLE[:600] + b"?" * 5000, r"the header at byte 2560 is broken"),
        (b"no tar at all" * 100, r"the header at byte 0 is broken"),
        (b"", r"its end mark is missing"),
        (b"\0" * 1024, r"has no image in it"),
        (archive({"a/1.txt": b"x"}), r"has no image in it"),
        (archive({"/etc/1.jpg": b"x"}), r"the member /etc/1\.jpg leaves the archive"),
        (archive({"a/../../1.jpg": b"x"}), r"the member a/\.\./\.\./1\.jpg leaves"),
        (archive({"../notes.txt": b"x"}), r"leaves the archive"),
        (WHOLE[:-10240 + 4096] + archive({"a/1.jpg": b"z"}), r"holds a/1\.jpg twice"),
        (archive({"1.jpg": b"x"}), r"images without folders and without labels"),
        (archive({"1.jpg": b"x", "2.jpg": b"y", "1.cls": b"3"}), r"2\.jpg has no label|1\.jpg has"),
        (archive({"1.cls": b"3", "1.jpg": b"x", "2.jpg": b"y"}), r"2\.jpg has no label"),
        (archive({"1.json": b"[" * 9999, "1.jpg": b"x"}), r"without folders and without labels"),
        (with_size(b"\xff" * 12), r"its size is negative|is broken"),
        (with_size(b"\x80" + b"\xff" * 11), r"breaks off inside b/2\.jpg"),
        (pax(b"junk"), r"is broken"),
        (pax(b"999999999999999 path=a\n"), r"is broken"),
        (pax(b"11 size=-9\n"), r"its size is negative"),
        (pax(b"20 path=a/1\0/../.jpg\n"[:20]), r"is broken|leaves the archive"),
        (pax(b"x", 1 << 32), r"an extended header of 4294967296 bytes"),
        *((beside(kind, size), rf"byte 0 is broken \(an extended header of {size} bytes\)")
          for kind in (b"g", b"K", b"L", b"x", b"X") for size in (2**31, 2**63, 2**70, 2**87)),
        *((beside(kind, 1 << 20), r"the header at byte 0 is broken \(it breaks off\)")
          for kind in (b"g", b"K", b"L", b"x")),
        *((beside(kind, 2**63), r"breaks off inside x") for kind in (b"0", b"7", b"S", b"V")),
        (beside(b"g", -(2**63)), r"its size is negative"),
        (pax(b"20 path=b/1.jpg\nxx\n"[:20], kind=b"g"), r"is broken"),
        (pax(b"16 path=b/1.jpg\n", kind=b"g"), r"a global header sets path of all members"),
        (pax(b"9 size=3\n", kind=b"g"), r"a global header sets size of all members"),
        (pax(b"14 size=1_000\n"), r"a number in a record is none"),
        (pax(b"+11 size=10\n"), r"is broken"),
        (pax(b"512 size=%s\n" % (b"9" * 502)), r"a number in a record is none"),
        (pax(b"28 size=9999999999999999999\n"), r"breaks off inside a/1\.jpg"),
        (long_name(b"a/" + b"x" * 65_600 + b".jpg"),
         r"the name of the member a/x{198}\.\.\. is longer than 64 KiB"),
        (archive({"1.json": b'{"label": "\\ud800"}', "1.jpg": b"x"}), r"no .json has a label that"),
        (archive({"1.json": b'{"label": %s}' % (b"9" * 9999), "1.jpg": b"x"}), r"without labels"),
        (archive({"1.json": b'{"label": ' + b"[" * 99999, "1.jpg": b"x"}), r"without labels"),
        (archive({"1.json": b'{"label": Infinity}', "1.jpg": b"x"}), r"no .json has a label that"),
        (archive({"1.cls": b"3", "1.jpg": b"x", "2.cls": b"4" * 256, "2.jpg": b"y"}),
         r"2\.jpg has no label; .* right beside it \(at most 255 bytes\)"),
    ],
)  # fmt: skip
def test_refusals_name_the_archive_and_the_remedy(
    tmp_path: Path, data: bytes, message: str
) -> None:
    source = tmp_path / "a.tar"
    source.write_bytes(data)
    with pytest.raises(UserError, match=message) as refused:
        list_source(source)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 1000
    assert "a.tar" in str(refused.value)


@pytest.mark.parametrize("name", ["x_g63.tar", "x_K70.tar"])
def test_headers_with_sizes_beyond_all_files(name: str) -> None:
    source = CASES / name
    if not source.is_file():
        pytest.skip("the archive is not there")
    with pytest.raises(UserError, match=rf"{name} is no whole tar archive: the header at byte 0"):
        list_source(source)


def test_thousands_of_global_headers_and_labels_that_are_odd_numbers(tmp_path: Path) -> None:
    source = tmp_path / "a.tar"
    source.write_bytes(pax(b"13 comment=x\n", kind=b"g")[:1024] * 5000 + WHOLE)
    assert [listed.relative for listed in samples(source)] == ["a/1.jpg", "b/2.jpg"]
    texts = [b"-1", b"Infinity", b"1e999", b"9" * 255]
    files = {f"{n}.{end}": text if end == "cls" else b"x"
             for n, text in enumerate(texts) for end in ("cls", "jpg")}  # fmt: skip
    source.write_bytes(archive(files))
    listing = list_source(source)
    assert [listing.classes[c] for c in listing.class_of] == [text.decode() for text in texts]


def samples(source: Path) -> list[Sample]:
    listing = list_source(source)
    return [listing.sample(index) for index in range(len(listing))]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFO on this system")
def test_an_archive_that_is_or_becomes_a_pipe_or_a_device(tmp_path: Path) -> None:
    source = write_tar(tmp_path / "a.tar", pictures("a/1.jpg"))
    listing = list_source(source)
    ways: list[Callable[[], None]] = [
        lambda: os.mkfifo(source),
        lambda: source.symlink_to("/dev/zero"),
    ]
    for make in ways:
        source.unlink()
        make()
        with pytest.raises(UserError, match=r"a\.tar is not a regular file"):
            list_source(source)
    source.unlink()
    os.mkfifo(source)
    with pytest.raises(UnreadableImage, match="cannot be read: Illegal seek"):
        read_image(listing, 0, MAX_PIXELS)


def test_an_archive_is_generated_from_as_its_folder_is(
    augcli: Augcli, photos: Path, tmp_path: Path
) -> None:
    """In the same order the bytes are the same, and verify, replay, repair and resume know it."""
    files = sorted(photos.glob("*/*"))
    members = {p.relative_to(photos).as_posix(): p.read_bytes() for p in files}
    source = write_tar(tmp_path / "photos.tar", members)
    before = source.stat()
    out, plain = tmp_path / "out", tmp_path / "plain"
    options = ("-r", "saliencymix", "--include-originals", "copy")
    assert augcli("generate", photos, plain, *options).returncode == 0
    result = augcli("generate", source, out, *options)
    assert (result.returncode, result.stderr) == (0, "")
    assert tree(out / "train") == tree(plain / "train")
    assert augcli("generate", source, out, *options, "--resume").returncode == 0
    assert augcli("verify", out, "--replay").returncode == 0
    broken = next((out / "train").glob("*/*.jpg"))
    broken.write_bytes(b"")
    assert augcli("verify", out, "--repair").returncode == 0
    assert tree(out / "train") == tree(plain / "train")
    sheet = tmp_path / "sheet.png"
    assert augcli("preview", source, "-r", "cutmix", "--to", sheet).returncode == 0
    with Image.open(sheet) as image:
        assert image.width > 100
    result = augcli("saliency", source, tmp_path / "maps", "--json")
    assert json.loads(result.stdout)["maps"] == 15
    assert (source.stat().st_mtime_ns, source.stat().st_size) == (
        before.st_mtime_ns,
        before.st_size,
    )
    result = augcli(
        "generate", source, tmp_path / "l", "-r", "cutmix", "--include-originals", "link"
    )
    assert result.returncode == 2
    assert "cannot link to what lies in the archive" in result.stderr
    write_tar(source, members | {"ant/ant 0.jpg": members["ant/ant 1.jpg"]})
    result = augcli("generate", source, out, *options, "--resume")
    assert result.returncode == 2
    assert (
        "was begun with other files in SOURCE: 1 file of another size (ant/ant 0.jpg)"
        in result.stderr
    )


def test_an_archive_that_is_cut_while_the_run_goes_on(tmp_path: Path) -> None:
    source = write_tar(tmp_path / "a.tar", pictures("a/1.jpg", "a/2.jpg"))
    listing = list_source(source)
    os.truncate(source, 1536 + 4)
    assert read_image(listing, 0, MAX_PIXELS) == b"picture a/1.jpg"
    with pytest.raises(UnreadableImage, match="the archive ends inside it"):
        read_image(listing, 1, MAX_PIXELS)
    source.unlink()
    with pytest.raises(UnreadableImage, match="cannot be read: No such file"):
        read_image(listing, 1, MAX_PIXELS)
    assert listing.label(0) == one_hot(0)


def test_listing_takes_few_bytes_a_member(tmp_path: Path) -> None:
    listing = list_source(write_tar(tmp_path / "a.tar", pictures(*(f"a/{i:05}.jpg" for i in
                                                                     range(2000)))))  # fmt: skip
    assert listing.spans is not None
    held = len(listing.names) + listing.ends.nbytes + listing.folder_of.nbytes
    held += listing.class_of.nbytes + listing.spans.nbytes
    assert held / len(listing) == 9 + 8 + 4 + 4 + 16

"""The images that are measured: a folder repeated under new names, and small ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2

from augcli.data.tar_blocks import END, member

_SUFFIXES = (".jpg", ".jpeg", ".png")
_SMALL = (32, 32)


def image_files(folder: Path) -> list[tuple[str, Path]]:
    """(class, path) of the JPEG and PNG files of an image folder; raises ValueError for none."""
    actual = [
        (path.relative_to(folder).parts[0], path)
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in _SUFFIXES and path.parent != folder
    ]
    if not actual:
        raise ValueError(f"{folder} has no class folders with JPEG or PNG files")
    return actual


def repeat(images: Path, count: int, out: Path) -> Path:
    """Copy `count` images to OUT/<class>/, beginning again (by hard links) when all are used up.

    Successive names are images that are spread over all classes.
    """
    actual = image_files(images)
    step = _coprime(len(actual))
    first: dict[Path, Path] = {}
    for number in range(count):
        name, path = actual[number * step % len(actual)]
        copy = out / name / f"{number:06d}{path.suffix.lower()}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path in first:
            os.link(first[path], copy)
        else:
            shutil.copyfile(path, copy)
            first[path] = copy
    return out


def shrink(images: Path, out: Path) -> Path:
    """A 32 x 32 JPEG of each image, where no folder of small images was given."""
    for number, (name, path) in enumerate(image_files(images)):
        small = cv2.resize(cv2.imread(str(path)), _SMALL, interpolation=cv2.INTER_AREA)
        (out / name).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(out / name / f"{number:06d}.jpg"), small)
    return out


def pack(images: Path, out: Path, most: int = 10_000) -> Path:
    """The images of an image folder as samples in archives, with a .cls each, `most` in each."""
    out.mkdir(parents=True)
    files = image_files(images)
    numbers = {name: number for number, name in enumerate(sorted({name for name, _ in files}))}
    for start in range(0, len(files), most):
        with (out / f"{start // most:06d}.tar").open("wb") as archive:
            for name, path in files[start : start + most]:
                archive.write(member(path.name.encode(), path.read_bytes()))
                archive.write(member(f"{path.stem}.cls".encode(), b"%d" % numbers[name]))
            archive.write(END)
    return out


def _coprime(n: int) -> int:
    """A stride near the golden section of n that visits every number below n."""
    from math import gcd

    stride = max(1, round(n * 0.618))
    while gcd(stride, n) != 1:
        stride += 1
    return stride

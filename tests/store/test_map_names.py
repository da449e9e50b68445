"""Every map has a place of its own, decided by the listing alone."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from augcli.data.labels import class_folder
from augcli.data.listing import Listing, ListingBuilder, sample_id
from augcli.store.map_names import map_name, map_names
from augcli.store.map_store import RESERVED

ENDINGS = (".png", ".npy", ".overlay.jpg")


def listing_of(*paths: str) -> Listing:
    builder = ListingBuilder()
    classes = sorted({path.split("/")[0] for path in paths})
    for path in paths:
        folder, _, name = path.encode().rpartition(b"/")
        builder.add(builder.folder(folder), name, classes.index(path.split("/")[0]))
    return builder.finish("/source", classes)


def names_of(listing: Listing) -> list[str]:
    moved = map_names(listing, RESERVED)
    return [map_name(listing, moved, index) for index in range(len(listing))]


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def moved(path: str, place: str = "") -> str:
    return f"{place or class_folder(path.split('/')[0])}/{sample_id(path.encode())}%"


NFD = unicodedata.normalize("NFD", "cat/é.jpg")
CASES: dict[str, tuple[list[str], dict[int, str]]] = {
    "ordinary": (["cat/x.jpg", "cat/x.png", "cat/x", "dog/a/b/x.jpg", "dog/x.jpg.png"], {}),
    "a folder where a map stands": (
        ["cat/x.jpg", "cat/x.jpg.png/y.jpg"], {0: moved("cat/x.jpg")},
    ),
    "a folder where an array stands": (
        ["cat/x.jpg.npy/y.jpg", "cat/x.jpg"], {1: moved("cat/x.jpg")},
    ),
    "a folder where an overlay stands": (
        ["cat/x.jpg.overlay.jpg/a/y.jpg", "cat/x.jpg"], {1: moved("cat/x.jpg")},
    ),
    "an image named as an overlay": (["cat/x.jpg", "cat/x.jpg.overlay.jpg"], {}),
    "case": (
        ["cat/A.jpg", "cat/a.jpg", "cat/a.JPG", "Cat/b.jpg"],
        {1: moved("cat/a.jpg"), 2: moved("cat/a.JPG")},
    ),
    "case of folders": (["Cat/a.jpg", "cat/a.jpg"], {1: moved("cat/a.jpg")}),
    "case of a folder where a map stands": (
        ["cat/x.jpg", "cat/X.JPG.PNG/y.jpg"], {0: moved("cat/x.jpg")},
    ),
    "accents": (["cat/é.jpg", NFD], {1: moved(NFD)}),
    "the index as a class": (
        ["maps.jsonl/x.jpg", "Errors.jsonl/a?.jpg", "a/maps.jsonl/x.jpg", "maps.jsonl"],
        {0: f"{class_folder('maps.jsonl')}/{sample_id(b'maps.jsonl/x.jpg')}",
         1: f"{class_folder('Errors.jsonl')}/{sample_id(b'Errors.jsonl/a?.jpg')}"},
    ),
    "a name that is no path": (["what?/who: me.png"], {}),
    "a name that is that of another's id": (
        [f"cat/{sample_id(b'cat/a:b')}", "cat/a:b"], {1: moved("cat/a:b")},
    ),
    "a class where a loose image's map stands": (
        ["x", "x.png/a.jpg"], {0: moved("x")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_maps_stand_apart(case: str) -> None:
    paths, expected = CASES[case]
    listing = listing_of(*paths)
    names = names_of(listing)
    for index, path in enumerate(paths):
        plain = path
        if any(class_folder(part) != part for part in path.split("/")):
            plain = f"{class_folder(path.split('/')[0])}/{sample_id(path.encode())}"
        assert names[index] == expected.get(index, plain)
    files = [folded(name + end) for name in names for end in ENDINGS]
    assert len(set(files)) == len(files)
    folders = {folded(str(parent)) for name in names for parent in Path(name).parents}
    assert not folders & {*files, *RESERVED}


def test_names_of_many_that_meet() -> None:
    """Hashes are compared first; of those that share one, only equal names meet."""
    paths = [f"cat/{n % 50:02}{'aA'[n // 50 % 2]}{'bB'[n // 100]}.jpg" for n in range(200)]
    names = names_of(listing_of(*paths))
    assert names[:50] == paths[:50]
    assert names[50:] == [moved(path) for path in paths[50:]]

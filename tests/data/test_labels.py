"""Soft labels mix linearly; names survive any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augcli.data.labels import (
    SoftLabel,
    class_folder,
    classes_alike,
    dense,
    from_printable,
    label_index,
    mix,
    one_hot,
    printable,
    smooth,
)


def test_mix_adds_shares_of_equal_classes_and_drops_zeros() -> None:
    a, b = SoftLabel((0, 2), (0.25, 0.75)), one_hot(2)
    assert mix([a, b], [0.5, 0.5]) == SoftLabel((0, 2), (0.125, 0.875))
    assert mix([one_hot(1), one_hot(3)], [1.0, 0.0]) == one_hot(1)


def test_dominant_is_the_target_on_a_tie() -> None:
    assert mix([one_hot(4), one_hot(1)], [0.5, 0.5]).dominant == 4
    assert mix([one_hot(4), one_hot(1)], [0.4, 0.6]).dominant == 1


def test_smoothing_and_dense() -> None:
    label = smooth(one_hot(1), 0.1, 4)
    assert dense(label, 4) == pytest.approx([0.025, 0.925, 0.025, 0.025], abs=1e-15)
    assert smooth(one_hot(1), 0.0, 4) == one_hot(1)


@given(st.binary(min_size=1, max_size=40))
def test_printable_is_reversible_and_printable(name: bytes) -> None:
    text = printable(name)
    text.encode("utf-8")
    assert not any(ord(character) < 0x20 for character in text)
    assert from_printable(text) == name


@given(st.text("\n%/é猫a", min_size=60, max_size=255))
def test_class_folders_of_long_names_fit_a_file_system(name: str) -> None:
    folder = class_folder(name)
    assert len(folder.encode()) <= 255
    assert (folder == class_folder(name + "x")) is False


@pytest.mark.parametrize("text", ["\\x 5", "\\x+5", "\\x5", "\\x", "\\x\u0663\u0664", "\\xg0"])
def test_what_is_no_escape_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_printable(f"a{text}")


def test_labels_that_are_equal_as_numbers_are_classes_in_an_order_of_their_own() -> None:
    """Of a set, whose order is another in each process."""
    names = ["1", "01", "001", "0", "00", "10", "9", "0000000001"]
    expected = ("0", "00", "0000000001", "001", "01", "1", "9", "10")
    assert label_index(names) == label_index(reversed(names)) == expected
    assert label_index(["10", "9", "٣"]) == ("10", "9", "٣")


def test_classes_that_a_file_system_may_hold_for_one() -> None:
    names = ["Cat", "cat", "dog", "e\u0301a", "\u00e9a", "\u00c9A", "stra\u00dfe", "STRASSE"]
    assert classes_alike(names) == [
        ("Cat", "cat"),
        ("e\u0301a", "\u00e9a", "\u00c9A"),
        ("stra\u00dfe", "STRASSE"),
    ]
    assert classes_alike(["a", "b"]) == []


def test_printable_keeps_ordinary_names() -> None:
    assert printable("Käse 100%.jpg".encode()) == "Käse 100%.jpg"
    assert printable(b"a\nb\\\xff") == "a\\x0ab\\x5c\\xff"


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_class_folders_are_safe_and_distinct(first: str, second: str) -> None:
    first, second = (t.encode("utf-8", "replace").decode() for t in (first, second))
    folder = class_folder(first)
    assert folder not in ("", ".", "..")
    assert not set(folder) & set("/\\\0\n")
    assert not folder.startswith(".")
    assert (folder == class_folder(second)) == (first == second)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("metadata.jsonl", "%6Detadata.jsonl"), ("METADATA.jsonl", "%4DETADATA.jsonl"),
        ("metadata.csv", "%6Detadata.csv"), ("Metadata.Parquet", "%4Detadata.Parquet"),
        ("classes.txt", "%63lasses.txt"), ("maps.jsonl", "%6Daps.jsonl"),
        ("errors.jsonl", "%65rrors.jsonl"), ("CON", "%43ON"), ("nul.txt", "%6Eul.txt"),
        ("aux .x", "%61ux .x"), ("com1", "%63om1"), ("LPT9.jpg", "%4CPT9.jpg"),
        ("COM\u00b9", "%43OM\u00b9"), ("etc.", "etc%2E"), ("cat ", "cat%20"), (".", "%2E"),
        ("..", "%2E%2E"), (" ", "%20"), ("nul ", "%6Eul%20"), (".hidden", "%2Ehidden"),
        # What is none of these stays as it is.
        ("metadata", "metadata"), ("console", "console"), ("com", "com"), ("com10", "com10"),
        ("a.con", "a.con"), ("a b", "a b"), ("train", "train"), ("\u732b", "\u732b"),
    ],
)  # fmt: skip
def test_class_folders_are_never_names_of_ours_or_of_windows(name: str, folder: str) -> None:
    assert class_folder(name) == folder

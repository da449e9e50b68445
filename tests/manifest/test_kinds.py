"""Faults are summed up by their kind."""

from __future__ import annotations

from augcli.manifest.faults import Faults
from augcli.manifest.kinds import MOST_KINDS, Kinds


def lines(*faults: tuple[str, str]) -> list[str]:
    kinds = Kinds()
    for fault in faults:
        kinds.add(*fault)
    return list(kinds.lines())


def test_one_fault_stands_as_it_is_and_several_together() -> None:
    size = "the image has {} x 9 pixels, the row says 9 x 9"
    assert lines(("a/1.jpg", size.format(8))) == [f"a/1.jpg: {size.format(8)}"]
    missing = [(f"a/{n}.jpg", "the file is missing") for n in range(4)]
    assert lines(
        *missing[:3], ("a/1.jpg", size.format(8)), missing[3], ("b.jpg", size.format(7))
    ) == [
        "the file is missing (4): a/0.jpg, a/1.jpg, a/2.jpg, ...",
        "the image has another size than its row says (2): a/1.jpg, b.jpg",
    ]
    own = "the file's sha256 is not the row's"
    assert lines(("a", own), ("b", own)) == [f"{own} (2): a, b"]


def test_other_numbers_are_of_one_kind() -> None:
    several = {
        "it has {} label ids and 3 weights": "label ids and weights differ in number",
        "it has {} source id and 3 source paths": "source ids and paths differ in number",
    }
    for sentence, kind in several.items():
        actual = lines(*((name, sentence.format(number)) for name, number in (("a", 1), ("b", 2))))
        assert actual == [f"{kind} (2): a, b"]


def test_lines_of_the_manifest_are_told_apart() -> None:
    actual = lines(*(("metadata.jsonl", f"line {n}, lam: no number") for n in (3, 5)))
    assert actual == ["a line is no row (2): metadata.jsonl line 3, metadata.jsonl line 5"]


def test_faults_that_are_only_counted() -> None:
    faults = Faults()
    faults.add_unseen("no row names this file", 0)
    faults.add("x", "no row names this file")
    faults.add_unseen("no row names this file", 4)
    assert (faults.count, list(faults.kinds.lines())) == (5, ["no row names this file (5): x, ..."])
    assert not faults.kinds.are_all_shown


def test_kinds_are_bounded() -> None:
    actual = lines(*((f"{n}", f"fault {'i' * n}") for n in range(MOST_KINDS + 9)))
    assert len(actual) == MOST_KINDS + 1
    assert actual[-1] == "other faults (9): 50, 51, 52, ..."

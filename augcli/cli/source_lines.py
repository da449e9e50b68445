"""What a source holds, in lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from augcli.enums import Labels, OtherSplits
from augcli.tasks.amounts import bytes_text
from augcli.text import count_text, first_reasons, shorten

if TYPE_CHECKING:
    from augcli.tasks.inspect import GroupFacts, Inspection

_MOST_CLASSES = 20
_MOST_SIZES = 4
_LONGEST_NAME = 28


def source_lines(
    source: str, facts: Inspection, other_splits: OtherSplits = OtherSplits.link
) -> Iterator[str]:
    """The lines in which `augcli inspect` shows a source, of which `other_splits` go into OUT."""
    images = sum(one.images for one in facts.splits)
    of_classes = f" of {count_text(len(facts.classes), 'class')}"
    if facts.labels is Labels.none:
        of_classes = " without labels"
    size = f", {bytes_text(facts.bytes)}" if facts.bytes else ""  # Parquet does not say it
    yield f"{source}: {facts.kind}; {count_text(images, 'image')}{of_classes}{size}."
    if len(facts.splits) > 1 or facts.splits[0].name:
        yield from _split_lines(facts, other_splits)
    if facts.groups is not None:
        yield _group_line(facts.groups)
    yield ""
    if facts.labels is not Labels.none:
        yield from _class_table(facts)
        yield ""
    if facts.labels is Labels.multi:
        without = sum(one.without or 0 for one in facts.splits)
        several = sum(one.several or 0 for one in facts.splits)
        yield (
            f"Multi-label: {count_text(several, 'image')} with several classes,"
            f" {count_text(without, 'image')} with none."
        )
    yield from _header_lines(facts, images)


def _split_lines(facts: Inspection, other_splits: OtherSplits) -> Iterator[str]:
    """What becomes of the images of each split."""
    from augcli.data.split_names import is_training

    first, *others = facts.splits
    yield f"Split {shorten(first.name)}: {count_text(first.images, 'image')}, to be augmented."
    for other in others:
        becomes = "to be put into OUT unchanged"
        if is_training(other.name):
            becomes = "left out, as a training split beside the other"
        elif other_splits is OtherSplits.none:
            becomes = "left out (--other-splits none)"
        yield f"Split {shorten(other.name)}: {count_text(other.images, 'image')}, {becomes}."


def _group_line(groups: GroupFacts) -> str:
    sizes = groups.sizes
    if len(sizes) == 1:
        return "By --group-by all images belong to one group, so that none of them can be mixed."
    amounts = count_text(sizes[0], "image")
    if sizes[-1] != sizes[0]:
        amounts = f"{sizes[-1]} to {amounts} (median {sizes[len(sizes) // 2]})"
    return (
        f"By --group-by there are {len(sizes)} groups of {amounts}; {shorten(groups.example)} is in"
        f" {'the largest' if sizes[-1] != sizes[0] else 'the first'}."
    )


def _class_table(facts: Inspection) -> Iterator[str]:
    """The classes by id, with their numbers of images in each split; of many, the largest and the
    smallest."""
    ids = list(range(len(facts.classes)))
    counts = facts.splits[0].counts
    if len(ids) > _MOST_CLASSES:
        by_size = sorted(ids, key=lambda number: (-counts[number], number))
        half = _MOST_CLASSES // 2
        ids = by_size[:half] + by_size[-half:]
    names = {number: shorten(facts.classes[number], _LONGEST_NAME) for number in ids}
    width = max(map(len, [*names.values(), "class"]), default=0)
    heads = [one.name or "images" for one in facts.splits]
    widths = [max(len(head), 7) for head in heads]
    yield f"{'id':>6}  {'class':<{width}}" + "".join(
        f"  {head:>{w}}" for head, w in zip(heads, widths, strict=True)
    )
    for place, number in enumerate(ids):
        if len(facts.classes) > _MOST_CLASSES and place == _MOST_CLASSES // 2:
            yield f"{'...':>6}  {count_text(len(facts.classes) - len(ids), 'more class')}"
        yield f"{number:>6}  {names[number]:<{width}}" + "".join(
            f"  {one.counts[number]:>{w}}" for one, w in zip(facts.splits, widths, strict=True)
        )


def _header_lines(facts: Inspection, images: int) -> Iterator[str]:
    headers = facts.headers
    of = "all images" if headers.read == images else f"{headers.read} of {images} images"
    of = "the only image" if images == 1 else of
    sizes = Counter(headers.sizes)
    if sizes:
        widths = [width for width, _ in sizes]
        heights = [height for _, height in sizes]
        if len(sizes) <= _MOST_SIZES:
            text = ", ".join(f"{w}x{h} ({count})" for (w, h), count in sizes.most_common())
        else:
            text = (
                f"{len(sizes)} sizes from {min(widths)} to {max(widths)} pixels wide and"
                f" {min(heights)} to {max(heights)} high"
            )
        kinds = f"{_counts(headers.formats)}; {_counts(headers.modes)}"
        yield f"By the headers of {of}: {text}; {kinds}."
    if headers.unreadable:
        those = f"{images}" if headers.read == images else f"the {headers.read} that were looked at"
        what = f"{count_text(len(headers.unreadable), 'image')} of {those}"
        what = "The only image" if images == 1 else what
        yield f"{what} cannot be read: {first_reasons(headers.unreadable)}."
    if headers.read < images:
        yield "With --deep all images are opened, and compared."
    same = facts.duplicates
    if same is not None:
        yield from _duplicate_lines(same)


def _duplicate_lines(same: Any) -> Iterator[str]:
    if not same.groups:
        yield "No two images have the same content."
        return
    first = "; ".join(" = ".join(map(shorten, group)) for group in same.first)
    what = "1 image repeats" if same.images == 1 else f"{same.images} images repeat"
    yield f"{what} another one's content, in {count_text(same.groups, 'group')}: {first}."
    if same.across_splits:
        yield (
            f"{count_text(same.across_splits, 'group')} of them in several splits: what is measured"
            " on one was seen in the other."
        )
    if same.across_classes:
        yield f"{count_text(same.across_classes, 'group')} of them with several classes."


def _counts(numbers: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in numbers.most_common())

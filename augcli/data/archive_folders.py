"""Images in an archive whose folders are the classes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from augcli.data.empty_classes import refuse_empty_classes
from augcli.data.label_kinds import OR_UNLABELLED
from augcli.data.labels import class_index, printable
from augcli.data.left_out import LeftOut
from augcli.data.levels import level_warning
from augcli.data.listing import Listing
from augcli.data.shards import divided
from augcli.data.source_options import SourceOptions
from augcli.data.split_names import SPLITS, rank
from augcli.data.splits import (
    check_classes,
    choose_split,
    splits_among_classes,
    strange_classes,
)
from augcli.enums import Labels
from augcli.errors import UserError


def with_class_folders(
    listing: Listing,
    inner: Sequence[bytes],
    others: Collection[bytes],
    options: SourceOptions,
    source: Path,
    left_out: LeftOut,
) -> Listing:
    """The listing with the first folder of each image as its class; where all images lie in folders
    of one folder, that one is passed over, and where all then lie in folders of splits, each of
    these has its classes, and all but the chosen one are in `others`.

    `inner` are the folders of the listing as they are inside of the archive; `others` are folders
    without images, or with other files. Raises UserError where one of the classes has no image, and
    the options do not allow it. Without labels, folders say nothing.
    """
    warnings = left_out.warnings()
    if options.labels is Labels.none:
        listing = replace(listing, warnings=(*listing.warnings, *warnings))
        return by_inner_splits(listing, inner, options, source) or listing
    if b"" in inner:
        raise UserError(
            f"SOURCE {source} holds images outside of its folders; put each into the folder of its"
            f" class, or {OR_UNLABELLED}."
        )
    splits = inner_splits(inner)
    has_splits = bool(splits) and all(len(path) > 1 for path in _below_shared(inner))
    place = _shared(inner) + has_splits
    chosen = choose_split(sorted({*splits}, key=rank), options.split, source) if has_splits else ""
    paths = [folder.split(b"/") for folder in inner]
    names = [printable(path[place]) for path in paths]
    of_chosen = [number for number, _ in enumerate(paths)
                 if not has_splits or splits[number] == chosen]  # fmt: skip
    below_top = [b"/".join(paths[number][place:]) for number in of_chosen]
    counts = np.bincount(listing.folder_of, minlength=len(inner))[of_chosen].tolist()
    remedy = "give an archive of {name} alone"
    own = sorted({names[number] for number in of_chosen})
    doubt = "" if has_splits else check_classes(str(source), below_top, remedy)
    doubt = doubt or splits_among_classes(own, options)
    doubt = doubt or level_warning(below_top, counts, remedy, "")
    above = paths[of_chosen[0]][:place]
    empty: dict[str, bytes] = {}
    for folder in filter(None, others):
        path = folder.split(b"/")
        if len(path) > place and path[:place] == above and printable(path[place]) not in own:
            empty[printable(path[place])] = b""
    refuse_empty_classes(dict(sorted(empty.items())), options, source)
    classes = class_index([*names, *empty])
    ids = {name: class_id for class_id, name in enumerate(classes)}
    of_folder = np.array([ids[name] for name in names], np.int32)
    strange = strange_classes([name for name in classes if name not in {*own, *empty}], chosen)
    listing = replace(
        listing,
        classes=classes,
        class_of=of_folder[listing.folder_of],
        warnings=(*filter(None, (doubt, strange)), *warnings),
    )
    return divided(listing, np.array(splits)[listing.folder_of], chosen) if has_splits else listing


def by_inner_splits(
    listing: Listing, inner: Sequence[bytes], options: SourceOptions, source: Path
) -> Listing | None:
    """The listing by the splits in which all of its images lie inside an archive; None where they
    do not."""
    splits = inner_splits(inner)
    if not splits:
        return None
    chosen = choose_split(sorted({*splits}, key=rank), options.split, source)
    return divided(listing, np.array(splits)[listing.folder_of], chosen)


def inner_splits(inner: Sequence[bytes]) -> list[str]:
    """The split of each of the folders of images in an archive, which are `inner`; none where not
    all of them lie in folders of splits, or in folders of these."""
    tops = [printable(path[0]) for path in _below_shared(inner)]
    return tops if all(rank(top) < len(SPLITS) for top in tops) else []


def _below_shared(inner: Sequence[bytes]) -> list[list[bytes]]:
    shared = _shared(inner)
    return [folder.split(b"/")[shared:] for folder in inner]


def _shared(inner: Sequence[bytes]) -> int:
    """How many folders are passed over: one, where all images lie in folders of it."""
    paths = [folder.split(b"/") for folder in inner]
    return int(all(len(path) > 1 and path[0] == paths[0][0] for path in paths))

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
from augcli.data.source_options import SourceOptions
from augcli.data.splits import check_classes, splits_among_classes
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
    of one folder, that one is passed over.

    `inner` are the folders of the listing as they are inside of the archive; `others` are folders
    without images, or with other files. Raises UserError where one of the classes has no image, and
    the options do not allow it. Without labels, folders say nothing.
    """
    if options.labels is Labels.none:
        return replace(listing, warnings=(*listing.warnings, *left_out.warnings()))
    if b"" in inner:
        raise UserError(
            f"SOURCE {source} holds images outside of its folders; put each into the folder of its"
            f" class, or {OR_UNLABELLED}."
        )
    paths = [folder.split(b"/") for folder in inner]
    below = all(len(path) > 1 and path[0] == paths[0][0] for path in paths)
    place = 1 if below else 0
    names = [printable(path[place]) for path in paths]
    below_top = [b"/".join(path[place:]) for path in paths]
    remedy, counts = "give an archive of {name} alone", np.bincount(listing.folder_of).tolist()
    doubt = check_classes(str(source), below_top, remedy)
    doubt = doubt or splits_among_classes(sorted(set(names)), options)
    doubt = doubt or level_warning(below_top, counts, remedy, "")
    empty: dict[str, bytes] = {}
    known = set(names)
    for folder in filter(None, others):
        path = folder.split(b"/")
        if len(path) > place and (not below or path[0] == paths[0][0]):
            name = printable(path[place])
            if name not in known:
                empty[name] = b""
    refuse_empty_classes(dict(sorted(empty.items())), options, source)
    classes = class_index([*names, *empty])
    ids = {name: class_id for class_id, name in enumerate(classes)}
    of_folder = np.array([ids[name] for name in names], np.int32)
    return replace(
        listing,
        classes=classes,
        class_of=of_folder[listing.folder_of],
        warnings=(*([doubt] if doubt else []), *left_out.warnings()),
    )

"""Tells splits (train, val, test) from folders of classes, and brings the splits of a source
together."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from augcli.data.beside import beside_warning, data_files_in
from augcli.data.detection import REMEDY, detection_above
from augcli.data.labels import class_index, printable, shown
from augcli.data.left_out import has_suffix, is_image_name
from augcli.data.links import leads_above
from augcli.data.listing import Listing
from augcli.data.select import is_chosen, number_classes
from augcli.data.source_options import SourceOptions
from augcli.data.split_names import SPLITS, is_split_name, is_training, rank
from augcli.data.table_beside import table_for
from augcli.errors import UserError
from augcli.files import MIB, is_link, read_json
from augcli.published import MANIFEST, RUN, TRAIN, is_split_folder
from augcli.text import count_text, did_you_mean, listed, shorten

# Of tables in a folder that say what its images are.
_TABLES = (MANIFEST, "metadata.csv", "metadata.parquet", "_classes.csv")
# Files that other programs write beside images, with boxes and not classes.
_OF_BOXES = ("_annotations.coco.json", "data.yaml", "_darknet.labels", "_annotations.csv")
# What YOLO calls the two folders of a split.
_YOLO = {b"images", b"labels"}
# By which `datasets` knows a folder of splits that it saved; its reader lists them.
_OF_DATASETS = "dataset_dict.json"
_LOOKED_AT = 2_000  # entries of a folder
_LARGEST_RECORD = 256 * MIB
_NAMED = 3
_MOST_NAMED = 8  # splits

ListOne = Callable[[Path, SourceOptions], Listing]


def split_folders(source: Path, *, labelled: bool = True) -> list[str]:
    """The folders of SOURCE that are its splits, the training split first; none where its folders
    are classes.

    They are splits where all visible folders have names of splits, or the training split and
    another one stand beside folders without images, and where images lie in folders inside them,
    or a table tells their labels; not `labelled`, where images lie in them at all. Those of an
    earlier output are what its record says. Raises UserError where splits stand beside folders of
    images, and where nothing tells the labels of a split's images. Raises OSError.
    """
    is_split = _has_labels if labelled else _has_any
    if has_table(source):
        return []
    of_run = splits_of_run(source)
    if of_run:
        return [TRAIN, *of_run]
    with os.scandir(os.fsencode(source)) as entries:
        folders = sorted(os.fsdecode(one.name) for one in entries if _is_visible_folder(one))
    splits = sorted((name for name in folders if rank(name) < len(SPLITS)), key=rank)
    if not splits:
        return []
    others = [name for name in folders if name not in splits]
    training = source / splits[0]
    if others and (len(splits) == 1 or not is_training(splits[0]) or not is_split(training)):
        return []
    strange = [name for name in others if _look(source / name)[0] or _look(source / name)[1]]
    strange = [name for name in strange if _holds_images(source / name)]
    if strange:
        raise UserError(
            f"SOURCE {source} holds splits ({', '.join(splits)}) beside the folder"
            f" {shorten(strange[0])} with images; give {training}, or move one of them away."
        )
    with_labels = [name for name in splits if is_split(source / name)]
    if not with_labels:
        if not any(_holds_images(source / name) for name in splits):
            return []
        raise UserError(_without_labels(source, splits))
    return splits


def splits_of_run(folder: Path) -> list[str]:
    """The splits beside the training split of an earlier output, by its record; none where a folder
    is no such output."""
    try:
        record = read_json(folder / RUN, _LARGEST_RECORD)
    except (OSError, UserError, ValueError):
        return []
    splits = record.get("splits") if isinstance(record, dict) else None
    names = splits if isinstance(splits, dict) else {}
    return [name for name in names if is_split_folder(name) and (folder / name).is_dir()]


def has_table(folder: Path) -> bool:
    """Whether a folder has a table by whose name alone it is known what its images are."""
    return any((folder / name).is_file() for name in (*_TABLES, _OF_DATASETS))


def choose_split(
    splits: Iterable[str], wanted: str | None, source: str | Path, where: str = ""
) -> str:
    """The one of SOURCE's splits that is augmented: `wanted`, that of --split, in any case of its
    letters; else the training split, that without a name, or the only one.

    `where` says in sentences what names the splits, as " in its column fold" does. Raises UserError
    where there is none, or there are several.
    """
    known = list(splits)
    names = [name for name in known if name]
    if wanted is not None:
        alike = [name for name in names if name.lower() == wanted.lower()]
        if wanted in names or len(alike) == 1:
            return wanted if wanted in names else alike[0]
        remedy = (
            f"; --split is one of {_some(names, 'or')}" if names
            else ", and no splits at all; leave out --split"
        )  # fmt: skip
        hint = did_you_mean(wanted, names)
        raise UserError(f"SOURCE {source} has no split {shorten(wanted)}{where}{hint}{remedy}.")
    training = [name for name in names if is_training(name)]
    if len(training) == 1:
        return training[0]
    if not training and ("" in known or len(known) == 1):
        return "" if "" in known else known[0]
    what = f"the training splits {_some(training)}" if training else "no training split"
    raise UserError(
        f"SOURCE {source} has {what}{where} (its splits are {_some(names)}); say with --split which"
        " is augmented."
    )


def _some(names: list[str], word: str = "and") -> str:
    """Names of splits in a sentence; of many, the first."""
    more = [f"{len(names) - _MOST_NAMED} more"] if len(names) > _MOST_NAMED else []
    return listed([*(shorten(name, 40) for name in names[:_MOST_NAMED]), *more], word)


def list_splits(
    source: Path, names: list[str], options: SourceOptions, list_one: ListOne
) -> Listing:
    """The split of SOURCE that is augmented, with the other ones in `others`.

    `names` are its folders of splits, each of which `list_one` lists. Where --split chooses another
    than the training split, there are no others. A split that cannot be read is left out, with a
    warning; raises UserError where that is the one to augment.
    """
    chosen = choose_split(names, options.split, source)
    one = options.model_copy(update={"split": None})
    listing = _list_inside(source, chosen, one, list_one)
    others: list[Listing] = []
    try:
        data = beside_warning(data_files_in(source), "the folders of splits")
        loose = _loose_images(source)
    except OSError as error:
        raise UserError(f"SOURCE {source} cannot be read: {error.strerror}.") from error
    warnings = [*listing.warnings, *filter(None, [data, loose])]
    beside = [name for name in names if name != chosen]
    if beside and not is_training(chosen):
        warnings.append(
            f"only the split {chosen} is read; {listed(beside, 'and')} beside it"
            f" {'is' if len(beside) == 1 else 'are'} not."
        )
        beside = []
    for name in beside:
        try:
            other = _list_inside(source, name, one, list_one)
        except UserError as error:
            warnings.append(f"only {chosen} is augmented, as {name} cannot be read: {error}")
            continue
        warnings += other.warnings
        others.append(replace(other, split=name, warnings=()))
    warnings += _same_folders(source, [chosen, *(other.split for other in others)])
    return with_others(replace(listing, split=chosen, warnings=tuple(warnings)), others, source)


def _loose_images(source: Path) -> str:
    """A sentence about images beside the folders of splits; empty where there are none. Raises
    OSError."""
    with os.scandir(os.fsencode(source)) as entries:
        names = sorted(entry.name for entry in entries if is_image_name(entry.name))
    if not names:
        return ""
    first = f"({shown(names[0])})" if len(names) == 1 else f"(the first is {shown(names[0])})"
    count = count_text(len(names), "image")
    return f"{count} of SOURCE left out, beside the folders of splits {first}."


def _list_inside(source: Path, name: str, options: SourceOptions, list_one: ListOne) -> Listing:
    """List a split; raises UserError, also where its folder is a link that leads out of SOURCE to
    what SOURCE lies in."""
    folder = source / name
    if is_link(folder) and leads_above(os.fsencode(folder), os.fsencode(source)):
        raise UserError(f"{folder} is a link to a folder above it; remove it.")
    return list_one(folder, options)


def _same_folders(source: Path, splits: Sequence[str]) -> Iterator[str]:
    """A sentence about each split whose folder is that of another one, by a link."""
    first: dict[str, str] = {}
    for name in splits:
        place = os.path.realpath(source / name)
        if first.setdefault(place, name) != name:
            both = f"{first[place]} and {name}"
            yield f"the splits {both} are one folder, by a link: the same images."


def with_others(listing: Listing, others: Iterable[Listing], source: Path) -> Listing:
    """The training split's listing with the other splits', all with the same classes: its own, and
    behind or among these what only others have, which is said in a warning."""
    more = list(others)
    names = dict.fromkeys(name for other in more for name in other.classes)
    strange = [name for name in names if name not in set(listing.classes)]
    classes, warnings = listing.classes, listing.warnings
    if strange:
        is_sorted = classes == class_index(classes)
        classes = class_index([*classes, *strange]) if is_sorted else (*classes, *strange)
        warnings = (*warnings, strange_classes(strange, listing.split))
    numbered = tuple(number_classes(other, classes, str(source)) for other in more)
    return replace(
        number_classes(listing, classes, str(source)), others=numbered, warnings=warnings
    )


def strange_classes(names: Sequence[str], split: str) -> str:
    """What to warn of where only other splits than the one that is augmented have classes of these
    names; an empty text where there are none."""
    if not names:
        return ""
    some = ", ".join(shorten(name) for name in names[:_NAMED])
    more = ", ..." if len(names) > _NAMED else ""
    are = "class is" if len(names) == 1 else "classes are"
    return f"{len(names)} {are} not in the split {split}, and in another one ({some}{more})."


def check_classes(source: str, folders: Iterable[bytes], remedy: str) -> str:
    """A warning where the upper folders of a source are perhaps no classes; else an empty text.

    `folders` are all that hold images, below the folder of classes. `remedy` is what to give
    instead, with {name} for an upper folder. Splits inside of each class are said too. Raises
    UserError where all upper folders have names of splits, hold no image themselves, and one of
    them has several folders with images.
    """
    inner: dict[bytes, set[bytes]] = {}
    direct: set[bytes] = set()
    for folder in folders:
        top, slash, below = folder.partition(b"/")
        seconds = inner.setdefault(top, set())
        if slash:
            seconds.add(below.partition(b"/")[0])
        else:
            direct.add(top)
    most = max(map(len, inner.values()), default=0)
    splits = sorted(inner, key=_rank_of_bytes)
    if splits and all(is_split_name(printable(name)) for name in splits):
        names = ", ".join(map(printable, splits))
        instead = remedy.format(name=printable(splits[0]))
        if not direct and most > 1:
            what = "splits" if len(splits) > 1 else "a split"
            raise UserError(f"SOURCE {source} holds {what} ({names}), not classes; {instead}.")
        if len(splits) == 1:
            return f"the folder {names} of SOURCE counts as a class; if it is a split, {instead}."
        return f"the folders {names} of SOURCE count as classes; if they are splits, {instead}."
    within = sorted(set[bytes]().union(*inner.values()), key=_rank_of_bytes)
    if (
        not direct
        and len(within) > 1
        and _rank_of_bytes(within[-1]) < len(SPLITS)
        and len(inner) > 1
    ):
        return (
            f"the folders {listed(map(printable, within), 'and')} in the class folders of SOURCE"
            " are read as one; if they are splits, put each into a folder of its name that holds"
            " the class folders."
        )
    if len(inner) == 1 and not direct and most > 1:
        (top,) = inner
        some = ", ".join(map(shown, sorted(inner[top])[:_NAMED]))
        more = f" and {most - _NAMED} more" if most > _NAMED else ""
        return (
            f"SOURCE has one class, {shown(top)}, whose images lie in the folders {some}{more} of"
            f" it; if these are the classes, {remedy.format(name=shown(top))}."
        )
    return ""


def splits_among_classes(classes: Sequence[str], options: SourceOptions) -> str:
    """A warning where a few of the folders that count as classes have names of splits; an empty
    text where none has, or all have. Those that the options leave out are none of them."""
    chosen = [name for name in classes if is_chosen(name, options)]
    splits = [name for name in chosen if rank(name) < len(SPLITS)]
    others = [shorten(name, 40) for name in chosen if name not in splits]
    if not splits or not others:
        return ""
    if len(others) > _NAMED:
        others[_NAMED:] = [f"{len(others) - _NAMED} more"]
    names = listed([shorten(name, 40) for name in splits], "and")
    folders, count, are = "folder", "counts as a class", "it is a split, leave it"
    if len(splits) > 1:
        folders, count, are = "folders", "count as classes", "they are splits, leave them"
    patterns = " ".join(f"--classes-exclude {shlex.quote(name)}" for name in splits)
    return (
        f"the {folders} {names} of SOURCE {count}, beside {listed(others, 'and')}; if {are} out"
        f" with {patterns}."
    )


def other_splits(source: Path) -> list[str]:
    """The folders of splits in a source but `train`."""
    return [name for name in SPLITS if name != TRAIN and (source / name).is_dir()]


def _without_labels(source: Path, splits: list[str]) -> str:
    """Why nothing tells the labels of images that lie in folders of splits, as a sentence."""
    first = source / splits[0]
    folders, _, files = _look(first)
    boxes = next((n for n in _OF_BOXES if n in files or (source / n).is_file()), None)
    what = f"SOURCE {source} holds {'splits' if len(splits) > 1 else 'a split'}"
    named = f"({', '.join(splits)})"
    if boxes is not None or folders >= _YOLO:
        beside = f" ({boxes})" if boxes is not None else " (folders images and labels)"
        return (
            f"{what} {named} of images with boxes{beside}, not classes; export it for"
            " classification, as a folder for each class."
        )
    if above := detection_above(first):
        return f"{what} {named} of {above}: {REMEDY}."
    if table := table_for(first):
        return f"{what} {named} whose images lie in no folders of classes; give the table: {table}."
    other = next((n for n in (f"{splits[0]}.csv", "labels.csv", "train_labels.csv")
                  if (source / n).is_file()), None)  # fmt: skip
    remedy = (
        f"give the table, as in `{source / other} --images {first}`"
        if other is not None
        else "put them into a folder for each class, or give a table with their labels"
    )
    return (
        f"{what} {named} whose images lie in no folders of classes; {remedy}, or give --unlabelled"
        " to use them without labels."
    )


def _has_labels(folder: Path) -> bool:
    """Whether something tells the labels of a split's images: folders inside it, tables, shards."""
    folders, has_images, files = _look(folder)
    if any(name in files for name in _TABLES) or any(f.endswith((".tar", ".parquet", ".arrow"))
                                                     for f in files):  # fmt: skip
        return True
    return bool(folders) and not has_images and not folders >= _YOLO


def _has_any(folder: Path) -> bool:
    """Whether a split has images, with labels or without."""
    return _has_labels(folder) or _holds_images(folder)


def _holds_images(folder: Path) -> bool:
    """Whether images lie in a folder or in folders of it, of the first that are looked at."""
    folders, has_images, _ = _look(folder)
    return has_images or any(_look(folder / os.fsdecode(name))[1] for name in sorted(folders)[:20])


def _look(folder: Path) -> tuple[set[bytes], bool, set[str]]:
    """The visible folders in a folder, whether images lie in it, and the names of its other files;
    of a large one, of the first entries."""
    folders, files, has_images = set[bytes](), set[str](), False
    with os.scandir(os.fsencode(folder)) as entries:
        for number, entry in enumerate(entries):
            if number == _LOOKED_AT:
                break
            if _is_visible_folder(entry):
                folders.add(entry.name)
            elif has_suffix(entry.name) and not entry.name.startswith(b"."):
                has_images = True
            else:
                files.add(os.fsdecode(entry.name))
    return folders, has_images, files


def _is_visible_folder(entry: os.DirEntry[bytes]) -> bool:
    try:
        return not entry.name.startswith(b".") and entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _rank_of_bytes(folder: bytes) -> int:
    return rank(printable(folder))

"""Options given by keyword: their names and values are checked as those of the command are, and
sentences name them as Python does."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from enum import StrEnum
from inspect import signature
from numbers import Integral, Real
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from augcli.enums import DETECTORS
from augcli.errors import RunFailed, UserError
from augcli.saliency.names import why_no_detector
from augcli.tasks.limits import LIMITS
from augcli.tasks.recipe_choice import RecipeChoice
from augcli.tasks.unused import Called, without_effect
from augcli.text import did_you_mean, is_url, listed, shorten, spelled

if TYPE_CHECKING:
    from augcli.pipeline.pipeline import Pipeline

_SHOWN = 60
_SIZES = ("size", "model_size")
_NUMBERS = ("mean", "std")
# Options that are paths, though the command keeps their text.
_TEXT_PATHS = ("saliency_cache",)

Choice = TypeVar("Choice")


class AugcliWarning(UserWarning):
    """What is not as it may be expected, and no error: a sentence that the command would write to
    the terminal."""


def refuse_unknown(
    function: Callable[..., Any], options: Mapping[str, Any], *choices: type[Any]
) -> None:
    """Raise TypeError for an option of a function that is no field of these dataclasses."""
    known = [field.name for choice in choices for field in fields(choice)]
    for name in options:
        if name not in known:
            known += [one.name for one in signature(function).parameters.values()]
            raise TypeError(
                f"{function.__name__}() got an unexpected keyword argument"
                f" '{shorten(name)}'{did_you_mean(name, known)}"
            )


def chosen(choice: type[Choice], options: Mapping[str, Any]) -> Choice:
    """A dataclass of options with those of `options` that are its own; raises UserError for a
    value that one does not take."""
    hints = get_type_hints(choice)
    names = [field.name for field in fields(choice)]  # type: ignore[arg-type]
    return choice(**{n: read_value(n, options[n], hints[n]) for n in names if n in options})


def refuse_without_effect(
    names: Collection[str],
    given: Mapping[str, Any],
    pipelines: Sequence[Pipeline],
    *parts: Any,
    **more: Any,
) -> None:
    """Refuse options, those of `given` with these names, that have no effect in this combination;
    `parts` are dataclasses with the values of all others. Raises UserError."""
    values: dict[str, Any] = {}
    for part in (chosen(RecipeChoice, given), *parts):
        values |= {field.name: getattr(part, field.name) for field in fields(part)}
    values |= {"recipe": pipelines[0].name, **more}
    specs = [spec for pipeline in pipelines for spec in pipeline.saliency_specs]
    broken = without_effect(Called(values, pipelines, specs), names)
    if broken is not None:
        raise UserError(f"{broken[0]} has no effect {broken[1]}")


def read_value(name: str, value: Any, hint: Any) -> Any:
    """The value of an option whose type is `hint`; raises UserError."""
    kinds = get_args(hint) or (hint,)
    if value is None:
        if NoneType in kinds:
            return None
        raise UserError(f"{name}=None is no value; leave {name} out for what is usual.")
    if name == "set":
        return _settings(value)
    if name in _SIZES:
        return _size(name, value)
    if name in _NUMBERS:
        return _numbers(name, value)
    if name == "saliency":
        return _detector(value)
    kind = next(kind for kind in kinds if kind is not NoneType)
    if name in LIMITS:
        return read_number(name, value)
    if kind is bool:
        return read_bool(name, value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return _word(name, value, kind)
    if kind is Path or name in _TEXT_PATHS:
        return kind(read_path(name, value))
    if kind is not str and not isinstance(value, str):
        return _texts(name, value)
    if not isinstance(value, str):
        raise UserError(f"{_shown(name, value)} is no text.")
    return value if kind is str else (value,)


def read_number(name: str, value: Any) -> int | float:
    """A number within the bounds of an option, of any type of numbers; raises UserError."""
    least, most, kind = LIMITS[name]
    what = "a whole number" if kind is int else "a number"
    if isinstance(value, bool) or not isinstance(value, Integral if kind is int else Real):
        raise UserError(f"{_shown(name, value)} is not {what}; give one from {least} to {most}.")
    number: int | float = kind(value)  # type: ignore[call-overload]
    if not least <= number <= most:
        raise UserError(f"{_shown(name, value)} is not from {least} to {most}.")
    return number


def read_bool(name: str, value: Any) -> bool:
    """True or False; raises UserError for all else."""
    if not isinstance(value, bool):
        raise UserError(f"{_shown(name, value)} is neither True nor False.")
    return value


def read_path(name: str, value: Any) -> Path:
    """A local path; raises UserError for what is none."""
    if not isinstance(value, str | os.PathLike):
        raise UserError(f"{_shown(name, value)} is no path; give text or a pathlib.Path.")
    text = os.fspath(value)
    if isinstance(text, bytes):
        text = os.fsdecode(text)
    if is_url(text):
        raise UserError(
            f"{name} {shorten(text)} is a URL, and only local paths are taken; download or mount"
            " it, and give the path of that."
        )
    if not text:
        raise UserError(f"{name} is an empty path.")
    return Path(text)


def _shown(name: str, value: Any) -> str:
    return f"{name}={shorten(repr(value), _SHOWN)}"


def _word(name: str, value: Any, words: type[StrEnum]) -> StrEnum:
    if isinstance(value, words):
        return value
    known = [str(word) for word in words]
    if name == "format" and value == "jpg":
        value = "jpeg"
    word = spelled(value, known) if isinstance(value, str) else None
    if word is None:
        hint = did_you_mean(value, known) if isinstance(value, str) else ""
        raise UserError(f"{_shown(name, value)} is unknown{hint}; give {listed(known)}.")
    return words(word)


def _detector(value: Any) -> str:
    name = spelled(value, DETECTORS) if isinstance(value, str) else None
    if name is None:
        raise UserError(why_no_detector(str(value)))
    return name


def _settings(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise UserError(
            f"{_shown('set', value)} is no dictionary of options; write it like"
            " set={'alpha': 0.4}."
        )
    return {key.replace("-", "_"): one for key, one in value.items()}


def _texts(name: str, value: Any) -> tuple[str, ...]:
    is_list = isinstance(value, Sequence) and not isinstance(value, bytes)
    if not is_list or not all(isinstance(one, str) for one in value):
        raise UserError(f"{_shown(name, value)} is no list of texts.")
    return tuple(value)


def _size(name: str, value: Any) -> str:
    """WxH, as the command reads it."""
    if isinstance(value, str):
        return value
    sides = value if isinstance(value, tuple | list) else (value, value)
    whole = [isinstance(one, Integral) and not isinstance(one, bool) for one in sides]
    if len(sides) != 2 or not all(whole) or min(sides) < 1:
        raise UserError(
            f"{_shown(name, value)} is not a size; write (width, height) in pixels, as in"
            f" {name}=(224, 224)."
        )
    return f"{int(sides[0])}x{int(sides[1])}"


def _numbers(name: str, value: Any) -> str:
    """Numbers with commas between them, as the command reads them."""
    if isinstance(value, str):
        return value
    numbers = value if isinstance(value, tuple | list) else (value,)
    if not all(isinstance(one, Real) and not isinstance(one, bool) for one in numbers):
        raise UserError(f"{_shown(name, value)} is not 'imagenet', a number, or three numbers.")
    return ",".join(repr(float(one)) for one in numbers)


# An option as the command line spells it, which stands by itself.
_OPTION = re.compile(r"(?<![\w/.-])--([a-z]+(?:-[a-z]+)*)(?![\w/-])")


def in_python(sentence: str, options: Mapping[str, Any]) -> str:
    """A sentence of the command, with its options as Python spells them: a switch as `keep=True`.
    `options` are names with the types of their values."""

    def renamed(match: re.Match[str]) -> str:
        name = match[1].replace("-", "_")
        if name not in options:
            return match[0]
        return f"{name}=True" if options[name] is bool else name

    return _OPTION.sub(renamed, sentence)


def types_of(*choices: type[Any]) -> dict[str, Any]:
    """The names of the fields of dataclasses with their types."""
    return {name: hint for choice in choices for name, hint in get_type_hints(choice).items()}


@contextmanager
def python_sentences(options: Mapping[str, Any]) -> Iterator[None]:
    """Raise errors with the options of their sentences as Python spells them; refuse a Python that
    would give other bytes than the command."""
    if sys.getfilesystemencoding() != "utf-8":
        raise UserError(
            f"This Python writes the names of files in {sys.getfilesystemencoding()}, and OUT would"
            " depend on that; start it with the environment variable PYTHONUTF8=1."
        )
    try:
        yield
    except (UserError, RunFailed) as error:
        raise type(error)(in_python(str(error), options)) from error


def warner(options: Mapping[str, Any], sentences: list[str]) -> Callable[[str], None]:
    """What notes a sentence in `sentences`, and issues it as an AugcliWarning of the caller of a
    public function."""

    def warn(sentence: str) -> None:
        text = in_python(sentence, options)
        sentences.append(text)
        warn_caller(text)

    return warn


def warn_caller(text: str) -> None:
    """Issue an AugcliWarning as one of the line that called into the package."""
    warnings.warn(text, AugcliWarning, stacklevel=_levels_to_caller())


def _levels_to_caller() -> int:
    """How many frames lie between the function that calls this and the code that called into the
    package."""
    package, level = __name__.partition(".")[0], 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in (
        package,
        "contextlib",
    ):
        frame, level = frame.f_back, level + 1
    return level

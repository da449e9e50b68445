"""What to say where a command is given more arguments than it takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from augcli.cli.origins import spelled
from augcli.cli.words import Word, arguments_in
from augcli.files import exists
from augcli.published import RUN
from augcli.text import listed, shorten

_LONGEST = 100
_NUMBER = re.compile(r"-?\d*\.?\d+%?")
_SWITCHED = ("true", "false", "yes", "no", "on", "off", "1", "0")
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")


def too_much(context: Any, words: Sequence[str], takes: Sequence[str]) -> str:
    """The sentence about `words` behind a command's name, of which more are arguments than the
    command `takes`."""
    arguments = [*arguments_in(context.command, words)]
    for number, word in enumerate(arguments):
        beside = [word.text, *_that_follow(arguments[number:])]
        if word.option is not None and (hint := _beside(word, beside)):
            return f"'{_short(word.text)}' is too much; {hint}."
    if hint := _in_two(arguments):
        return hint
    extra = [word.text for word in arguments[len(takes) :]]
    text, path = _short(" ".join(extra)), context.command_path
    options = {spelled(one) for one in context.command.params}
    texts = [*extra[:1], *(word.text for word in arguments if "=" not in word.text)]
    for one in texts if "--recipe" in options else ():
        if hint := _of_a_recipe(one):
            return f"'{_short(one)}' is too much; {hint}."
    for option, say in _OF_COMMANDS.items():
        if option in options and (hint := say(extra)):
            return f"'{text}' is too much: `{path}` {hint}."
    given = [word.text for word in arguments]
    if "SOURCE" in takes and len(given) > 2 and all(map(exists, given[:-1])):
        return (
            f"'{text}' is too much: `{path}` takes one SOURCE; give the folder that holds"
            f" {_short(given[0])} and the others (a pattern such as photos/* stands for many)."
        )
    what = listed(takes, "and") if takes else "no argument"
    remedy = f"`{path} --help` shows what it takes"
    return f"'{text}' is too much: `{path}` takes {what}; {remedy}."


def _in_two(arguments: Sequence[Word]) -> str:
    """The sentence about a path with a blank, of which a shell made two arguments; "" where there
    is none such."""
    for number, word in enumerate(arguments):
        texts = [word.text, *_that_follow(arguments[number:])]
        for count in range(2, len(texts) + 1):
            whole = " ".join(texts[:count])
            if exists(whole) and not exists(word.text):
                return (
                    f"'{_short(word.text)}' does not exist, but '{_short(whole)}' does; put a path"
                    " with blanks in quotes."
                )
    return ""


def _that_follow(words: Sequence[Word]) -> list[str]:
    """The arguments that stand directly behind the first of them, one after another."""
    texts = []
    for before, word in pairwise(words):
        if word.place != before.place + 1:
            break
        texts.append(word.text)
    return texts


def _beside(word: Word, texts: Sequence[str]) -> str:
    """What to say of an argument that was meant for the option before it; `texts` are it and those
    behind it. "" where it is not clear."""
    option, value, text = spelled(word.option), word.value, word.text
    if word.option.is_flag:
        if text.lower() in _SWITCHED:
            return f"{option} is a switch and takes no value; leave that out"
        return f"write --keep --tau {text}" if option == "--keep" and _is_number(text) else ""
    if option == "--replay" and not value:
        return "--replay stands alone, or with the number of outputs that are made again"
    if option == "--set":
        return _of_a_setting(value, texts)
    if option == "--recipe":
        from augcli.recipes.names import find_recipe
        from augcli.recipes.other_names import SEVERAL

        if find_recipe(text):
            return SEVERAL
        return f"write --set {_setting(text)}" if "=" in text or _is_number(text) else ""
    metavar = word.option.metavar
    if metavar == "WxH":
        numbers = [one for one in (value, *texts[:2]) if one.isdecimal()]
        return f"write {option} {numbers[0]}x{numbers[1]}" if len(numbers) > 1 else ""
    if metavar == "NUMBERS" and _is_number(text):
        numbers = [value, *filter(_is_number, texts[:2])]
        return f"write {option} {','.join(numbers)}"
    if word.option.multiple and not exists(text):
        return f"write {option} {value} {option} {text}"
    return ""


def _of_a_setting(value: str, texts: Sequence[str]) -> str:
    """What to say of words behind `--set VALUE`."""
    key, equals, given = value.partition("=")
    if equals and given:
        return f"write --set {value} --set {_setting(texts[0])}" if "=" in texts[0] else ""
    rest = [one for one in (given, *texts) if one not in ("", "=")]
    number = rest[0].lstrip("=") if rest else "VALUE"
    return f"write --set {key}={number}"


def _setting(text: str) -> str:
    from augcli.recipes.names import setting_name

    key, equals, value = text.partition("=")
    return f"{setting_name(key)}={value}" if equals else f"KEY={text}"


def _of_a_recipe(text: str) -> str:
    """What to say of an argument that looks like a setting or a recipe."""
    if "=" in text:
        return f"write --set {_setting(text)}"
    from augcli.recipes.names import find_recipe

    recipe = None if exists(text) else find_recipe(text)
    return "" if recipe is None else f"a recipe is given as --recipe {recipe}"


def _of_preview(extra: Sequence[str]) -> str:
    if len(extra) > 1:
        return ""
    name = extra[0] if extra[0].lower().endswith(_PICTURES) else f"{extra[0]}.png"
    return f"takes SOURCE, and draws one sheet; name that by --to {_short(name)}"


def _of_verify(extra: Sequence[str]) -> str:  # noqa: ARG001
    return (
        f"takes OUT alone, and knows its SOURCE by OUT/{RUN}; give --source DIR where that has"
        " moved"
    )


# By an option that only that command has.
_OF_COMMANDS: dict[str, Callable[[Sequence[str]], str]] = {
    "--to": _of_preview,
    "--replay": _of_verify,
}


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def _short(text: str) -> str:
    return shorten(text, _LONGEST)

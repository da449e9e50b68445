"""Options that a Pydantic model declares: their spellings, and in plain words what one takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError

from augcli.errors import BadValue, RunFailed, UserError
from augcli.text import did_you_mean, folded, listed, shorten, spelled

_SHOWN = 60
_SIGNS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
_KINDS = {
    "number": "a number",
    "integer": "a whole number",
    "string": "text",
    "boolean": "true or false",
    "null": "none",
}
_ANOTHER = "another value than a run writes"
Schema = dict[str, Any]


def declared_spellings(
    declared: type[BaseModel], options: Mapping[str, Any], whose: str, also: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Options with the names and words that a model declares, however they are spelled; the text
    `none` is None where that may be. `also` are further names. What is none of these stays as it
    is.

    Raises UserError where an option of `whose` is given in two spellings.
    """
    values: dict[str, Any] = {}
    for name, value in options.items():
        known = spelled(name, [*declared.model_fields, *also]) or name
        if known in values:
            raise UserError(f"{whose} has the option '{shorten(known)}' twice; give it once.")
        values[known] = _as_declared(declared, known, value)
    return values


def find_unknown(options: Iterable[str], known: Iterable[str]) -> tuple[str, str] | None:
    """The first of `options` that is none of `known`, and that as part of a sentence:
    `'lenght' (did you mean 'length'?)`; None where all are known."""
    names = list(known)
    for option in options:
        if option not in names:
            return option, f"'{shorten(option)}'{did_you_mean(option, names)}"
    return None


def what_is_wrong(error: ValidationError, declared: type[BaseModel]) -> tuple[str, Any, str]:
    """The first option that a model refuses, what it was given, and what to give instead, as in
    "give a number >= 0 and <= 1", with the closest right word."""
    faults = error.errors(include_url=False)
    option = str(faults[0]["loc"][0]) if faults[0]["loc"] else "it"
    # Of a choice between types, one of our own words says most.
    ours = (fault for fault in faults if fault["type"] == "value_error")
    fault = next((fault for fault in ours if fault["loc"][:1] == faults[0]["loc"][:1]), faults[0])
    if fault["type"] == "value_error":
        return option, fault["input"], str(fault["ctx"]["error"])
    schema = _schema_of(declared, option)
    hint = did_you_mean(shortened(fault["input"]), _words(schema))
    return option, fault["input"], f"give {what_is_taken(schema)}{hint}"


def what_is_amiss(error: ValidationError, declared: type[BaseModel]) -> str:
    """What is wrong with a record that a model refuses, as in "width is not a whole number"."""
    fault = error.errors(include_url=False, include_input=False)[0]
    if not fault["loc"]:
        return "it is no JSON" if fault["type"] == "json_invalid" else "it is no JSON object"
    option = str(fault["loc"][0])
    if fault["type"] == "missing":
        return f"{option} is missing"
    taken = what_is_taken(_schema_of(declared, option))
    return f"{option} has {taken}" if taken == _ANOTHER else f"{option} is not {taken}"


def what_is_unlike(error: Exception) -> str:
    """What is wrong with a record that raises such an error where it is read as a run's, as the
    part of a sentence, without a word of Python's or of a library's."""
    if isinstance(error, BadValue | UserError | RunFailed):
        return str(error).removesuffix(".")
    if isinstance(error, ValidationError):
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(shorten(str(part), _SHOWN) for part in fault["loc"])
        if not where:
            return "it is no table of values"
        return f"{where} is missing" if fault["type"] == "missing" else f"{where} has {_ANOTHER}"
    if isinstance(error, KeyError) and error.args and isinstance(error.args[0], str):
        return f"{shorten(error.args[0], _SHOWN)} is missing"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return "a value in it is of another kind than a run writes"


def what_is_taken(schema: Schema) -> str:
    """What an option takes, as text: `a whole number >= 1, or none`."""
    if "anyOf" in schema:
        return ", or ".join(dict.fromkeys(map(what_is_taken, schema["anyOf"])))
    if words := [] if "examples" in schema else _words(schema):
        return listed(words)
    if schema.get("type") == "array":
        return _list(schema)
    signs = [f"{sign} {schema[key]:.10g}" for key, sign in _SIGNS.items() if key in schema]
    kind = _KINDS.get(schema.get("type", ""), _ANOTHER)
    return f"{kind} {' and '.join(signs)}".rstrip()


def shortened(value: Any) -> str:
    """A value as text of at most 60 characters."""
    try:
        text = str(value)
    except ValueError:  # an integer of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _as_declared(declared: type[BaseModel], option: str, value: Any) -> Any:
    if option not in declared.model_fields or not isinstance(value, str):
        return value
    schema = _schema_of(declared, option)
    is_optional = {"type": "null"} in schema.get("anyOf", ())
    if is_optional and folded(value) == _KINDS["null"]:
        return None
    return spelled(value, _words(schema)) or value


def _schema_of(declared: type[BaseModel], option: str) -> Schema:
    whole = _schema(declared)
    schema: Schema = whole.get("properties", {}).get(option, {})
    if "$ref" in schema:  # the words of an enumeration, or a table
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


@cache
def _schema(declared: type[BaseModel]) -> Schema:
    return declared.model_json_schema()


def _words(schema: Schema) -> list[str]:
    """The words that an option takes; of one that takes other text too, those with a meaning."""
    if "anyOf" in schema:
        return [word for choice in schema["anyOf"] for word in _words(choice)]
    only = schema.get("enum") or [schema[key] for key in ("const",) if key in schema]
    return [word for word in only or schema.get("examples", []) if isinstance(word, str)]


def _list(schema: Schema) -> str:
    items = schema.get("prefixItems") or [schema.get("items", {})]
    each = what_is_taken(items[0]).removeprefix("a ").replace("number", "numbers", 1)
    return f"a list of {len(items)} {each}" if len(items) > 1 else f"a list of {each}"

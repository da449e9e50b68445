"""Damage to files, drawn from a generator: what a broken disk, a bad program or an enemy leaves."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

HOSTILE: list[Any] = [
    None, True, -1, 0, 2**63, -(2**70), 1e308, float("nan"), float("inf"), "", "x" * 300, "\0",
    "..", "../../etc/passwd", "/etc/passwd", "\\x2e\\x2e/up.jpg", "\\x2fetc/passwd", "\\xzz", "\\x",
    "\\x00.jpg", "\u2028", "[", [], {}, [None], [[1]], {"a": {"b": []}}, [1e400], "-r", "Ａ",
    "$(touch x)", 10**30, [0] * 300, 10**4000, "\n" * 400, "\ud800", "\x1b[2J", 1e-320, "0", "01",
]  # fmt: skip


def mutated_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Some bytes changed, a piece cut off, taken out, repeated, or put in."""
    broken = bytearray(data)
    kind = int(rng.integers(6))
    at = int(rng.integers(len(broken)))
    length = int(rng.integers(1, 60))
    if kind == 0:
        for _ in range(int(rng.integers(1, 9))):
            broken[int(rng.integers(len(broken)))] = int(rng.integers(256))
    elif kind == 1:
        del broken[at:]
    elif kind == 2:
        del broken[at : at + length]
    elif kind == 3:
        broken[at:at] = rng.bytes(length)
    elif kind == 4:
        broken[at:at] = broken[at : at + 10 * length]
    else:
        broken[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"])
    return bytes(broken)


# Pieces of text that some reader takes badly.
PIECES = [
    b"[" * 3000, b"{" * 3000, b'{"a":' * 1500, b"9" * 5000, b"0x" + b"f" * 5000, b"a." * 300,
    b"NaN", b"-Infinity", b"1e999", b"true", b"null", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00\xd8",
    b"\0", b"\r", b"\n", b"\n\n", b'"', b"'", b'"' * 3, b"'" * 3, b"\\", b"\\ud800", b"\\u0000",
    b"\\x", b",", b"#", b"=", b"[[steps]]\n", b"[classes.cat.cutmix]\n", b"1979-05-27", b"07:32:00",
    b"\xe2\x80\xa8", b"\x1b[2J", b"x" * 70_000, b"../" * 10, b"/dev/zero", b"\t", b"\x7f", b"-1",
    b"9" * 20,
]  # fmt: skip


def mutated_text(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage as of `mutated_bytes`, or one of PIECES put in, in place of a few bytes or not."""
    if rng.random() < 0.5:
        return mutated_bytes(data, rng)
    at = int(rng.integers(len(data) + 1))
    piece = PIECES[int(rng.integers(len(PIECES)))]
    return data[:at] + piece + data[at + int(rng.integers(0, 6)) :]


def mutated_values(value: Any, rng: np.random.Generator) -> Any:
    """A copy of JSON-like values in which one, at any depth, is hostile, missing or doubled."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.15:
        return HOSTILE[int(rng.integers(len(HOSTILE)))]
    if isinstance(value, list):
        copy = list(value)
        at = int(rng.integers(len(copy)))
        if rng.random() < 0.2:
            copy.insert(at, copy[at])
        else:
            copy[at] = mutated_values(copy[at], rng)
        return copy
    table = dict(value)
    key = list(table)[int(rng.integers(len(table)))]
    if rng.random() < 0.15:
        del table[key]
    elif rng.random() < 0.1:
        table[str(HOSTILE[int(rng.integers(len(HOSTILE)))])] = table.pop(key)
    else:
        table[key] = mutated_values(table[key], rng)
    return table


def to_toml(table: dict[str, Any]) -> str:
    """A table as TOML; values may be anything that JSON has (null becomes text)."""
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in table.items())


def _key(key: str) -> str:
    return json.dumps(key).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        text = repr(value)
        return text if any(c in text for c in ".en") else text + ".0"
    if value is None:
        return '"null"'
    return json.dumps(value).replace("\x7f", "\\u007f") if isinstance(value, str) else str(value)


def with_field(data: bytes, rng: np.random.Generator) -> bytes:
    """An archive with another size, type, size and type, or name in one of its headers."""
    changed = bytearray(data)
    starts = [at for at in range(0, len(data) - 511, 512) if data[at + 257 : at + 262] == b"ustar"]
    if starts:
        at = starts[int(rng.integers(len(starts)))]
        which = int(rng.integers(4))
        if which in (0, 3):
            sizes = [2**63, 2**70, 2**88 - 1, 2**31, 1 << 20, 1, 511, 2**95 - 1]
            size = sizes[int(rng.integers(len(sizes)))]
            changed[at + 124 : at + 136] = b"\x80" + size.to_bytes(12, "big")[1:]
        if which in (1, 3):
            kinds = b"01234567xXgKLSVMDNA\0\xff"
            changed[at + 156] = kinds[int(rng.integers(len(kinds)))]
        if which == 2:
            names = [b"../x.jpg\0", b"/x.jpg\0", b"a/\xff.jpg\0", b"a/.x.jpg\0", b"\0", b"x.cls\0"]
            name = names[int(rng.integers(len(names)))]
            changed[at : at + len(name)] = name
    return bytes(changed)


def with_checksums(data: bytes) -> bytes:
    """An archive whose headers have the checksums of what they hold."""
    fixed = bytearray(data)
    for at in range(0, len(fixed) - 511, 512):
        if fixed[at + 257 : at + 262] == b"ustar":
            fixed[at + 148 : at + 156] = b" " * 8
            fixed[at + 148 : at + 156] = b"%06o\0 " % sum(fixed[at : at + 512])
    return bytes(fixed)


def toml_of(table: dict[str, Any], rng: np.random.Generator, alone: str) -> bytes:
    """A TOML text with damage to its bytes or to its values; a value alone gets the key `alone`."""
    if rng.random() < 0.5:
        return mutated_text(to_toml(table).encode(), rng)
    changed = mutated_values(table, rng)
    return to_toml(changed if isinstance(changed, dict) else {alone: changed}).encode()

"""Values of a pickle file, read without running anything of it.

A pickle is a program of a small stack machine, which may call any function. This one knows dicts,
lists, tuples, texts, numbers and NumPy arrays of bytes, and refuses all else. Long byte strings are
not read: where they lie is enough.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from augcli.errors import UserError
from augcli.files import MIB, open_regular
from augcli.text import shorten

_LONGEST_TEXT, _LONGEST_BYTES = 4096, 1024
_LONGEST_LINE = 256
# Steps of the machine, each of which holds one more object at most: CIFAR-100 takes 300,000.
_MOST_STEPS = 5_000_000
# Bytes of texts in a file, which are held: those of CIFAR-100 take 2 MB.
_MOST_TEXT = 64 * MIB
# Keys of all dicts, and the largest that is a number: Python looks for numbers that are chosen to
# have one hash in time that grows with their square.
_MOST_KEYS, _LARGEST_KEY = 10_000, 1 << 32

# What stands in the machine for the functions and types that NumPy's arrays are pickled with.
_RECONSTRUCT, _ARRAY, _DTYPE, _FROMBUFFER = (
    "numpy._reconstruct", "numpy.ndarray", "numpy.dtype", "numpy._frombuffer",
)  # fmt: skip
_GLOBALS = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.numeric", "_frombuffer"): _FROMBUFFER,
    ("numpy._core.numeric", "_frombuffer"): _FROMBUFFER,
    ("numpy", "ndarray"): _ARRAY,
    ("numpy", "dtype"): _DTYPE,
}


class Span(NamedTuple):
    """A byte string of the file that was not read: `size` bytes from `offset` on."""

    offset: int
    size: int


class _Global(NamedTuple):
    name: str


class Array:
    """A NumPy array in the file; empty until the file has said what it is."""

    shape: tuple[Any, ...] = ()
    dtype: str = ""
    fortran: bool = False
    data: Any = None


class _DType:
    def __init__(self, name: str) -> None:
        self.name = name


class _Mark:
    pass


_BROKEN = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError,
           struct.error)  # fmt: skip


def read_pickle(path: Path) -> Any:
    """The value in a pickle file, whose texts are bytes or str as it has them, whose arrays are
    Array, and whose long byte strings are Span.

    Raises UserError for what is none, or holds other objects; OSError.
    """
    try:
        with open_regular(path) as file:
            return _Machine(file).run()
    except _BROKEN as error:
        why = str(error) if type(error) is ValueError else "it is broken or cut off"
        raise UserError(
            f"{path} is no pickle of arrays, lists and names alone: {shorten(why)}; nothing in it"
            " is run."
        ) from error


class _Machine:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._end = os.fstat(file.fileno()).st_size
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._text = self._keys = 0

    def run(self) -> Any:
        push = self._stack.append
        for _ in range(_MOST_STEPS):
            code = self._read(1)
            if code == b".":
                return self._stack.pop()
            if code in _CONSTANTS:
                push(_CONSTANTS[code])
            elif code in _NUMBERS:
                push(self._number(_NUMBERS[code]))
            elif code in _STRINGS:
                push(self._string(*_STRINGS[code]))
            elif code in _STEPS:
                _STEPS[code](self)
            else:
                raise ValueError(f"it has a step of the kind {code!r}")
        raise ValueError(f"it takes more than {_MOST_STEPS:,} steps")

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise ValueError("it breaks off")
        return data

    def _line(self) -> bytes:
        line = self._file.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise ValueError("a line of it does not end")
        return line[:-1]

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._read(struct.calcsize(form)))[0])

    def _string(self, form: str, is_text: bool) -> Any:
        size = self._number(form)
        if not is_text and size > _LONGEST_BYTES:
            at = self._file.tell()
            if size > self._end - at:
                raise ValueError("it breaks off")
            self._file.seek(size, os.SEEK_CUR)
            return Span(at, size)
        if size > _LONGEST_TEXT:
            raise ValueError(f"a text of it has {size} bytes")
        self._text += size
        if self._text > _MOST_TEXT:
            raise ValueError(f"its texts have more than {_MOST_TEXT // MIB} MiB")
        data = self._read(size)
        return data.decode("utf-8", "surrogateescape") if is_text else data

    def _pop_to_mark(self) -> list[Any]:
        items: list[Any] = []
        while not isinstance(item := self._stack.pop(), _Mark):
            items.append(item)
        return items[::-1]

    def skip_protocol(self) -> None:
        self._read(1)

    def skip_frame(self) -> None:
        self._read(8)

    def long(self) -> None:
        self._stack.append(int.from_bytes(self._read(self._number("B")), "little", signed=True))

    def decimal(self) -> None:
        line = self._line()
        values = {b"00": False, b"01": True}
        self._stack.append(values[line] if line in values else int(line.removesuffix(b"L")))

    def mark(self) -> None:
        self._stack.append(_Mark())

    def new(self, kind: type) -> None:
        self._stack.append(kind())

    def tuple_to_mark(self) -> None:
        self._stack.append(tuple(self._pop_to_mark()))

    def list_to_mark(self) -> None:
        self._stack.append(self._pop_to_mark())

    def dict_to_mark(self) -> None:
        items = self._pop_to_mark()
        self._stack.append(self._pairs(items))

    def tuple_of(self, count: int) -> None:
        items = [self._stack.pop() for _ in range(count)]
        self._stack.append(tuple(items[::-1]))

    def append(self, items: list[Any]) -> None:
        self._target(list).extend(items)

    def set_items(self, items: list[Any]) -> None:
        self._target(dict).update(self._pairs(items))

    def _pairs(self, items: list[Any]) -> dict[Any, Any]:
        keys = items[::2]
        self._keys += len(keys)
        if self._keys > _MOST_KEYS:
            raise ValueError(f"its dicts have more than {_MOST_KEYS:,} keys")
        if not all(map(_is_key, keys)):  # tuples hash without end
            raise ValueError("a key of a dict is no name")
        return dict(zip(keys, items[1::2], strict=True))

    def _target(self, kind: type) -> Any:
        if type(self._stack[-1]) is not kind:
            raise ValueError("it fills something that is no list and no dict")
        return self._stack[-1]

    def set_item(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self.set_items([key, value])

    def get(self, form: str) -> None:
        self._stack.append(self._memo[self._number(form) if form else int(self._line())])

    def put(self, form: str) -> None:
        number = self._number(form) if form else int(self._line())
        if not 0 <= number < _MOST_STEPS:
            raise ValueError("it counts beyond what it holds")
        self._memo[number] = self._stack[-1]

    def memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def named(self) -> None:
        self._push_global(self._line().decode(), self._line().decode())

    def named_on_stack(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._push_global(_ascii(module), _ascii(name))

    def _push_global(self, module: str, name: str) -> None:
        known = _GLOBALS.get((module, name))
        if known is None:
            raise ValueError(f"it names {module}.{name}")
        self._stack.append(_Global(known))

    def call(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        name = function.name if isinstance(function, _Global) else ""
        if name == _DTYPE:
            self._stack.append(_DType(_ascii(arguments[0])))
        elif name == _RECONSTRUCT:
            self._stack.append(Array())
        elif name == _FROMBUFFER:
            array = Array()
            array.data, kind, array.shape, order = arguments
            array.dtype, array.fortran = kind.name, _ascii(order) != "C"
            self._stack.append(array)
        else:
            raise ValueError("it calls what is no function of arrays")

    def build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Array):
            _, target.shape, kind, target.fortran, target.data = state
            target.dtype = kind.name
        elif not isinstance(target, _DType):
            raise ValueError("it gives a state to what is no array")


def _is_key(key: Any) -> bool:
    if type(key) is int:
        return -_LARGEST_KEY < key < _LARGEST_KEY
    return type(key) in (str, bytes)


def _ascii(text: Any) -> str:
    """A name, which is text or bytes: of other values, as of lists in lists, texts have no end."""
    if not isinstance(text, (str, bytes)):
        raise TypeError("a name is none")
    return text.decode("ascii") if isinstance(text, bytes) else text


_CONSTANTS: dict[bytes, Any] = {b"N": None, b"\x88": True, b"\x89": False}
_NUMBERS = {b"J": "<i", b"K": "<B", b"M": "<H"}
_STRINGS = {
    b"T": ("<I", False), b"U": ("<B", False), b"B": ("<I", False), b"C": ("<B", False),
    b"\x8e": ("<Q", False), b"\x96": ("<Q", False),
    b"X": ("<I", True), b"\x8c": ("<B", True), b"\x8d": ("<Q", True),
}  # fmt: skip
_STEPS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _Machine.skip_protocol,
    b"\x95": _Machine.skip_frame,
    b"\x8a": _Machine.long,
    b"I": _Machine.decimal,
    b"L": _Machine.decimal,
    b"(": _Machine.mark,
    b"}": lambda machine: machine.new(dict),
    b"]": lambda machine: machine.new(list),
    b")": lambda machine: machine.new(tuple),
    b"t": _Machine.tuple_to_mark,
    b"l": _Machine.list_to_mark,
    b"d": _Machine.dict_to_mark,
    b"\x85": lambda machine: machine.tuple_of(1),
    b"\x86": lambda machine: machine.tuple_of(2),
    b"\x87": lambda machine: machine.tuple_of(3),
    b"a": lambda machine: machine.append([machine._stack.pop()]),
    b"e": lambda machine: machine.append(machine._pop_to_mark()),
    b"s": _Machine.set_item,
    b"u": lambda machine: machine.set_items(machine._pop_to_mark()),
    b"h": lambda machine: machine.get("<B"),
    b"j": lambda machine: machine.get("<I"),
    b"g": lambda machine: machine.get(""),
    b"q": lambda machine: machine.put("<B"),
    b"r": lambda machine: machine.put("<I"),
    b"p": lambda machine: machine.put(""),
    b"\x94": _Machine.memoize,
    b"c": _Machine.named,
    b"\x93": _Machine.named_on_stack,
    b"R": _Machine.call,
    b"b": _Machine.build,
}

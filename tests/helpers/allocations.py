"""Counts the bytes of arrays: whatever NumPy or OpenCV allocates for one, and so every copy."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_size_t, c_void_p, py_object
from dataclasses import dataclass
from typing import Any

from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

# NumPy's C API: https://numpy.org/doc/stable/reference/c-api/data_memory.html
_SET_HANDLER, _GET_HANDLER = 304, 305
_CAPSULE = b"mem_handler"
# NumPy's own allocators expect the interpreter's lock to be held.
_Malloc = ctypes.PYFUNCTYPE(c_void_p, c_void_p, c_size_t)
_Calloc = ctypes.PYFUNCTYPE(c_void_p, c_void_p, c_size_t, c_size_t)
_Realloc = ctypes.PYFUNCTYPE(c_void_p, c_void_p, c_void_p, c_size_t)


class _Handler(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", c_void_p),
        ("malloc", _Malloc),
        ("calloc", _Calloc),
        ("realloc", _Realloc),
        ("free", c_void_p),
    )


@dataclass
class Allocated:
    """Bytes of all arrays since the count began, given back or not."""

    total: int = 0


@contextmanager
def counted_allocations() -> Iterator[Allocated]:
    """Count meanwhile, in this thread."""
    allocated = Allocated()
    usual = _Handler.from_address(_pointer(_call(_GET_HANDLER), _CAPSULE))
    malloc, calloc, realloc = usual.malloc, usual.calloc, usual.realloc

    def counted(result: Any, size: int) -> Any:
        allocated.total += size
        return result

    handler = _Handler(
        b"counted",
        usual.version,
        usual.context,
        _Malloc(lambda context, size: counted(malloc(context, size), size)),
        _Calloc(lambda context, count, size: counted(calloc(context, count, size), count * size)),
        _Realloc(lambda context, at, size: counted(realloc(context, at, size), size)),
        usual.free,
    )
    # An array that outlives the count, and the interpreter, is given back through it.
    ctypes.pythonapi.Py_IncRef(py_object(handler))
    before = _call(_SET_HANDLER, _capsule(ctypes.addressof(handler), _CAPSULE, None))
    try:
        yield allocated
    finally:
        _call(_SET_HANDLER, before)


_capsule = ctypes.pythonapi.PyCapsule_New
_capsule.restype, _capsule.argtypes = py_object, [c_void_p, ctypes.c_char_p, c_void_p]
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = c_void_p, [py_object, ctypes.c_char_p]


def _call(number: int, *arguments: Any) -> Any:
    """Call a function of NumPy's C API that takes and returns objects."""
    table = _pointer(_multiarray_umath._ARRAY_API, None)
    address = ctypes.cast(table, ctypes.POINTER(c_void_p))[number]
    return ctypes.PYFUNCTYPE(py_object, *[py_object] * len(arguments))(address)(*arguments)

"""What a worker's memory may be, and how its allocator keeps it. On other systems than Linux, and
with other C libraries than glibc, memory is as it comes."""

from __future__ import annotations

import ctypes
import mmap
import sys
from contextlib import suppress
from pathlib import Path

# RGBA, flattened, RGB, an array: at the worst so many times three bytes a pixel.
_COPIES, _ROOM = 8, 1 << 28
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_ONE_PIECE = 1 << 30
_LARGE_PAGE, _LARGE_PAGES = 1 << 21, 1 << 28
# No process has more memory, and no system takes a greater number.
_ADDRESSES = 1 << 62


def keep_memory(in_use: int) -> None:
    """Have glibc keep freed images for the next ones, and the system hold them in large pages, of
    which the processor finds all places at once.

    Returning pages to the system and faulting them in again costs about 0.1 ms a photograph, small
    pages 0.05 ms. `in_use` is about how many bytes will be in use.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None)
    with suppress(AttributeError):  # another C library
        libc.mallopt(_M_MMAP_THRESHOLD, _ONE_PIECE)
        libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)
        _use_large_pages(libc, min(in_use, _LARGE_PAGES))


def _use_large_pages(libc: ctypes.CDLL, size: int) -> None:
    """Grow the heap by `size` bytes that nobody has touched yet, and ask for large pages there."""
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    start = libc.malloc(size)
    if start is None:  # the system gives less: then it has no room for speed either
        return
    first = -(-start // _LARGE_PAGE) * _LARGE_PAGE
    libc.madvise(first, max(start + size - first, 0), mmap.MADV_HUGEPAGE)
    libc.free(start)


def limit_memory(memory: int, max_pixels: int) -> None:
    """Bound what a decoder may allocate: `memory` bytes of images held, one of `max_pixels` in all
    the copies that its conversion takes, and some room. Beyond it, the image fails and not the run.
    """
    if not sys.platform.startswith("linux"):
        return
    import resource

    status = Path("/proc/self/status").read_text(encoding="ascii")
    in_use = int(status.partition("VmData:")[2].split()[0]) << 10
    limit = in_use + memory + _COPIES * 3 * max_pixels + _ROOM
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if limit < (_ADDRESSES if hard in (resource.RLIM_INFINITY, -1) else hard):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))

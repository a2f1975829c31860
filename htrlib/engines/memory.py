"""Settings of the C library's memory allocator (glibc only)."""

from __future__ import annotations

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4


def return_memory() -> None:
    """Return large freed arrays to the system.

    By default the threshold grows with the size of freed arrays, up to 32 MB, and each process
    would keep a hundred megabytes of unused feature maps.
    """
    _set(_M_MMAP_THRESHOLD, 4 << 20)
    _set(_M_TRIM_THRESHOLD, 16 << 20)


def reuse_memory() -> None:
    """Keep the memory of a page's arrays for the next page, and return what exceeds it.

    Otherwise the system clears new memory for each page, which took a twelfth of the time of
    reading. A thread keeps about 30 MB more.
    """
    _set(_M_MMAP_THRESHOLD, 32 << 20)
    _set(_M_TRIM_THRESHOLD, 128 << 20)


def return_free_memory() -> None:
    """Return all free memory to the system: an idle process then takes a fifth less.

    The next computation is slower, because the system must clear new pages for it.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def keep_memory() -> None:
    """Keep the memory of large freed arrays for the next ones, for training.

    Otherwise the system clears each new page, which took a twentieth of the time.
    """
    _set(_M_MMAP_MAX, 0)
    _set(_M_TRIM_THRESHOLD, 1 << 30)


def _set(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).mallopt(option, value)

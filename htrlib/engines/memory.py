"""Settings of the C library for freed memory (glibc only)."""

from __future__ import annotations

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4


def return_memory() -> None:
    """Give large arrays back to the system.

    The library's own threshold grows with what is freed, up to 32 MB, and each process would keep a
    hundred megabytes of feature maps that it no longer needs.
    """
    _set(_M_MMAP_THRESHOLD, 4 << 20)
    _set(_M_TRIM_THRESHOLD, 16 << 20)


def return_free_memory() -> None:
    """Give all that is free now back to the system: a process that waits keeps a fifth less.

    What comes next is slower by the pages that the system clears for it anew.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def keep_memory() -> None:
    """Keep large arrays for the next ones, which come at once where a network is trained.

    The system clears each page that it hands out anew, which took a twentieth of the time.
    """
    _set(_M_MMAP_MAX, 0)
    _set(_M_TRIM_THRESHOLD, 1 << 30)


def _set(option: int, value: int) -> None:
    with contextlib.suppress(OSError, AttributeError, TypeError):  # not glibc
        ctypes.CDLL(None).mallopt(option, value)

"""What the CPU can compute with, as the system lists it."""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")  # on Linux


@cache
def products_overflow() -> bool:
    """Return whether this CPU may lack VNNI, so that its fastest sums of 8-bit products overflow.

    True for every x86 CPU whose features the system does not list.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return False
    features = _features()
    return "avx512_vnni" not in features and "avx_vnni" not in features


@cache
def has_bfloat16() -> bool:
    """Return whether this CPU has AVX-512's instructions for products of bfloat16."""
    return "avx512_bf16" in _features()


def _features() -> str:
    try:
        return CPU_INFO.read_text(encoding="utf-8")
    except OSError:
        return ""

"""CPUs and memory available to this process, within container limits."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Optional

_CGROUPS = Path("/sys/fs/cgroup")
_UNLIMITED = 1 << 60  # cgroups version 1 reports "no limit" as a number above this


def available_cpus(cgroups: Path = _CGROUPS) -> int:
    """Return the number of CPUs this process may use, by its affinity and quota."""
    cpus = len(os.sched_getaffinity(0))
    quota = _quota(cgroups)
    return cpus if quota is None else max(1, min(cpus, math.floor(quota)))


def available_memory(cgroups: Path = _CGROUPS) -> int:
    """Return the bytes of memory this process may still allocate."""
    free = _meminfo("MemAvailable")
    for limit_name, used_name in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        limit, used = _number(cgroups / limit_name), _number(cgroups / used_name)
        if limit is not None and used is not None and limit < _UNLIMITED:
            # The page cache counts as used, but the kernel frees it on demand.
            cached = _cached(cgroups / used_name)
            free = min(free, max(0, limit - used + cached))
    return free


def _quota(cgroups: Path) -> Optional[float]:
    """Return the cgroup's CPU quota in CPUs, or None without a quota."""
    both = _text(cgroups / "cpu.max").split()
    if len(both) == 2 and both[0].isdigit():
        return int(both[0]) / int(both[1])
    quota = _number(cgroups / "cpu" / "cpu.cfs_quota_us")
    period = _number(cgroups / "cpu" / "cpu.cfs_period_us")
    return quota / period if quota and period and quota > 0 else None


def _cached(used: Path) -> int:
    for row in _text(used.with_name("memory.stat")).splitlines():
        name, _, value = row.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0


def _meminfo(name: str) -> int:
    for row in _text(Path("/proc/meminfo")).splitlines():
        if row.startswith(f"{name}:"):
            return int(row.split()[1]) * 1024
    return _UNLIMITED


def _number(path: Path) -> Optional[int]:
    text = _text(path).strip()
    return int(text) if text.lstrip("-").isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict

import pytest

from htrlib.serving import cpus

AFFINITY = len(os.sched_getaffinity(0))


def tree(root: Path, files: Dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="ascii")
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, AFFINITY),
        ({"cpu.max": "max 100000\n"}, AFFINITY),
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "9900000 100000\n"}, AFFINITY),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, AFFINITY),
        ({"cpu/cpu.cfs_quota_us": "190000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
    ],
)
def test_cpus_are_those_of_the_container(
    tmp_path: Path, files: Dict[str, str], expected: int
) -> None:
    assert cpus.available_cpus(tree(tmp_path, files)) == expected


@pytest.mark.parametrize("version", [1, 2])
def test_memory_is_that_of_the_container(tmp_path: Path, version: int) -> None:
    limit, used = (
        ("memory.max", "memory.current")
        if version == 2
        else ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")
    )
    stat = str(Path(used).with_name("memory.stat"))
    cached = "inactive_file 1000\n" if version == 2 else "total_inactive_file 1000\n"
    root = tree(tmp_path, {limit: "9000\n", used: "5000\n", stat: "anon 1\n" + cached})
    assert cpus.available_memory(root) == 5000


def test_without_a_limit_memory_is_that_of_the_machine(tmp_path: Path) -> None:
    root = tree(tmp_path, {"memory.max": "max\n", "memory.current": "5000\n"})
    assert cpus.available_memory(root) > 10_000

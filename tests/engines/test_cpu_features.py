"""What the system lists decides which products are computed."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, Optional

import pytest

from htrlib.engines import cpu_features


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(cpu_features, "CPU_INFO", path)
    questions = cpu_features.products_overflow, cpu_features.has_bfloat16
    for question in questions:
        question.cache_clear()
    yield path
    for question in questions:
        question.cache_clear()


@pytest.mark.parametrize(
    ("machine", "features", "overflow"),
    [
        ("x86_64", "fpu avx2 avx512f", True),
        ("x86_64", "fpu avx2 avx512f avx512_vnni", False),
        ("AMD64", "fpu avx2 avx_vnni", False),
        ("AMD64", None, True),
        ("aarch64", "fp asimd", False),
    ],
)
def test_products_overflow_on_x86_without_vnni(
    listed: Path,
    monkeypatch: pytest.MonkeyPatch,
    machine: str,
    features: Optional[str],
    overflow: bool,
) -> None:
    if features is not None:
        listed.write_text(f"flags : {features}\n")
    monkeypatch.setattr(cpu_features.platform, "machine", lambda: machine)
    assert cpu_features.products_overflow() == overflow


@pytest.mark.parametrize(
    ("features", "has"),
    [("fpu avx512f avx512_bf16", True), ("fpu avx512f avx512_vnni", False), (None, False)],
)
def test_bfloat16_is_what_the_system_lists(
    listed: Path, features: Optional[str], has: bool
) -> None:
    if features is not None:
        listed.write_text(f"flags : {features}\n")
    assert cpu_features.has_bfloat16() == has

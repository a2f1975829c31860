"""A tiny network, and generated lines to train it on."""

from __future__ import annotations

import functools
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from htrlib.data import Dataset, LineSample
from htrlib.synthesis.handwriting import BUNDLED_FONTS, draw_line, load_fonts

# For networks as tiny as these a second thread is all waiting; read when MXNet is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("an", "old", "oak", "door", "and", "a", "red", "cat", "on", "no", "road", "at", "noon")

TINY: Dict[str, Any] = {
    "stem": 8,
    "blocks": ((16, (2, 2)), (24, (2, 1))),
    "hidden": 32,
    "dropout": 0.0,
    "height": 24,
    "max_width": 640,
}


@functools.cache
def _drawn(text: str, seed: int) -> NDArray[np.uint8]:
    """(H, W) uint8 page with one written line."""
    fonts = load_fonts(BUNDLED_FONTS, "acdektnor")
    rng = np.random.default_rng(seed)
    ink = draw_line(text, fonts[seed % len(fonts)], 40.0, rng).ink
    return np.pad(255 - ink, 6, constant_values=255)


def make_lines(count: int, seed: int = 0, texts: Sequence[str] = ()) -> Dataset:
    """Lines of a few words, the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        words = rng.choice(WORDS, int(rng.integers(1, 4)))
        text = texts[number] if texts else " ".join(words)
        picture = functools.partial(_drawn, text, 1000 * seed + number)
        samples.append(LineSample(picture, text, f"line-{seed}-{number}"))
    return Dataset(tuple(samples))


@pytest.fixture(scope="module")
def script() -> Iterator[Callable[[str], Any]]:
    """Imports a script of `examples/pretrain` by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "examples" / "pretrain"))
        yield importlib.import_module


@pytest.fixture(scope="session")
def lines() -> Callable[..., Dataset]:
    return make_lines


@pytest.fixture
def launch() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start modules in separate processes, which end with the test."""
    started: List[subprocess.Popen[str]] = []

    def launch(module: str, *arguments: object, **variables: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, arguments)],
            cwd=ROOT,
            env={"PATH": "", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **variables},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield launch
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def tiny() -> Dict[str, Any]:
    return dict(TINY)

"""Compare the speed of the engines on rendered lines and pages, with one thread each.

    OMP_NUM_THREADS=1 python benchmarks/engines.py

The engines take turns, and the fastest round of each counts. Compare the ratios in the last column.
"onnx without C" has ONNX Runtime run the LSTMs, as on CPUs without AVX-512 VNNI.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from typing import Callable, Dict, List, Mapping, Sequence

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by MXNet when it is imported

from htrlib import compiled
from htrlib.bundle import Bundle, load_bundle
from htrlib.engines.choice import ENGINES
from htrlib.engines.onnx.calibration import calibration_inks
from htrlib.engines.onnx.engine import OnnxEngine, Recurrence
from htrlib.engines.port import LINES, PARAGRAPHS, RECOGNIZER, Engine, Ink
from htrlib.errors import DeviceError


class AllByOnnxRuntime(OnnxEngine):
    """The default engine as it is where the C part cannot run LSTMs."""

    def __init__(self, bundle: Bundle, device: str) -> None:
        super().__init__(bundle, device)
        self.name = "onnx without C"

    def _recurrence(self) -> Recurrence:
        return self._read_features


def fastest(works: Mapping[str, Callable[[], object]], rounds: int) -> Dict[str, float]:
    """Return the milliseconds of each task: the best of several rounds, taking turns."""
    best = dict.fromkeys(works, float("inf"))
    for work in works.values():
        work()  # creates plans and graphs
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            best[name] = min(best[name], 1000.0 * (time.perf_counter() - start))
    return best


def label(engine: Engine, network: str, pages: Sequence[Ink]) -> None:
    for page in pages:
        engine.label_pixels(network, page)


def show(title: str, milliseconds: Dict[str, float], count: int) -> None:
    slowest = max(milliseconds.values())
    print(f"\n{title}")
    for name, value in sorted(milliseconds.items(), key=lambda item: -item[1]):
        print(f"  {name:14s} {value / count:8.1f} ms   {slowest / value:5.2f} x")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--engines", nargs="+", default=["mxnet", "onnx-float32", "onnx"])
    parser.add_argument("--lines", type=int, default=16)
    parser.add_argument("--pages", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    bundle = load_bundle(args.bundle)
    engines: List[Engine] = []
    for name in args.engines:
        try:
            engines.append(ENGINES[name](bundle, args.device))
        except DeviceError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    engines += [AllByOnnxRuntime(bundle, args.device)] if compiled.runs_lstms() else []
    height = int(bundle.network_config(RECOGNIZER)["height"])
    inks = calibration_inks(bundle.charset.symbols, height)
    lines, pages = inks.lines[: args.lines], inks.pages[: args.pages]
    width = sum(line.shape[1] for line in lines) // len(lines)
    reading = {engine.name: partial(engine.read_lines, lines) for engine in engines}
    show(f"{RECOGNIZER}, a line of {width} columns", fastest(reading, args.rounds), len(lines))
    for network in (PARAGRAPHS, LINES):
        labeling = {engine.name: partial(label, engine, network, pages) for engine in engines}
        area = sum(page.size for page in pages) / len(pages) / 1e6
        title = f"{network}, a page of {area:.2f} million pixels"
        show(title, fastest(labeling, args.rounds), len(pages))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Speed of reading pages: end to end and by stage, beside Tesseract on the same pages.

    python benchmarks/pages.py ../shared/data/csafe/pages --limit 20 --tesseract
    python benchmarks/pages.py PAGES --dev ../shared/data/csafe/transcripts.json

Prints pages a second for each stage and the whole, and the peak memory of this process. The first
page is read once before the clock starts. Figures are ratios: Tesseract runs on the same pages in
the same run, one process with its own threads.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, TypeVar

import htrlib
from htrlib import data

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}
Result = TypeVar("Result")


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: Dict[str, float] = {}

    def __call__(self, stage: str, work: Callable[[], Result]) -> Result:
        start = time.perf_counter()
        result = work()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
        return result


def pages_of(folder: Path, dev: Optional[Path]) -> List[Path]:
    """The pages of a folder, or those of it that an annotation puts in the split `dev`."""
    if dev is not None:
        samples = data.load("pages_json", dev, split="dev").pages
        return [folder / Path(sample.source).name for sample in samples]
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def read(path: Path, clock: Clock, bundle: Optional[str]) -> int:
    """The four calls of the pipeline, each on the clock; returns the number of lines."""
    page = clock("load", lambda: htrlib.load_image(path))
    paragraph = clock("paragraph", lambda: htrlib.detect_paragraph(page, bundle=bundle))
    if paragraph is None:
        return 0
    lines = clock("lines", lambda: htrlib.segment_lines(page, paragraph, bundle=bundle))
    said = clock("recognition", lambda: htrlib.recognize_lines(page, lines, bundle=bundle))
    clock("decoding", lambda: [htrlib.decode(line, bundle=bundle) for line in said])
    return len(lines)


def machine() -> str:
    model = next(
        (
            row.split(":", 1)[1].strip()
            for row in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if row.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dev", type=Path, help="pages.json or transcripts.json: its dev pages")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--bundle")
    parser.add_argument("--tesseract", action="store_true")
    args = parser.parse_args()
    paths = pages_of(args.folder, args.dev)[: args.limit]
    if not paths:
        parser.error(f"no pages in {args.folder}")
    read(paths[0], Clock(), args.bundle)
    clock = Clock()
    start = time.perf_counter()
    lines = sum(read(path, clock, args.bundle) for path in paths)
    total = time.perf_counter() - start
    print(f"{machine()}; {len(paths)} pages, {lines} lines\n")
    print("| stage | ms a page | share |\n|---|---|---|")
    for stage, seconds in clock.seconds.items():
        print(f"| {stage} | {1000 * seconds / len(paths):.0f} | {seconds / total:.0%} |")
    print(f"| all | {1000 * total / len(paths):.0f} | |")
    print(f"\npages a second: {len(paths) / total:.2f}")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    if args.tesseract:
        if shutil.which("tesseract") is None:
            print("Tesseract is not installed")
            return 1
        start = time.perf_counter()
        for path in paths:
            subprocess.run(["tesseract", str(path), "-"], capture_output=True, check=True)
        peer = time.perf_counter() - start
        print(f"Tesseract, pages a second: {len(paths) / peer:.2f}; htrlib is {peer / total:.1f} x")
    return 0


if __name__ == "__main__":
    sys.exit(main())

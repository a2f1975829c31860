"""Speed of reading pages: end to end and by stage, beside Tesseract on the same pages.

    python benchmarks/pages.py ../shared/data/csafe/transcripts.json \
        ../shared/data/copiste/pages.json --tesseract
    python benchmarks/pages.py FOLDER

Prints milliseconds for each stage in this process (the first page is read once before the clock
starts), then pages a second and peak memory of the command `htr transcribe` on all pages, its start
included. Figures are ratios: Tesseract runs on the same pages in the same run, as its command does
by itself, one page after the other with its own threads, and as its friends run it, one thread a
page and a page a core.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
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


def pages_of(source: Path) -> List[Path]:
    """The pictures of a folder, or the pages that an annotation puts in the split `dev`."""
    if source.is_dir():
        return sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES)
    samples = data.load("pages_json", source, split="dev").pages
    return [Path(sample.image) for sample in samples if isinstance(sample.image, (str, Path))]


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


def stages(paths: List[Path], bundle: Optional[str]) -> None:
    """The table of what each stage takes, in this process."""
    read(paths[0], Clock(), bundle)
    clock = Clock()
    start = time.perf_counter()
    lines = sum(read(path, clock, bundle) for path in paths)
    total = time.perf_counter() - start
    print(f"{machine()}; {len(paths)} pages, {lines} lines\n")
    print("| stage | ms a page | share |\n|---|---|---|")
    for stage, seconds in clock.seconds.items():
        print(f"| {stage} | {1000 * seconds / len(paths):.0f} | {seconds / total:.0%} |")
    print(f"| all, one process | {1000 * total / len(paths):.0f} | |\n")


def tree_memory(root: int) -> float:
    """Megabytes that a process and its children take, what they share counted once."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(status.parent.name)] = int(status.read_text().rsplit(")", 1)[1].split()[1])
    family = {root}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    total = 0
    for process in family:
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += int(rollup.split("Pss:")[1].split()[0])
    return total / 1024


def command(paths: List[Path], bundle: Optional[str]) -> float:
    """Seconds of `htr transcribe` on all pages; prints its peak memory."""
    extra = ["--bundle", bundle] if bundle else []
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-m", "htrlib", "transcribe", *map(str, paths), "--output", folder, *extra]
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, *arguments])
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, tree_memory(process.pid))
            time.sleep(0.5)  # to look costs the command time
        seconds = time.perf_counter() - start
        if process.returncode:
            raise SystemExit(f"htr transcribe ended with status {process.returncode}")
    print(f"htr transcribe, pages a second: {len(paths) / seconds:.2f}; peak {peak:.0f} MB")
    return seconds


def tesseract(paths: List[Path], jobs: int, environment: Dict[str, str]) -> float:
    """Seconds that Tesseract takes, so many pages at once."""

    def once(path: Path) -> None:
        arguments = ["tesseract", str(path), "-"]
        subprocess.run(
            arguments, capture_output=True, check=True, env={**os.environ, **environment}
        )

    start = time.perf_counter()
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(once, paths))
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "source", type=Path, nargs="+", help="a folder of pictures, or a pages.json: its dev pages"
    )
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--bundle")
    parser.add_argument("--tesseract", action="store_true")
    args = parser.parse_args()
    paths = [path for source in args.source for path in pages_of(source)][: args.limit]
    if not paths:
        parser.error("no pages there")
    stages(paths, args.bundle)
    ours = command(paths, args.bundle)
    if args.tesseract:
        if shutil.which("tesseract") is None:
            print("Tesseract is not installed")
            return 1
        cores = len(os.sched_getaffinity(0))
        for name, jobs, environment in (
            ("with its own threads", 1, {}),
            ("one thread a page, a page a core", cores, {"OMP_THREAD_LIMIT": "1"}),
        ):
            peer = tesseract(paths, jobs, environment)
            print(f"Tesseract, {name}: {len(paths) / peer:.2f}; htr is {peer / ours:.2f} x")
    return 0


if __name__ == "__main__":
    sys.exit(main())

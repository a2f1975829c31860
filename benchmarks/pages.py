"""Measure the speed of reading by stage, and compare it with other readers on the same pages.

    python benchmarks/pages.py ../shared/data/csafe/transcripts.json \
        ../shared/data/copiste/pages.json --tesseract --rapidocr venv/bin/python --before OLD
    python benchmarks/pages.py FOLDER

Prints milliseconds for each stage in this process (the best of three times), then the pages per
second of each reader with one thread per page: a page at a time, and a page per core; starts are
included. Each row also has the CPU seconds per page, which depend less on other work here,
and how many times as fast htrlib is.

Tesseract needs `apt install tesseract-ocr`, and runs with its own threads too. RapidOCR runs in the
environment whose Python is named (`pip install rapidocr onnxruntime`). `--before` names a folder
that holds the package `htrlib` of an earlier version.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import htrlib
from htrlib import data
from htrlib.reading.pages import Reading
from htrlib.reading.pipeline import Pipeline

SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}
HTR = "htr transcribe"
BEFORE = f"{HTR}, before"
HANDWRITING = "--kinds handwritten"
RAPIDOCR = """
import sys
from rapidocr import RapidOCR
threads = {"EngineConfig.onnxruntime.%s_op_num_threads" % kind: 1 for kind in ("intra", "inter")}
read = RapidOCR(params=threads)
for path in sys.argv[1:]:
    read(path)
"""


def pages_of(source: Path) -> List[Path]:
    """Return the pictures of a folder, or the `dev` pages of an annotation file."""
    if source.is_dir():
        return sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES)
    samples = data.load("pages_json", source, split="dev").pages
    return [Path(sample.image) for sample in samples if isinstance(sample.image, (str, Path))]


def read(path: Path, pipeline: Pipeline) -> Reading:
    """Read a page as `htr transcribe` does, noting the time of each stage."""
    start = time.perf_counter()
    reading = Reading(htrlib.load_image(path))
    loaded = time.perf_counter() - start
    pipeline.read([reading])
    if reading.error is not None:
        raise reading.error
    reading.milliseconds["load"] = 1000.0 * loaded
    return reading


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
    """Print a table of the time of each stage in this process, the best of three rounds."""
    pipeline = Pipeline(bundle=bundle)
    read(paths[0], pipeline)
    best: Dict[str, float] = {}
    lines = 0
    for path in paths:
        rounds = [read(path, pipeline) for _ in range(3)]
        lines += len(rounds[0].lines)
        for stage in rounds[0].milliseconds:
            spent = min(reading.milliseconds[stage] for reading in rounds)
            best[stage] = best.get(stage, 0.0) + spent
    total = sum(best.values())
    print(f"{machine()}; {len(paths)} pages, {lines} lines\n")
    print("| stage | ms per page | share |\n|---|---|---|")
    for stage, spent in sorted(best.items(), key=lambda item: -item[1]):
        print(f"| {stage} | {spent / len(paths):.1f} | {spent / total:.1%} |")
    print(f"| all, one process | {total / len(paths):.1f} | |\n")


def tree_memory(root: int) -> float:
    """Return the megabytes of a process and its children, counting shared memory once."""
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


@dataclass(frozen=True)
class Command:
    """A program that reads pages.

    Attributes:
        arguments: command line, without the paths of pages.
        environment: additional environment variables.
        jobs: number of programs that run at once, each with a part of the pages.
        page_by_page: whether to start the program for each page.
    """

    arguments: Sequence[str]
    environment: Dict[str, str] = field(default_factory=dict)
    jobs: int = 1
    page_by_page: bool = False

    def run(self, paths: Sequence[Path]) -> Tuple[float, float, float]:
        """Read the pages; return the seconds, the CPU seconds and the peak megabytes."""
        count = len(paths) if self.page_by_page else self.jobs
        parts = [paths[number::count] for number in range(count)]
        start, cpu = time.perf_counter(), _cpu_seconds()
        with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(self.jobs) as pool:
            peaks = list(pool.map(lambda part: self._read(part, folder), parts))
        return time.perf_counter() - start, _cpu_seconds() - cpu, max(peaks)

    def _read(self, paths: Sequence[Path], folder: str) -> float:
        arguments = [argument.replace("FOLDER", folder) for argument in self.arguments]
        process = subprocess.Popen(
            [*arguments, *(str(path.resolve()) for path in paths)],
            cwd=folder,  # not the package htrlib in the current folder
            env={**os.environ, "OMP_NUM_THREADS": "1", **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, tree_memory(process.pid))
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)  # measuring takes the command's time
        if process.returncode:
            raise SystemExit(f"{arguments[0]} ended with status {process.returncode}")
        return peak


def _cpu_seconds() -> float:
    """Return the CPU seconds of the programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def commands(args: argparse.Namespace, cores: int) -> Iterator[Tuple[str, Command]]:
    """Return the name and command of each reader, htrlib's first."""
    jobs = (1, cores) if cores > 1 else (1,)
    packages = {HTR: Path(htrlib.__file__).parents[1]}
    if args.before:
        packages[BEFORE] = args.before.resolve()
    for name, folder in packages.items():
        for kinds in ("", HANDWRITING) if name == HTR else ("",):
            for number in jobs:
                arguments = [sys.executable, "-m", "htrlib", "transcribe", "--output", "FOLDER"]
                arguments += ["--jobs", str(number), *kinds.split()]
                arguments += ["--bundle", args.bundle] if args.bundle and name == HTR else []
                title = f"{name} {kinds}".strip()
                yield f"{title}; {number} at once", Command(arguments, {"PYTHONPATH": str(folder)})
    if args.tesseract:
        tesseract = ["sh", "-c", 'tesseract "$1" - -l "$0"', args.tesseract]
        own = Command(tesseract, {"OMP_NUM_THREADS": str(cores)}, page_by_page=True)
        yield "Tesseract, its own threads; 1 at once", own
        for number in jobs:
            one_thread = {"OMP_THREAD_LIMIT": "1"}
            yield f"Tesseract; {number} at once", Command(tesseract, one_thread, number, True)
    if args.rapidocr:
        for number in jobs:
            arguments = [str(args.rapidocr.absolute()), "-c", RAPIDOCR]
            yield f"RapidOCR; {number} at once", Command(arguments, jobs=number)


def compare(readers: Iterable[Tuple[str, Command]], paths: Sequence[Path]) -> None:
    """Print the table of readers; ratios compare with htrlib at the same number of pages at once.

    Earlier versions read only handwriting, and are compared with htrlib reading only handwriting.
    """
    print("| reader | pages per second | CPU s per page | peak MB | htr is, by clock | by CPU |")
    print("|---|---|---|---|---|---|")
    seen: Dict[str, Tuple[float, float]] = {}
    for name, command in readers:
        seconds, cpu, peak = command.run(paths)
        seen[name] = seconds, cpu
        ours = f"{HTR} {HANDWRITING}" if BEFORE in name else HTR
        own_seconds, own_cpu = seen[f"{ours}; {name.rpartition('; ')[2]}"]
        print(
            f"| {name} | {len(paths) / seconds:.2f} | {cpu / len(paths):.2f} | {peak:.0f} "
            f"| {seconds / own_seconds:.2f} x | {cpu / own_cpu:.2f} x |",
            flush=True,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "source", type=Path, nargs="+", help="a folder of pictures, or a pages.json: its dev pages"
    )
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--bundle")
    parser.add_argument(
        "--tesseract", nargs="?", const="eng", metavar="LANGUAGES", help="as eng+fra (default: eng)"
    )
    parser.add_argument("--rapidocr", type=Path, metavar="PYTHON")
    parser.add_argument("--before", type=Path, metavar="FOLDER")
    args = parser.parse_args()
    paths = [path for source in args.source for path in pages_of(source)][: args.limit]
    if not paths:
        parser.error("no pages there")
    if args.tesseract and shutil.which("tesseract") is None:
        parser.error("Tesseract is not installed")
    stages(paths, args.bundle)
    compare(commands(args, len(os.sched_getaffinity(0))), paths)
    return 0


if __name__ == "__main__":
    sys.exit(main())

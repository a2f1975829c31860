"""Read difficult inputs, and show the expected next to the actual results.

    python benchmarks/field.py ../shared/data/field

Every folder is a case, with the right answer in `expected.txt`. Prints a table (case, expected,
found) to compare by eye; with `--case` only those named.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Callable, Dict, Iterator, List, Optional

import htrlib
from htrlib import data
from htrlib.bundle import load_bundle
from htrlib.errors import HtrError
from htrlib.metrics import character_error_rate, page_text
from htrlib.reading.pipeline import Pipeline

BEGINS = "begins: "
PICTURES = (".png", ".tif", ".webp")


def read_pictures(case: Path, pipeline: Pipeline) -> str:
    """Describe the lines of each picture by number and start, with the CER if known."""
    expected = (case / "expected.txt").read_text(encoding="utf-8")
    start = expected.partition(BEGINS)[2].strip().replace(" / ", "\n")
    found = []
    for picture in sorted(path for path in case.iterdir() if path.suffix in PICTURES):
        result = pipeline.transcribe(picture)
        rows = result.text.split("\n")
        told = f"{picture.name}: {len(rows) if result.text else 0} lines"
        if start:
            pair = (page_text(start.split("\n")), page_text(rows[: start.count("\n") + 1]))
            told += f", CER of the start {character_error_rate([pair]):.2f}"
        told += f"; begins: {' / '.join(rows[:2])}"
        warnings = getattr(result, "warnings", ())
        found.append(told + "".join(f"; warning: {warning}" for warning in warnings))
    return "\n".join(found)


def load_labels(case: Path) -> str:
    """Describe the pages, lines and positions of labels, and the reported problems."""
    format = "alto" if case.name.startswith("alto") else "page_xml"
    pages = data.load(format, case)
    rows = [f"{len(pages.pages)} pages, {sum(len(page.lines) for page in pages.pages)} lines"]
    for page in pages.pages:
        for line in page.lines:
            place = "no place" if line.line is None else str(line.line.box.as_tuple())
            rows.append(f"{line.text!r} {place}")
    return "\n".join([*rows, *map(str, pages.problems)])


def run_command(*arguments: str) -> str:
    """Return the output of a command, and its exit status."""
    done = subprocess.run(
        [sys.executable, "-m", "htrlib", *arguments], capture_output=True, text=True
    )
    return f"{done.stdout}{done.stderr}exit status {done.returncode}"


def train_on_few(case: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        arguments = ["--epochs", "1", "--output", f"{scratch}/bundle", "--workers", "1"]
        source = ["train", "line-recognition", "--train", "lines", str(case)]
        return run_command(*source, *arguments)


def serve_webp(case: Path) -> str:
    """Check that the gateway accepts the content types, and a worker the body."""
    from htrlib.serving.bodies import BodyLimits, read_body
    from htrlib.serving.protocol import RefusedError, content_type_of

    content, found = (case / "page.webp").read_bytes(), []
    for name in ("image/webp", "image/jpg", "application/x-image"):
        try:
            body = read_body(content_type_of(name), content, BodyLimits(40_000_000, 25 << 20))
            found.append(f"{name}: {len(list(body.pages))} page is read")
        except RefusedError as error:
            found.append(f"{name}: {error.status.value} {error.message}")
    return "\n".join(found)


def found_in(case: Path, pipeline: Pipeline) -> str:
    special: Dict[str, Callable[[], str]] = {
        "few-pages-train": lambda: train_on_few(case),
        "folder-silent-skips": lambda: run_command("transcribe", str(case / "in")),
        "multipage-one-bad": lambda: run_command("transcribe", str(case / "three.tif")),
        "server-webp": lambda: serve_webp(case),
    }
    try:
        if case.name in special:
            return special[case.name]()
        if any(case.glob("*.xml")):
            return load_labels(case)
        return read_pictures(case, pipeline)
    except HtrError as error:
        return f"{type(error).__name__}: {error}"


def rows_of(name: str, expected: str, found: str) -> Iterator[str]:
    yield name
    for title, text in (("expected", expected), ("found", found)):
        for paragraph in text.strip().splitlines():
            wrapped = textwrap.wrap(paragraph, 96) or [""]
            for row in wrapped:
                yield f"  {title:9s} {row}"
                title = ""
    yield ""


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--case", nargs="+", help="only these")
    args = parser.parse_args(arguments)
    pipeline = Pipeline()
    print(f"htrlib {htrlib.__version__}, bundle {load_bundle().label}\n")
    for case in sorted(path for path in args.folder.iterdir() if path.is_dir()):
        if args.case and case.name not in args.case:
            continue
        expected = (case / "expected.txt").read_text(encoding="utf-8")
        print("\n".join(rows_of(case.name, expected, found_in(case, pipeline))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

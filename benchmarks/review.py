"""Measure the effort and the effect of labeling with `htr review`.

    python benchmarks/review.py label --data ../shared/data/hooker/train --pages 10 --work DIR
    htr train line-recognition --train review DIR/scans --minutes 10 --output DIR/bundle
    python benchmarks/review.py measure --data ../shared/data/hooker/dev --bundle DIR/bundle
    python benchmarks/review.py open --pages 2000 --data ../shared/data/hooker/dev --work DIR

`label` starts the server on copies of pages without labels and waits until they are read. Then it
corrects them through the API, as a person would, using the pages' PAGE XML as truth: it corrects
lines, adds missing ones, deletes spurious ones, and marks each page as done. It prints the
corrections, and the keystrokes per page for the differences from the reading (single characters
inserted, deleted or replaced, and one to go to each line), compared with typing everything.

`measure` evaluates pages before and after training. `open` opens a large folder, without and with
the index of an earlier start, and prints the seconds until the list is answered, and the memory.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple
from urllib.parse import quote

from rapidfuzz.distance import Levenshtein

from htrlib import data
from htrlib.data.corrected_pages import CorrectedPage
from htrlib.data.samples import LabeledLine, PageSample
from htrlib.document.geometry import Box
from htrlib.formats.page_editing import Stamp, write_page_file

SAME_LINE = 0.3  # minimum IoU of a found line and a true line
GO_TO_LINE = 1  # keystrokes
CONFIRM = 1
DRAW_LINE = 2  # pressing and releasing the mouse, counted as keystrokes


@dataclass
class Labor:
    """The effort of a person on some pages.

    Attributes:
        corrected: lines whose text was changed.
        right: lines that were read without errors.
        added: lines that were not found.
        deleted: spurious lines.
        keys: keystrokes to correct the readings.
        typed: keystrokes to type and draw everything.
    """

    pages: int = 0
    corrected: int = 0
    right: int = 0
    added: int = 0
    deleted: int = 0
    keys: int = 0
    typed: int = 0
    characters: int = 0
    edits: int = field(default=0)


class Server:
    """`htr review` on a free port."""

    def __init__(self, folder: Path, *options: str) -> None:
        command = [sys.executable, "-m", "htrlib", "review", str(folder), "--port=0"]
        self.begun = time.perf_counter()
        self.process = subprocess.Popen(
            [*command, "--no-browser", *options], stdout=subprocess.PIPE, text=True
        )
        if self.process.stdout is None:
            raise RuntimeError("the server has no output")
        address = self.process.stdout.readline().split()[-1]
        self.port = int(address.rstrip("/").rpartition(":")[2])

    def ask(self, method: str, path: str, value: Any = None) -> Any:
        """Send a request and return the JSON of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        headers = {"Content-Type": "application/json", "X-HTR-Review": "1", "X-HTR-Name": "script"}
        body = None if value is None else json.dumps(value)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {content}")
        return content

    def wait_until_read(self) -> None:
        """Wait for the background reading."""
        while True:
            overview = self.ask("GET", "/api/overview")
            if not overview["counts"]["new"]:
                return
            print(f"{overview['counts']['new']} pages are left to read", file=sys.stderr)
            time.sleep(5)


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[Server]:
    server = Server(folder, *options)
    try:
        yield server
    finally:
        server.process.terminate()
        server.process.wait()


def label(samples: Sequence[PageSample], work: Path, bundle: Optional[str]) -> Labor:
    """Correct pages through the server's API."""
    scans = work / "scans"
    scans.mkdir(parents=True)
    truth = {}
    for sample in samples:
        if not isinstance(sample.image, Path):
            raise TypeError(f"{sample.source}: the picture is no file")
        shutil.copyfile(sample.image, scans / sample.image.name)
        truth[sample.image.name] = sample
    labor = Labor()
    with serving(scans, *(() if bundle is None else ("--bundle", bundle))) as server:
        server.wait_until_read()
        for name, sample in truth.items():
            correct_page(server, name, sample, labor)
        print(json.dumps(server.ask("GET", "/api/overview")["counts"]))
    return labor


def correct_page(server: Server, name: str, sample: PageSample, labor: Labor) -> None:
    """Correct a page to its truth."""
    path = f"/api/pages/{quote(name)}"
    page = server.ask("GET", path)
    wanted = [line for line in sample.lines if line.text and line.line is not None]
    pairs = matched(page["lines"], wanted)
    labor.pages += 1
    for line in list(page["lines"]):
        truth = pairs.get(line["id"])
        if truth is None:
            edit: Dict[str, Any] = {"do": "delete", "id": line["id"]}
            labor.deleted += 1
            labor.keys += GO_TO_LINE + 1
        else:
            edit = {"do": "text", "id": line["id"], "text": truth.text}
            errors = Levenshtein.distance(line["text"], truth.text)
            labor.edits += errors
            labor.keys += (GO_TO_LINE + errors if errors else 0) + CONFIRM
            labor.corrected += bool(errors)
            labor.right += not errors
        page = server.ask("POST", f"{path}/edits", {"version": page["version"], "edits": [edit]})[
            "page"
        ]
    found = {id(truth) for truth in pairs.values()}
    for index, truth in enumerate(wanted):
        labor.characters += len(truth.text)
        labor.typed += DRAW_LINE + len(truth.text) + CONFIRM
        if id(truth) in found or truth.line is None:
            continue
        labor.added += 1
        labor.keys += DRAW_LINE + len(truth.text) + CONFIRM
        line_json = {"text": truth.text, "box": list(truth.line.box.as_tuple())}
        edit = {"do": "add", "line": line_json, "index": index}
        page = server.ask("POST", f"{path}/edits", {"version": page["version"], "edits": [edit]})[
            "page"
        ]
    done = {"version": page["version"], "edits": [{"do": "done", "done": True}]}
    server.ask("POST", f"{path}/edits", done)


def matched(
    lines: Sequence[Dict[str, Any]], wanted: Sequence[LabeledLine]
) -> Dict[str, LabeledLine]:
    """Match found lines, by id, with true lines."""
    overlaps: List[Tuple[float, str, int]] = []
    for line in lines:
        if line["box"] is None:
            continue
        box = Box(*line["box"])
        for index, truth in enumerate(wanted):
            if truth.line is not None:
                overlaps.append((box.iou(truth.line.box), line["id"], index))
    pairs: Dict[str, LabeledLine] = {}
    taken = set()
    for overlap, name, index in sorted(overlaps, reverse=True):
        if overlap >= SAME_LINE and name not in pairs and index not in taken:
            pairs[name] = wanted[index]
            taken.add(index)
    return pairs


def measure(path: str, bundle: str) -> None:
    """Print the CER of whole pages before and after training."""
    for name in ("english", bundle):
        command = [sys.executable, "-m", "htrlib", "evaluate", "--data", "page_xml", path]
        done = subprocess.run(
            [*command, "--bundle", name, "--format", "json"],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        for decoder, rates in json.loads(done.stdout)["decoders"].items():
            print(f"{name}, {decoder}: CER {rates['cer']['rate']:.4f} {rates['cer']['interval']}")


def open_folder(pages: int, work: Path, picture: Path) -> None:
    """Time the opening of a folder of many pages, half of them read before."""
    scans = work / f"{pages} pages"
    scans.mkdir(parents=True)
    sample = next(iter(data.load("page_xml", picture.with_suffix(".xml")).pages))
    page = CorrectedPage.of_sample(sample)
    for number in range(pages):
        name = scans / f"{number:05d}{picture.suffix}"
        shutil.copyfile(picture, name)
        if number % 2:
            file = name.with_suffix(".xml")
            stamp = Stamp("benchmark", "in work")
            file.write_bytes(write_page_file(None, page, name.name, stamp, file))
    for start in ("first", "second"):
        with serving(scans) as server:
            server.ask("POST", "/api/reading", {"paused": True})
            listed = server.ask("GET", "/api/pages?limit=200")
            seconds = time.perf_counter() - server.begun
            spent = f"{seconds:.2f} s, {processor(server)} s of a core"
            print(f"{start} start: {listed['total']} pages listed after {spent}", flush=True)
            begun = time.perf_counter()
            for offset in range(0, pages, 200):
                server.ask("GET", f"/api/pages?offset={offset}&limit=200")
            print(f"the whole list: {time.perf_counter() - begun:.2f} s, {memory(server)} MB")
            time.sleep(60 if start == "first" else 0)  # until all files were parsed
            begun = time.perf_counter()
            found = server.ask("GET", "/api/pages?search=the")["total"]
            seconds = time.perf_counter() - begun
            print(f"a search finds {found} pages in {seconds:.2f} s, {memory(server)} MB")


def memory(server: Server) -> str:
    """Return the resident memory of the server in megabytes (on Linux)."""
    try:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
    except OSError:
        return "?"
    rows = dict(row.split(":", 1) for row in status.splitlines() if ":" in row)
    return f"{int(rows['VmRSS'].split()[0]) / 1024:.0f}"


def processor(server: Server) -> str:
    """Return the CPU seconds of the server (on Linux)."""
    try:
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "?"
    return f"{(int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK'):.2f}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("task", choices=("label", "measure", "open"))
    parser.add_argument("--data", type=Path, help="folder of pages with PAGE XML")
    parser.add_argument("--pages", type=int, default=10)
    parser.add_argument("--work", type=Path, help="folder that is made")
    parser.add_argument("--bundle", help="that reads the pages; with measure, the trained one")
    return parser.parse_args()


def main() -> None:
    parsed = parse()
    if parsed.task == "measure":
        measure(str(parsed.data), parsed.bundle)
        return
    if parsed.task == "open":
        pictures = sorted(path for path in parsed.data.glob("*.jpg"))
        open_folder(parsed.pages, parsed.work, pictures[0])
        return
    pages = data.load("page_xml", parsed.data).pages[: parsed.pages]
    labor = label(pages, parsed.work, parsed.bundle)
    print(json.dumps(labor.__dict__))
    print(
        f"{labor.pages} pages, {labor.characters} characters: {labor.right} lines were right, "
        f"{labor.corrected} corrected, {labor.added} added, {labor.deleted} deleted"
    )
    print(
        f"keystrokes per page: {labor.keys / labor.pages:.0f} with the proposals, "
        f"{labor.typed / labor.pages:.0f} typing all"
    )


if __name__ == "__main__":
    main()

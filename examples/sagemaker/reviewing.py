"""Label pages with `htr review` beside a notebook: in a browser, or by a simulated person.

The simulated person knows only the sample pages, and sends the requests that the page in the
browser sends (docs/review.md).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple
from urllib.parse import quote

from htrlib.document.geometry import Box

METADATA = Path("/opt/ml/metadata/resource-metadata.json")
"""What a notebook instance or a space of Studio knows of itself."""

SAME_LINE = 0.3  # IoU of the boxes of a line that was found and one that is written
PAUSE = 1.0  # seconds between two looks at how many pages are read

Lines = Sequence[Tuple[str, Box]]


class Review:
    """A run of `htr review` on a free port of this machine.

    Attributes:
        address: to open in a browser.
    """

    def __init__(self, pages: Path, labels: Path) -> None:
        self._port, self._token = _free_port(), secrets.token_urlsafe(16)
        server, base = _address_of_jupyter(self._port)
        self.address = f"{server}{base}?token={self._token}"
        command = [sys.executable, "-m", "htrlib", "review", str(pages), "--output", str(labels)]
        command += ["--port", str(self._port), "--base-path", base, f"--token={self._token}"]
        self._process = subprocess.Popen(
            [*command, "--no-browser"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # stopping a cell stops what runs in the kernel's own
        )
        said = self._process.stdout.readline()
        if self._token not in said:
            raise RuntimeError(f"htr review did not start: {said}{self._process.communicate()[0]}")

    def __repr__(self) -> str:
        return f"htr review shows {len(self.pages())} pages"

    def pages(self) -> List[str]:
        """The names of the pages."""
        return [page["name"] for page in self.ask("GET", "api/pages?limit=1000")["pages"]]

    def wait_until_read(self) -> None:
        """Return when the model has read all pages."""
        while self.ask("GET", "api/overview")["counts"]["new"]:
            time.sleep(PAUSE)

    def edit(self, page: Mapping[str, Any], *edits: Mapping[str, Any]) -> Dict[str, Any]:
        """Change a page, and return the result."""
        asked = {"version": page["version"], "edits": edits}
        return self.ask("POST", f"api/pages/{quote(page['name'])}/edits", asked)["page"]

    def ask(self, method: str, path: str, value: object = None) -> Any:
        """Send a request, and return the JSON of the answer.

        Raises:
            RuntimeError: it is refused.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=600)
        headers = {
            "Content-Type": "application/json",
            "Cookie": f"htr-review={self._token}",
            "X-HTR-Review": "1",
            "X-HTR-Name": "notebook",
        }
        with contextlib.closing(connection):
            connection.request(method, f"/{path}", json.dumps(value) if value else None, headers)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        if answer.status != http.client.OK:
            raise RuntimeError(f"{method} {path}: {answer.status} {content}")
        return content

    def end(self) -> None:
        """Stop the server; the labels are on disk."""
        self._process.terminate()
        self._process.communicate()


def label(review: Review, pages: Mapping[str, Lines]) -> int:
    """Correct pages as a person does, and return how many lines were confirmed.

    Args:
        review: which shows the pages.
        pages: what is written where, by the name of the page.
    """
    review.wait_until_read()
    return sum(_label_page(review, name, lines) for name, lines in pages.items())


def _label_page(review: Review, name: str, lines: Lines) -> int:
    """Correct the lines found, delete false ones, and draw missing ones."""
    page = review.ask("GET", f"api/pages/{quote(name)}")
    found = {line["id"]: Box(*line["box"]) for line in page["lines"] if line["box"]}
    pairs = _matched(found, lines)
    for line in page["lines"]:
        if line["id"] in pairs:
            text, _ = lines[pairs[line["id"]]]
            page = review.edit(page, {"do": "text", "id": line["id"], "text": text})
        else:
            page = review.edit(page, {"do": "delete", "id": line["id"]})
    for index, (text, box) in enumerate(lines):
        if index not in pairs.values():
            drawn = {"text": text, "box": list(box.as_tuple())}
            page = review.edit(page, {"do": "add", "line": drawn, "index": index})
    page = review.edit(page, {"do": "done", "done": True})
    return sum(line["confirmed"] for line in page["lines"])


def _matched(found: Mapping[str, Box], lines: Lines) -> Dict[str, int]:
    """Return the written line that matches each found line, by id."""
    overlaps = [
        (box.iou(written), name, index)
        for name, box in found.items()
        for index, (_, written) in enumerate(lines)
    ]
    pairs: Dict[str, int] = {}
    for overlap, name, index in sorted(overlaps, reverse=True):
        if overlap >= SAME_LINE and name not in pairs and index not in pairs.values():
            pairs[name] = index
    return pairs


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _address_of_jupyter(port: int) -> Tuple[str, str]:
    """Return the server at which a browser reaches this machine, and the path of a port there."""
    if not METADATA.is_file():
        return f"http://127.0.0.1:{port}", "/"
    resource = json.loads(METADATA.read_text(encoding="utf-8"))["ResourceArn"]
    server = "(the address of this notebook, up to .sagemaker.aws)"
    if ":notebook-instance/" in resource:
        return server, f"/proxy/{port}/"
    return server, f"/jupyterlab/default/proxy/{port}/"  # a JupyterLab space of Studio

"""A server that is killed at any moment loses nothing that it acknowledged."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import itertools
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from htrlib.formats.page_editing import read_page_file
from htrlib.images.numbered_pages import page_size
from tests.review.running import WAIT_SECONDS, Client, write_xml

Make = Callable[..., Path]

EDITS, KILLS = 400, 10  # half of the edits are made, on average
NAMES = ("a.png", "b.png", "c.png")


class Killable:
    """`htr review` in a separate process."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "htrlib", "review", str(folder), "--port=0", "--no-browser"],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stdout is not None
        address = self.process.stdout.readline().split()[-1]
        self.client = Client(int(address.rstrip("/").rpartition(":")[2]))

    def kill(self) -> None:
        self.process.kill()

    def wait(self) -> None:
        self.process.wait(WAIT_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextlib.contextmanager
def killable(folder: Path) -> Iterator[Killable]:
    server = Killable(folder)
    try:
        yield server
    finally:
        server.kill()
        server.wait()


def random_edit(page: Any, random_: random.Random) -> Dict[str, Any]:
    """An edit that fits the page."""
    lines = page["lines"]
    text = " ".join(random_.choice(("a", "bc", "déf")) for _ in range(random_.randint(1, 5)))
    top = random_.randint(0, 80)
    add = {"do": "add", "index": 0, "line": {"text": text, "box": [5, top, 150, top + 15]}}
    if len(lines) < 2:
        return add
    line = random_.choice(lines)["id"]
    return random_.choice(
        [
            add,
            {"do": "text", "id": line, "text": text},
            {"do": "delete", "id": line},
            {"do": "order", "id": line, "index": random_.randint(0, len(lines))},
            {"do": "move", "id": line, "box": [5, top, 150, top + 15]},
            {"do": "merge", "first": lines[0]["id"], "second": lines[1]["id"]},
            {"do": "done", "done": not page["done"]},
        ]
    )


def written(picture: Path) -> List[Any]:
    """The lines of a picture's file: ids, texts, and whether they are confirmed."""
    path = picture.with_suffix(".xml")
    page = read_page_file(path.read_bytes(), path, page_size(picture)).page
    return [(line.id, line.text, line.confirmed) for line in page.lines]


def acknowledged(page: Any) -> List[Any]:
    return [(line["id"], line["text"], line["confirmed"]) for line in page["lines"]]


def version_before(picture: Path) -> str:
    """The last stored version of a page."""
    folder = picture.parent / ".htr-review" / "history" / picture.name
    return hashlib.sha256(gzip.decompress(max(folder.iterdir()).read_bytes())).hexdigest()


@pytest.mark.slow
def test_every_acknowledged_edit_is_on_disk_and_every_file_is_whole(make_picture: Make) -> None:
    random_ = random.Random(1)
    pictures = {name: make_picture(name) for name in NAMES}
    for picture in pictures.values():
        write_xml(picture, "one two", "three")
    for _ in range(KILLS):
        with killable(pictures["a.png"].parent) as server:
            pages = {name: server.client.page(name) for name in NAMES}
            killed_at, asked = random_.randrange(EDITS // KILLS), ""
            with contextlib.suppress(OSError):  # which the kill ends
                for number in itertools.count():
                    if number >= killed_at:
                        threading.Timer(random_.random() / 30, server.kill).start()
                    asked = random_.choice(NAMES)
                    edit = random_edit(pages[asked], random_)
                    reply = server.client.edit(asked, pages[asked]["version"], edit)
                    assert reply.status == 200, reply.body
                    pages[asked] = reply.json["page"]
            server.wait()
        for name, picture in pictures.items():
            if written(picture) != acknowledged(pages[name]):
                # The last edit was written and not acknowledged: then what was is kept.
                assert name == asked
                assert version_before(picture) == pages[name]["version"]

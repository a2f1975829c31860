"""A review server on a free port with simulated readers, and a client."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence
from urllib.parse import quote

import pytest

from htrlib.bundle import BUNDLED, DEFAULT, load_bundle
from htrlib.data.corrections import CorrectedLine, CorrectedPage
from htrlib.document.geometry import Box, Size
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription, Word
from htrlib.errors import ImageError
from htrlib.formats.page_editing import Stamp, write_page_file
from htrlib.images.numbered_pages import page_size

pytest.importorskip("aiohttp", reason="the extra review is not installed: no aiohttp")

from aiohttp import web

from htrlib.review.access import Access
from htrlib.review.folder import ReviewFolder
from htrlib.review.readers import PagePicture
from htrlib.review.routes import application
from htrlib.review.service import ReviewService
from tests.replies import Reply

WAIT_SECONDS = 60.0  # for anything; it is never waited for so long unless something is broken
CHANGE = {"Content-Type": "application/json", "X-HTR-Review": "1"}


def line_result(number: int, text: str, top: float) -> LineResult:
    """A line that was read, with its words."""
    words = []
    left = 10.0
    for word in text.split():
        words.append(Word(word, 0.5, 0, 1, Box(left, top, left + 20, top + 10)))
        left += 25
    place = TextLine(Box(10, top, 150, top + 12), id=f"line-{number}", kind="handwritten")
    said = Transcription(text, -1.0, 0.6, tuple(words), alternatives=((f"{text}?", -2.0),))
    return LineResult(place, said)


class StandInReaders:
    """Reads two lines on every page, at once or when released."""

    jobs = 1

    def __init__(self, label: str = "stand-in 1", bundle: str = str(BUNDLED / DEFAULT)) -> None:
        self.label, self.bundle = label, bundle
        self.texts = ["one two", "three four"]
        self.held = False
        self.asked: List[PagePicture] = []
        self.broken: Dict[str, Exception] = {}
        self._kept: List[Callable[[], None]] = []

    def page(self, picture: PagePicture) -> Future[PageResult]:
        future: Future[PageResult] = Future()
        self.asked.append(picture)

        def give() -> None:
            if picture.path.name in self.broken:
                future.set_exception(self.broken[picture.path.name])
                return
            lines = [line_result(n, text, 20.0 * n) for n, text in enumerate(self.texts, start=1)]
            size = page_size(picture.path, picture.number)
            future.set_result(
                PageResult(size, None, tuple(lines), self.label, warnings=("a warning",))
            )

        if self.held:
            self._kept.append(give)
        else:
            give()
        return future

    def release(self) -> None:
        """Release the pages that were held back."""
        kept, self._kept = self._kept, []
        for give in kept:
            give()

    def lines(self, picture: PagePicture, places: Sequence[TextLine]) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(
            tuple(CorrectedLine(p.id, f"anew {p.id}", p, confidence=0.7) for p in places)
        )
        return future

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Client:
    """Sends requests like the page in the browser."""

    port: int
    headers: Mapping[str, str] = field(default_factory=lambda: dict(CHANGE))

    def ask(
        self,
        method: str,
        path: str,
        body: Optional[bytes] = None,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())

    def get(self, path: str, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("GET", path, headers=named)

    def post(self, path: str, value: Any, **headers: str) -> Reply:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return self.ask("POST", path, json.dumps(value).encode(), {**self.headers, **named})

    def page(self, name: str) -> Any:
        reply = self.get(f"/api/pages/{quote(name)}")
        assert reply.status == 200, reply.body
        return reply.json

    def edit(self, name: str, version: str, *edits: Any, **headers: str) -> Reply:
        data = {"version": version, "edits": list(edits)}
        return self.post(f"/api/pages/{quote(name)}/edits", data, **headers)


@dataclass
class Running:
    """A server and its parts."""

    client: Client
    service: ReviewService
    readers: StandInReaders

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until a condition holds."""
        end = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < end, f"it never happened: {what}"
            time.sleep(0.02)


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    output: Optional[Path] = None,
    readers: Optional[StandInReaders] = None,
    token: Optional[str] = None,
    base_path: str = "/",
    background: bool = False,
) -> Iterator[Running]:
    """A server over a folder, ended afterwards.

    Args:
        background: whether new pages are read.
    """
    readers = readers or StandInReaders()
    service = ReviewService(
        ReviewFolder(folder, output),
        readers,  # type: ignore[arg-type]
        lambda bundle: StandInReaders(load_bundle(bundle).label, bundle),  # type: ignore[arg-type,return-value]
        people=token is not None,
        token=token is not None,
    )
    loop = asyncio.new_event_loop()
    ready: Future[int] = Future()
    executor = ThreadPoolExecutor(4)

    async def start() -> web.AppRunner:
        runner = web.AppRunner(application(service, Access(token), executor, base_path))
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ready.set_result(runner.addresses[0][1])
        return runner

    def run() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        client = Client(ready.result(WAIT_SECONDS))
        if background:
            service.start()
        yield Running(client, service, readers)
    finally:
        service.end()
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_SECONDS)
        executor.shutdown()


def write_xml(
    picture: Path, *texts: str, confirmed: bool = False, state: str = "read", by: str = ""
) -> Path:
    """Put a PAGE XML file with lines of these texts beside a picture of 200 x 100 pixels."""
    lines = []
    for number, text in enumerate(texts, start=1):
        result = line_result(number, text, 20.0 * number)
        line = CorrectedPage.of_result(PageResult(Size(200, 100), None, (result,))).lines[0]
        lines.append(replace(line, confirmed=confirmed))
    page = CorrectedPage(Size(200, 100), tuple(lines), done=state == "done")
    path = picture.with_suffix(".xml")
    path.write_bytes(write_page_file(None, page, picture.name, Stamp(by, state), path))
    return path


def broken_picture(name: str) -> ImageError:
    return ImageError(f"{name}: the picture is damaged")

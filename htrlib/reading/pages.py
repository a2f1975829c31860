"""Pages of concurrent requests to results: the stages of the pipeline, with options for each page.

Lines of all pages are recognized together. What is read of a page does not depend on its company,
and what fails on one page fails for this one alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Optional, Sequence, Tuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from htrlib.bundle import Bundle
from htrlib.document.geometry import Box, Size
from htrlib.document.results import LineResult, LogProbs, PageResult, TextLine, Transcription
from htrlib.images.loading import check_page
from htrlib.serving.protocol import Options
from htrlib.stages import decoding, lines, paragraph, recognition

Page = NDArray[np.uint8]
Value = TypeVar("Value")


@dataclass
class Reading:
    """A page on its way through the stages.

    Attributes:
        page: (H, W) uint8.
        options: how it is read.
        result: when it is done.
        error: what stopped it.
        milliseconds: by stage; recognition's is that of all pages together.
    """

    page: Page
    options: Options
    result: Optional[PageResult] = None
    error: Optional[Exception] = None
    milliseconds: Dict[str, float] = field(default_factory=dict)
    paragraph: Optional[Box] = None
    lines: Tuple[TextLine, ...] = ()

    def timed(self, stage: str, work: Callable[[], Value]) -> Value:
        start = time.perf_counter()
        value = work()
        self.milliseconds[stage] = 1000.0 * (time.perf_counter() - start)
        return value


def read_pages(readings: Sequence[Reading], bundle: Bundle) -> None:
    """Read pages; each `Reading` has its `result` or its `error` then."""
    for reading in readings:
        _guarded(reading, lambda reading=reading: _find_lines(reading, bundle))  # type: ignore[misc]
    wanted = [
        reading for reading in readings if reading.error is None and reading.options.stage == "text"
    ]
    for reading, said in zip(wanted, _recognize(wanted, bundle)):
        _guarded(reading, lambda r=reading, s=said: _decode(r, s, bundle))  # type: ignore[misc]
    for reading in readings:
        if reading.error is None and reading.result is None:
            empty = Transcription("", 0.0, 0.0)
            _finish(reading, tuple(LineResult(line, empty) for line in reading.lines), bundle)


def _guarded(reading: Reading, work: Callable[[], None]) -> None:
    try:
        work()
    except Exception as error:
        reading.error = error


def _find_lines(reading: Reading, bundle: Bundle) -> None:
    page = check_page(reading.page)
    reading.paragraph = found = reading.timed(
        "paragraph", lambda: paragraph.detect_paragraph(page, bundle=bundle)
    )
    if found is not None and reading.options.stage != "paragraph":
        reading.lines = reading.timed(
            "lines", lambda: lines.segment_lines(page, found, bundle=bundle)
        )


def _recognize(readings: Sequence[Reading], bundle: Bundle) -> List[Tuple[LogProbs, ...]]:
    """What is said of each page's lines; nothing of a page on which it fails."""
    if not readings:
        return []
    start = time.perf_counter()
    try:
        said = list(
            recognition.recognize_pages(
                [reading.page for reading in readings],
                [reading.lines for reading in readings],
                bundle=bundle,
            )
        )
    except Exception as error:
        if len(readings) > 1:  # whose fault it is shows when each is read alone
            return [said for reading in readings for said in _recognize([reading], bundle)]
        readings[0].error = error
        return [()]
    for reading in readings:
        reading.milliseconds["recognition"] = 1000.0 * (time.perf_counter() - start)
    return said


def _decode(reading: Reading, said: Sequence[LogProbs], bundle: Bundle) -> None:
    if reading.error is not None:
        return
    model = "bundled" if reading.options.language_model else None

    def decode(line: LogProbs) -> Transcription:
        return decoding.decode(
            line, bundle=bundle, beam_width=reading.options.beam_width, language_model=model
        )

    texts = reading.timed("decoding", lambda: [decode(line) for line in said])
    _finish(reading, tuple(map(LineResult, reading.lines, texts)), bundle)


def _finish(reading: Reading, results: Tuple[LineResult, ...], bundle: Bundle) -> None:
    height, width = reading.page.shape
    reading.result = PageResult(Size(width, height), reading.paragraph, results, bundle.label)

"""Pages of artificial lines, and a pipeline that returns the texts a test gives it."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.data import LabeledLine, LabeledWord, LineSample, PageSample
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box, Size
from htrlib.document.results import LogProbs, TextLine, Transcription
from htrlib.evaluation import Decoders
from htrlib.reading.pipeline import Pipeline

WIDTH, STEP = 110, 20  # pixels; a page of one line must not look like the picture of one
CHARSET = Charset.from_text("abcdefghijklmnopqrstuvwxyz ")


def place(index: int) -> TextLine:
    """Of the index-th line."""
    return TextLine(Box(10, STEP * index, WIDTH - 10, STEP * index + 15))


def blank(lines: int) -> NDArray[np.uint8]:
    return np.full((STEP * lines + 10, WIDTH), 255, np.uint8)


def page(
    texts: Sequence[str],
    source: str = "page",
    placed: bool = True,
    image: Optional[Callable[[], NDArray[np.uint8]]] = None,
) -> PageSample:
    """A page with these lines, each with a word box."""
    lines = tuple(
        LabeledLine(
            text,
            place(index) if placed else None,
            (LabeledWord("word", Box(12, STEP * index + 2, 60, STEP * index + 13)),),
            id=f"l{index}",
        )
        for index, text in enumerate(texts)
    )
    return PageSample(
        image or (lambda: blank(len(texts))),
        Size(WIDTH, STEP * len(texts) + 10),
        source,
        lines,
        Box(10, 0, WIDTH - 10, STEP * len(texts) - 5) if placed and texts else None,
    )


def line(text: str, source: str = "line", **options: Any) -> LineSample:
    return LineSample(lambda: blank(1), text, source, **options)


def reader(texts: Sequence[str]) -> Tuple[Pipeline, Decoders]:
    """A pipeline that finds as many lines as there are texts, and reads them, in this order.

    Where lines are given, it reads the next texts as the lines come. The decoder "upper" reads all
    in capitals.
    """
    left: List[str] = list(texts)

    def recognize(image: Any, lines: Sequence[TextLine]) -> Sequence[LogProbs]:
        return [
            LogProbs(np.full((1, len(CHARSET) + 1), next(numbers), np.float32), CHARSET)
            for _ in lines
        ]

    numbers = iter(range(len(left)))

    def plain(said: LogProbs) -> Transcription:
        return Transcription(left[int(said.values[0, 0])], 0.0, 1.0)

    def upper(said: LogProbs) -> Transcription:
        return Transcription(left[int(said.values[0, 0])].upper(), 0.0, 1.0)

    pipeline = Pipeline(
        detect_paragraph=lambda image: Box(0, 0, image.shape[1], image.shape[0]),
        segment_lines=lambda image, box: [
            place(index) for index in range((image.shape[0] - 10) // STEP)
        ],
        recognize_lines=recognize,
        decode=plain,
    )
    return pipeline, {"upper": upper, "plain": plain}


def missing() -> NDArray[np.uint8]:
    raise FileNotFoundError("gone.png is gone")

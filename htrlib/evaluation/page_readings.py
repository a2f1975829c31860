"""Read lines and pages with several decoders, recognizing each line only once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Callable, Dict, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.bundle import Bundle
from htrlib.decoding.decoding_options import bundled_models
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box, Size
from htrlib.document.results import LineResult, LogProbs, PageResult, TextLine, Transcription
from htrlib.engines.port import LINES
from htrlib.errors import ConfigError
from htrlib.images.given_lines import line_as_given
from htrlib.stages.decoding import decode, decode_lines

if TYPE_CHECKING:
    from htrlib.reading.pipeline import Pipeline  # slow to import

Decoders = Mapping[str, Callable[[LogProbs], Transcription]]
"""Name of a decoder in tables -> the decoder."""

BEST_PATH, LANGUAGE_MODEL, BEAM_SEARCH = "best path", "language model", "beam search"


def bundle_decoders(bundle: Union[str, Bundle, None] = None) -> Decoders:
    """Return best path, and beam search with the bundle's language model if it has one."""
    name = LANGUAGE_MODEL if bundled_models(bundle) else BEAM_SEARCH
    return {
        BEST_PATH: partial(decode, bundle=bundle, method="greedy"),
        name: PageDecoder(bundle),
    }


@dataclass(frozen=True)
class PageDecoder:
    """Beam search with the bundle's language model that fits all lines of a page."""

    bundle: Union[str, Bundle, None] = None

    def __call__(self, log_probs: LogProbs) -> Transcription:
        return decode(log_probs, bundle=self.bundle)

    def decode_lines(self, lines: Sequence[LogProbs]) -> Tuple[Transcription, ...]:
        """Decode all lines of a page."""
        return decode_lines(lines, bundle=self.bundle)


@dataclass(frozen=True, eq=False)
class LineReadings:
    """The transcriptions of lines.

    Attributes:
        texts: transcriptions of the lines, by decoder.
        charset: charset of the recognizer, or None without lines.
    """

    texts: Mapping[str, Tuple[Transcription, ...]]
    charset: Optional[Charset]


@dataclass(frozen=True, eq=False)
class PageReading:
    """A page with its detected lines and their transcriptions.

    Attributes:
        size: size of the page.
        paragraph: box of the handwriting, or None.
        lines: lines in reading order.
        readings: transcriptions of the lines.
    """

    size: Size
    paragraph: Optional[Box]
    lines: Tuple[TextLine, ...]
    readings: LineReadings

    def without(self, boxes: Sequence[Box]) -> PageReading:
        """Return the reading without the lines that lie mostly inside one of the boxes."""
        kept = [
            index
            for index, line in enumerate(self.lines)
            if not any(_lies_in(line.box, mask) for mask in boxes)
        ]
        texts = {
            name: tuple(texts[index] for index in kept)
            for name, texts in self.readings.texts.items()
        }
        lines = tuple(self.lines[index] for index in kept)
        return replace(self, lines=lines, readings=LineReadings(texts, self.readings.charset))

    def result(self, decoder: str) -> PageResult:
        """Return the page with the texts of one decoder."""
        results = tuple(map(LineResult, self.lines, self.readings.texts[decoder]))
        return PageResult(self.size, self.paragraph, results)


def _lies_in(box: Box, mask: Box) -> bool:
    """Return whether a line is mostly inside a mask, or as long and around it."""
    common = box.intersection_area(mask)
    along = min(box.right, mask.right) - max(box.left, mask.left)
    across = min(box.bottom, mask.bottom) - max(box.top, mask.top)
    length = along / box.width if box.width >= box.height else across / box.height
    return 2 * common > box.area or (2 * common > mask.area and length > 0.5)


def read_lines(
    page: NDArray[np.uint8], lines: Sequence[TextLine], pipeline: Pipeline, decoders: Decoders
) -> LineReadings:
    """Transcribe the lines of a page with each decoder.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: positions of the lines.
        pipeline: recognizes the lines; its own decoder is not used.
        decoders: decoders by name.
    Raises:
        ConfigError: the recognizer does not return one result per line.
    """
    recognized = pipeline.recognize_lines(page, lines) if lines else ()
    if len(recognized) != len(lines):
        raise ConfigError(f"{len(lines)} lines need as many LogProbs, found {len(recognized)}")
    return _decoded(recognized, decoders)


def _decoded(recognized: Sequence[LogProbs], decoders: Decoders) -> LineReadings:
    texts: Dict[str, Tuple[Transcription, ...]] = {
        name: decoder.decode_lines(recognized)
        if isinstance(decoder, PageDecoder)
        else tuple(map(decoder, recognized))
        for name, decoder in decoders.items()
    }
    return LineReadings(texts, recognized[0].charset if recognized else None)


def outlined(
    page: NDArray[np.uint8], lines: Sequence[TextLine], pipeline: Pipeline
) -> Tuple[TextLine, ...]:
    """Outline the lines that have only boxes, if the pipeline's bundle can find lines."""
    from htrlib.reading.outlines import outline_lines

    bundle = pipeline.bundle
    if bundle is None or LINES not in bundle.config["networks"]:
        return tuple(lines)
    return outline_lines(page, lines, bundle=bundle)


def read_page(page: NDArray[np.uint8], pipeline: Pipeline, decoders: Decoders) -> PageReading:
    """Find and read the lines of a page with each decoder.

    Args:
        page: (H, W) uint8, 0 is black.
        pipeline: finds and recognizes the lines; its own decoder is not used.
        decoders: decoders by name.
    """
    found = pipeline.recognize(page)
    readings = _decoded(found.log_probs, decoders)
    transform = found.transform
    if transform is None:
        return PageReading(found.size, found.paragraph, found.lines, readings)
    # Labels are in pixels of the page as given, which was turned or leveled.
    lines = tuple(line_as_given(line, transform) for line in found.lines)
    paragraph = None if found.paragraph is None else transform.box_as_given(found.paragraph)
    return PageReading(transform.size, paragraph, lines, readings)

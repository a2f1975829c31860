"""Read lines and pages with several decoders, each line recognized once."""

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
from htrlib.stages.decoding import decode, decode_lines

if TYPE_CHECKING:
    from htrlib.reading.pipeline import Pipeline  # brings MXNet with it

Decoders = Mapping[str, Callable[[LogProbs], Transcription]]
"""Name of a decoder in tables -> the decoder."""

BEST_PATH, LANGUAGE_MODEL, BEAM_SEARCH = "best path", "language model", "beam search"


def bundle_decoders(bundle: Union[str, Bundle, None] = None) -> Decoders:
    """Best path, and beam search with the bundle's language model if it has one."""
    name = LANGUAGE_MODEL if bundled_models(bundle) else BEAM_SEARCH
    return {
        BEST_PATH: partial(decode, bundle=bundle, method="greedy"),
        name: PageDecoder(bundle),
    }


@dataclass(frozen=True)
class PageDecoder:
    """Beam search with the language model of a bundle that fits a page's lines together."""

    bundle: Union[str, Bundle, None] = None

    def __call__(self, log_probs: LogProbs) -> Transcription:
        return decode(log_probs, bundle=self.bundle)

    def decode_lines(self, lines: Sequence[LogProbs]) -> Tuple[Transcription, ...]:
        """Read all lines of a page."""
        return decode_lines(lines, bundle=self.bundle)


@dataclass(frozen=True, eq=False)
class LineReadings:
    """The transcriptions of lines.

    Attributes:
        texts: decoder -> the lines' transcriptions.
        charset: of the recognizer, or None where there was no line.
    """

    texts: Mapping[str, Tuple[Transcription, ...]]
    charset: Optional[Charset]


@dataclass(frozen=True, eq=False)
class PageReading:
    """A page as it was found and read.

    Attributes:
        size: of the page.
        paragraph: the box of the handwriting, or None.
        lines: in reading order.
        readings: what the lines say.
    """

    size: Size
    paragraph: Optional[Box]
    lines: Tuple[TextLine, ...]
    readings: LineReadings

    def without(self, boxes: Sequence[Box]) -> PageReading:
        """The reading without the lines that lie, for the greater part, in one of the boxes."""
        kept = [
            index
            for index, line in enumerate(self.lines)
            if not any(
                2 * line.box.intersection_area(mask) > min(line.box.area, mask.area)
                for mask in boxes
            )
        ]
        texts = {
            name: tuple(said[index] for index in kept) for name, said in self.readings.texts.items()
        }
        lines = tuple(self.lines[index] for index in kept)
        return replace(self, lines=lines, readings=LineReadings(texts, self.readings.charset))

    def result(self, decoder: str) -> PageResult:
        """The page with the texts of one decoder."""
        results = tuple(map(LineResult, self.lines, self.readings.texts[decoder]))
        return PageResult(self.size, self.paragraph, results)


def read_lines(
    page: NDArray[np.uint8], lines: Sequence[TextLine], pipeline: Pipeline, decoders: Decoders
) -> LineReadings:
    """Transcribe the lines of a page with each decoder.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: where they lie.
        pipeline: recognizes them; its own decoder is not used.
        decoders: read what was recognized.
    Raises:
        ConfigError: the pipeline's recognizer gives not one result for each line.
    """
    said = pipeline.recognize_lines(page, lines) if lines else ()
    if len(said) != len(lines):
        raise ConfigError(f"{len(lines)} lines need as many LogProbs, found {len(said)}")
    return _decoded(said, decoders)


def _decoded(said: Sequence[LogProbs], decoders: Decoders) -> LineReadings:
    texts: Dict[str, Tuple[Transcription, ...]] = {
        name: decoder.decode_lines(said)
        if isinstance(decoder, PageDecoder)
        else tuple(map(decoder, said))
        for name, decoder in decoders.items()
    }
    return LineReadings(texts, said[0].charset if said else None)


def outlined(
    page: NDArray[np.uint8], lines: Sequence[TextLine], pipeline: Pipeline
) -> Tuple[TextLine, ...]:
    """Given lines; those with a box alone are outlined, if the pipeline's bundle finds lines."""
    from htrlib.reading.outlines import outline_lines

    bundle = pipeline.bundle
    if bundle is None or LINES not in bundle.config["networks"]:
        return tuple(lines)
    return outline_lines(page, lines, bundle=bundle)


def read_page(page: NDArray[np.uint8], pipeline: Pipeline, decoders: Decoders) -> PageReading:
    """A page with its paragraph, its lines, and what these say by each decoder.

    Args:
        page: (H, W) uint8, 0 is black.
        pipeline: finds and recognizes the lines; its own decoder is not used.
        decoders: read what was recognized.
    """
    found = pipeline.recognize(page)
    readings = _decoded(found.log_probs, decoders)
    return PageReading(found.size, found.paragraph, found.lines, readings)

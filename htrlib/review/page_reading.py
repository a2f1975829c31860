"""Read a page, or lines that people drew on it, with the library's pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Tuple

from htrlib.data.corrected_pages import CorrectedLine
from htrlib.document.results import PageResult, TextLine
from htrlib.images.given_lines import upright_lines
from htrlib.images.numbered_pages import load_page
from htrlib.reading.as_given import words_as_given
from htrlib.reading.options import ReadingOptions
from htrlib.reading.outlines import outline_lines
from htrlib.reading.pipeline import Pipeline

OPTIONS = ReadingOptions(alternatives=4)

_pipelines: Dict[str, Pipeline] = {}


def read_page(bundle: str, path: Path, number: int) -> PageResult:
    """Read a whole page.

    Args:
        bundle: name or path of the bundle.
        path: path of the page's file.
        number: number of the page in it, from 1.
    Raises:
        ImageError: the page cannot be read.
        BundleError, DeviceError: see `Bundle.engine`.
    """
    return _pipeline(bundle).transcribe_page(load_page(path, number))


def read_lines(
    bundle: str, path: Path, number: int, places: Tuple[TextLine, ...]
) -> Tuple[CorrectedLine, ...]:
    """Read lines of a page at positions that people drew. Raises what `read_page` raises.

    If a line has only a box, the line found in the box is read.
    """
    pipeline = _pipeline(bundle)
    page, upright, transform = upright_lines(load_page(path, number), places)
    outlined = outline_lines(page, upright, bundle=pipeline.bundle)
    read = []
    recognized = pipeline.recognize_lines(page, outlined)
    for place, transcription in zip(places, pipeline.decode_lines(recognized, OPTIONS)):
        alternatives = tuple(other for other, _ in transcription.alternatives)
        read.append(
            CorrectedLine(
                place.id,
                transcription.text,
                place,
                words_as_given(transcription.words, transform),
                alternatives,
                transcription.confidence,
            )
        )
    return tuple(read)


def _pipeline(bundle: str) -> Pipeline:
    """Return the pipeline of a bundle, cached until another bundle is used."""
    if bundle not in _pipelines:
        _pipelines.clear()
        _pipelines[bundle] = Pipeline(bundle=bundle, options=OPTIONS)
    return _pipelines[bundle]

"""The pipeline of the four stages, from a page to its result."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
)

import numpy as np

from htrlib.bundle import Bundle, load_bundle
from htrlib.document.geometry import Box
from htrlib.document.kinds import HANDWRITTEN
from htrlib.document.packed_pages import PackedPages
from htrlib.document.results import DocumentResult, LogProbs, PageResult, TextLine, Transcription
from htrlib.engines.memory import return_free_memory
from htrlib.engines.port import EngineLike
from htrlib.errors import ConfigError, ImageError
from htrlib.images.loading import Page, PageOutcome, Source, iter_page_outcomes
from htrlib.reading.options import ReadingOptions
from htrlib.reading.pages import Reading, read_pages, recognize_pages
from htrlib.stages import decoding, lines, paragraph, recognition

_PAGES_PER_TRIM = 25  # of a document; a freed page leaves gaps, which took half a megabyte each

Value = TypeVar("Value")
Lines = Sequence[TextLine]
Detector = Callable[[Page], Optional[Box]]
Segmenter = Callable[[Page, Box], Lines]
Recognizer = Callable[[Page, Lines], Sequence[LogProbs]]
PagesRecognizer = Callable[[Sequence[Page], Sequence[Lines]], Sequence[Sequence[LogProbs]]]


class Pipeline:
    """The four stages in a row. Each can be replaced by a callable with the same signature.

    Args:
        detect_paragraph: `f(page)` -> the box of the handwriting, or None.
        segment_lines: `f(page, paragraph)` -> the lines in reading order.
        recognize_line: `f(page, line)` -> the `LogProbs` of one line.
        recognize_lines: `f(page, lines)` -> those of all lines; replaces `recognize_line`.
        decode: `f(log_probs)` -> the `Transcription` of one line.
        bundle: name, path or bundle for stages that are not replaced; see `load_bundle`.
        engine: runs its networks; see `Bundle.engine`.
        device: "cpu", "gpu" or "gpu:N" for them; None means the first GPU, or else the CPU.
        options: default reading options.
    Raises:
        ConfigError: both `recognize_line` and `recognize_lines` are given, or a stage is not
            callable.
        BundleError: see `load_bundle`.
    """

    def __init__(
        self,
        detect_paragraph: Optional[Detector] = None,
        segment_lines: Optional[Segmenter] = None,
        recognize_line: Optional[Callable[[Page, TextLine], LogProbs]] = None,
        recognize_lines: Optional[Recognizer] = None,
        decode: Optional[Callable[[LogProbs], Transcription]] = None,
        *,
        bundle: Union[str, Path, Bundle, None] = None,
        engine: EngineLike = None,
        device: Optional[str] = None,
        options: Optional[ReadingOptions] = None,
    ) -> None:
        _check_callable(
            detect_paragraph=detect_paragraph,
            segment_lines=segment_lines,
            recognize_line=recognize_line,
            recognize_lines=recognize_lines,
            decode=decode,
        )
        recognize_lines = _given_recognizer(recognize_line, recognize_lines)
        replaced = detect_paragraph, segment_lines, recognize_lines, decode
        self.bundle = None if all(replaced) else load_bundle(bundle)
        self.options = options or ReadingOptions()
        networks = self._networks = _networks(self.bundle, engine, device)
        self.detect_paragraph: Detector = detect_paragraph or partial(
            paragraph.detect_paragraph, **networks
        )
        self.segment_lines: Segmenter = segment_lines or partial(lines.segment_lines, **networks)
        self.segment_handwriting: Segmenter = segment_lines or partial(
            lines.segment_lines, kinds=(HANDWRITTEN,), **networks
        )
        self.recognize_lines: Recognizer = recognize_lines or partial(
            recognition.recognize_lines, **networks
        )
        self._recognize_pages: Optional[PagesRecognizer] = (
            None if recognize_lines else partial(recognition.recognize_pages, **networks)
        )
        self._decode = decode
        self._segments_with_bundle = segment_lines is None and detect_paragraph is None

    def transcribe(
        self,
        source: Union[Source, Page],
        options: Optional[ReadingOptions] = None,
        *,
        before_page: Callable[[], None] = lambda: None,
    ) -> Union[PageResult, DocumentResult]:
        """Read a picture: a file, its bytes, or a page array.

        Args:
            source: see `load_pages`.
            options: instead of those of the pipeline.
            before_page: called before each page of a file; what it raises ends reading.
        Returns:
            A `DocumentResult` if the file has several pages, or else a `PageResult`. Unreadable
            pages are listed in its `errors`.
        Raises:
            ImageError: the picture cannot be read.
            BundleMismatchError, DeviceError: see `Bundle.engine`.
        """
        if isinstance(source, np.ndarray):
            return self.transcribe_page(source, options=options)
        name = os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else None
        chosen = options or self.options
        errors: List[ImageError] = []
        outcomes = iter_page_outcomes(source, pages=chosen.selection, dpi=chosen.dpi)
        start = next(outcomes)
        every = itertools.chain((start,), outcomes)
        pages = self._read_outcomes(every, name, chosen, errors, before_page)
        first = tuple(itertools.islice(pages, 1))
        if not first:
            raise errors[0]
        if start.only:  # as most: no need to pack it
            return replace(first[0], number=None)
        packed = PackedPages(itertools.chain(first, pages))
        return DocumentResult(packed, name, tuple(map(str, errors)))

    def _read_outcomes(
        self,
        outcomes: Iterable[PageOutcome],
        source: Optional[str],
        options: ReadingOptions,
        errors: List[ImageError],
        before_page: Callable[[], None],
    ) -> Iterator[PageResult]:
        """Read the pages of a file one by one, and collect the errors of those without a page."""
        for outcome in outcomes:
            before_page()
            if outcome.page is None:
                errors.append(outcome.error or ImageError(f"page {outcome.number} is missing"))
            else:
                read = self.transcribe_page(outcome.page, source, options)
                yield replace(read, number=outcome.number)
            if outcome.number % _PAGES_PER_TRIM == 0:
                return_free_memory()

    def transcribe_page(
        self, page: Page, source: Optional[str] = None, options: Optional[ReadingOptions] = None
    ) -> PageResult:
        """Read one page.

        Args:
            page: (H, W) uint8, 0 is black.
            source: name of the page in its result.
        """
        reading = Reading(page, options or self.options, source)
        self.read([reading])
        if reading.error is not None:
            raise reading.error
        if reading.result is None:
            raise RuntimeError("a page that was read has a result or an error")
        return reading.result

    def read(self, readings: Sequence[Reading]) -> None:
        """Read several pages, each with its own options; see `htrlib.reading.pages.read_pages`."""
        read_pages(readings, self, None if self.bundle is None else self.bundle.label)

    def recognize(self, page: Page) -> Reading:
        """Run the first three stages: a page's lines and their log-probabilities."""
        reading = Reading(page, self.options)
        recognize_pages([reading], self)
        if reading.error is not None:
            raise reading.error
        return reading

    @property
    def finds_all_text(self) -> bool:
        """True if lines of print are found too, with their kinds."""
        return self._segments_with_bundle and lines.knows_kinds(self.bundle)

    @property
    def recognizes_with_bundle(self) -> bool:
        """True if the bundle's recognizer is used, whose probabilities are calibrated."""
        return self._recognize_pages is not None

    def recognize_pages(
        self, pages: Sequence[Page], lines: Sequence[Sequence[TextLine]]
    ) -> Sequence[Sequence[LogProbs]]:
        """Run the third stage for the lines of several pages together."""
        if self._recognize_pages is not None:
            return self._recognize_pages(pages, lines)
        return [
            _checked(self.recognize_lines(page, found), LogProbs, "recognize_lines")
            for page, found in zip(pages, lines)
        ]

    def look_again(
        self, page: Page, lines: Sequence[TextLine], log_probs: Sequence[LogProbs]
    ) -> Sequence[LogProbs]:
        """Let the bundle recognize doubtful lines a second time."""
        return recognition.look_again(page, lines, log_probs, **self._networks)

    def decode(self, log_probs: LogProbs) -> Transcription:
        """Run the fourth stage with the pipeline's options."""
        return self.decode_lines([log_probs], self.options)[0]

    def decode_lines(
        self, lines: Sequence[LogProbs], options: ReadingOptions
    ) -> Tuple[Transcription, ...]:
        """Run the fourth stage for the lines of a page, with the language model that fits them.

        A custom decoder ignores the options.
        """
        if self._decode is not None:
            return _checked(map(self._decode, lines), Transcription, "decode")
        return decoding.decode_lines(
            lines,
            bundle=self.bundle,
            method=options.decoder,
            beam_width=options.beam_width,
            language_model=options.language_model,
            characters=options.characters,
            n_best=1 + options.alternatives,
        )


def _checked(results: object, kind: Type[Value], stage: str) -> Tuple[Value, ...]:
    """Return what a stage of the user returned, if it is what the next one needs.

    Raises:
        ConfigError: it is something else.
    """
    found = tuple(results) if isinstance(results, Iterable) else (results,)
    odd = [result for result in found if not isinstance(result, kind)]
    if odd:
        raise ConfigError(f"{stage} must return {kind.__name__}, found {odd[0]!r:.80}")
    return found


def transcribe(
    source: Union[Source, Page],
    *,
    bundle: Union[str, Path, Bundle, None] = None,
    engine: EngineLike = None,
    device: Optional[str] = None,
    options: Optional[ReadingOptions] = None,
    kinds: Union[str, Tuple[str, ...], None] = None,
) -> Union[PageResult, DocumentResult]:
    """Read a picture with the default stages: `Pipeline(bundle=..., device=...).transcribe`.

    Args:
        kinds: read only lines of these kinds, for example "handwritten"; see `ReadingOptions`.

    >>> import htrlib
    >>> print(htrlib.transcribe("letter.png").text)  # doctest: +SKIP
    """
    if kinds is not None:
        options = replace(options or ReadingOptions(), kinds=kinds)
    pipeline = Pipeline(bundle=bundle, engine=engine, device=device, options=options)
    return pipeline.transcribe(source)


def _networks(
    bundle: Optional[Bundle], engine: EngineLike, device: Optional[str]
) -> Dict[str, Any]:
    return {"bundle": bundle, "engine": engine, "device": device}


def _check_callable(**stages: object) -> None:
    for name, stage in stages.items():
        if stage is not None and not callable(stage):
            raise ConfigError(f"{name} must be a function or None, found {stage!r}")


def _given_recognizer(
    recognize_line: Optional[Callable[[Page, TextLine], LogProbs]],
    recognize_lines: Optional[Recognizer],
) -> Optional[Recognizer]:
    if recognize_line and recognize_lines:
        raise ConfigError("recognize_line and recognize_lines do the same; give one of them")
    return partial(_one_by_one, recognize_line) if recognize_line else recognize_lines


def _one_by_one(
    recognize_line: Callable[[Page, TextLine], LogProbs], page: Page, lines: Sequence[TextLine]
) -> Tuple[LogProbs, ...]:
    return tuple(recognize_line(page, line) for line in lines)

"""The library in four calls: where the handwriting is, where its lines are, and what they say."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Callable, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.bundle import Bundle, load_bundle
from htrlib.document.geometry import Box, Size
from htrlib.document.results import (
    DocumentResult,
    LineResult,
    LogProbs,
    PageResult,
    TextLine,
    Transcription,
)
from htrlib.errors import ConfigError
from htrlib.images.loading import Source, check_page, iter_pages
from htrlib.stages import decoding, lines, paragraph, recognition

Page = NDArray[np.uint8]


class Pipeline:
    """The four stages in a row; each can be replaced by a callable of the same form.

    Args:
        detect_paragraph: `f(page)` -> the box of the handwriting, or None where there is none.
        segment_lines: `f(page, paragraph)` -> the lines in reading order.
        recognize_line: `f(page, line)` -> what the recognizer says of one line.
        recognize_lines: `f(page, lines)` -> the same for all lines at once, instead of it.
        decode: `f(log_probs)` -> the text of one line.
        bundle: name, path or bundle of the stages that are not replaced; see `load_bundle`.
        device: "cpu", "gpu" or "gpu:N" for them; None is the first GPU, or else the CPU.
    Raises:
        ConfigError: both `recognize_line` and `recognize_lines` are given.
        BundleError: as for `load_bundle`.
    """

    def __init__(
        self,
        detect_paragraph: Optional[Callable[[Page], Optional[Box]]] = None,
        segment_lines: Optional[Callable[[Page, Box], Sequence[TextLine]]] = None,
        recognize_line: Optional[Callable[[Page, TextLine], LogProbs]] = None,
        recognize_lines: Optional[Callable[[Page, Sequence[TextLine]], Sequence[LogProbs]]] = None,
        decode: Optional[Callable[[LogProbs], Transcription]] = None,
        *,
        bundle: Union[str, Path, Bundle, None] = None,
        device: Optional[str] = None,
    ) -> None:
        if recognize_line and recognize_lines:
            raise ConfigError("recognize_line and recognize_lines do the same; give one of them")
        if recognize_line:
            recognize_lines = partial(_one_by_one, recognize_line)
        replaced = detect_paragraph, segment_lines, recognize_lines, decode
        self.bundle = None if all(replaced) else load_bundle(bundle)
        self.detect_paragraph = detect_paragraph or partial(
            paragraph.detect_paragraph, bundle=self.bundle, device=device
        )
        self.segment_lines = segment_lines or partial(
            lines.segment_lines, bundle=self.bundle, device=device
        )
        self.recognize_lines = recognize_lines or partial(
            recognition.recognize_lines, bundle=self.bundle, device=device
        )
        self.decode = decode or partial(decoding.decode, bundle=self.bundle)

    def transcribe(self, source: Union[Source, Page]) -> Union[PageResult, DocumentResult]:
        """Read a picture: a file, its bytes, or an array that is a page already.

        Returns:
            a `DocumentResult` where the file holds several pages, or else a `PageResult`.
        Raises:
            ImageError: it is no picture that can be read.
            BundleMismatchError, DeviceError: as for `Bundle.network`.
        """
        if isinstance(source, np.ndarray):
            return self.transcribe_page(source)
        name = os.fsdecode(source) if isinstance(source, (str, os.PathLike)) else None
        pages = tuple(self.transcribe_page(page, name) for page in iter_pages(source))
        return pages[0] if len(pages) == 1 else DocumentResult(pages, name)

    def transcribe_page(self, page: Page, source: Optional[str] = None) -> PageResult:
        """Read one page.

        Args:
            page: (H, W) uint8, 0 is black.
            source: the name that the result carries.
        """
        size = Size(check_page(page).shape[1], page.shape[0])
        label = None if self.bundle is None else self.bundle.label
        paragraph = self.detect_paragraph(page)
        if paragraph is None:
            return PageResult(size, bundle=label, source=source)
        lines = self.segment_lines(page, paragraph)
        log_probs = self.recognize_lines(page, lines)
        if len(log_probs) != len(lines):
            raise ConfigError(f"{len(lines)} lines need as many LogProbs, found {len(log_probs)}")
        results = tuple(LineResult(line, self.decode(said)) for line, said in zip(lines, log_probs))
        return PageResult(size, paragraph, results, label, source)


def transcribe(
    source: Union[Source, Page],
    *,
    bundle: Union[str, Path, Bundle, None] = None,
    device: Optional[str] = None,
) -> Union[PageResult, DocumentResult]:
    """Read a picture with the stages as they are: `Pipeline(bundle=..., device=...).transcribe`.

    >>> import htrlib
    >>> print(htrlib.transcribe("letter.png").text)  # doctest: +SKIP
    """
    return Pipeline(bundle=bundle, device=device).transcribe(source)


def _one_by_one(
    recognize_line: Callable[[Page, TextLine], LogProbs], page: Page, lines: Sequence[TextLine]
) -> Tuple[LogProbs, ...]:
    return tuple(recognize_line(page, line) for line in lines)

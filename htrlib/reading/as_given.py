"""Map results of a rotated page back to the page as given."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from htrlib.document.geometry import Box
from htrlib.document.results import LineResult, PageResult, TextLine, Word
from htrlib.images.orientation import PageTransform


def result_as_given(result: PageResult, transform: PageTransform) -> PageResult:
    """Map a result of the upright page to coordinates of the page as given, or beside it.

    Args:
        transform: how the page was rotated.
    """

    def box_of(box: Optional[Box]) -> Optional[Box]:
        return None if box is None else transform.box_as_given(box)

    def word_of(word: Word) -> Word:
        return replace(word, box=box_of(word.box))

    lines = tuple(
        LineResult(
            line_as_given(read.line, transform),
            replace(
                read.transcription,
                words=tuple(map(word_of, read.transcription.words)),
                characters=tuple(map(word_of, read.transcription.characters)),
            ),
        )
        for read in result.lines
    )
    return replace(result, size=transform.size, paragraph=box_of(result.paragraph), lines=lines)


def line_as_given(line: TextLine, transform: PageTransform) -> TextLine:
    """Map a line of the upright page to the page as given."""
    polygon, baseline = line.polygon, line.baseline
    return replace(
        line,
        box=transform.box_as_given(line.box),
        polygon=None if polygon is None else transform.polygon_as_given(polygon),
        baseline=None
        if baseline is None
        else tuple(transform.point_as_given(x, y) for x, y in baseline),
    )

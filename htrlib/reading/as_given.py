"""Map results of a rotated page back to the page as given."""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence, Tuple

from htrlib.document.results import LineResult, PageResult, Word
from htrlib.images.given_lines import line_as_given
from htrlib.images.orientation import PageTransform


def result_as_given(result: PageResult, transform: PageTransform) -> PageResult:
    """Map a result of the upright page to coordinates of the page as given, or beside it.

    Args:
        transform: how the page was rotated.
    """
    lines = tuple(
        LineResult(
            line_as_given(read.line, transform),
            replace(
                read.transcription,
                words=words_as_given(read.transcription.words, transform),
                characters=words_as_given(read.transcription.characters, transform),
            ),
        )
        for read in result.lines
    )
    paragraph = result.paragraph and transform.box_as_given(result.paragraph)
    return replace(result, size=transform.size, paragraph=paragraph, lines=lines)


def words_as_given(words: Sequence[Word], transform: PageTransform) -> Tuple[Word, ...]:
    """Map words of the upright page to the page as given."""
    return tuple(replace(word, box=word.box and transform.box_as_given(word.box)) for word in words)

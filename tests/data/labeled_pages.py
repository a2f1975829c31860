"""Random labeled pages, for round trips through writers and readers."""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from htrlib.data import LabeledLine, LabeledWord, PageSample
from htrlib.data.flat_outlines import FEWEST_OUTLINES
from htrlib.data.label_text import clean_text
from htrlib.document.geometry import Box, Polygon, Size, union_of
from htrlib.document.results import TextLine

WIDTH, HEIGHT = 120, 80


def blank_page() -> NDArray[np.uint8]:
    return np.full((HEIGHT, WIDTH), 255, np.uint8)


texts = st.text(min_size=1, max_size=12).map(clean_text).filter(bool)
words = texts.map(lambda text: text.replace(" ", "")).filter(bool)
names = st.text("abcXYZ012", min_size=1, max_size=6)
points = st.tuples(st.integers(0, WIDTH), st.integers(0, HEIGHT)).map(
    lambda point: (float(point[0]), float(point[1]))
)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, top = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    return Box(left, top, draw(st.integers(left + 1, WIDTH)), draw(st.integers(top + 1, HEIGHT)))


@st.composite
def polygons(draw: st.DrawFn) -> Polygon:
    """Five different points around an area, not a rectangle."""
    outline = draw(
        st.lists(points, min_size=5, max_size=5, unique=True).filter(
            lambda found: all(len({point[axis] for point in found}) > 1 for axis in (0, 1))
        )
    )
    return Polygon(tuple(outline))


@st.composite
def places(draw: st.DrawFn, with_baseline: bool = True) -> TextLine:
    polygon: Optional[Polygon] = draw(st.none() | polygons())
    baseline = draw(st.none() | st.lists(points, min_size=2, max_size=4).map(tuple))
    box = draw(boxes()) if polygon is None else polygon.box
    return TextLine(box, polygon, baseline if with_baseline else None)


@st.composite
def rows_of_words(draw: st.DrawFn) -> Tuple[LabeledWord, ...]:
    """Words next to each other."""
    row = draw(st.lists(words, min_size=1, max_size=4))
    step = WIDTH // len(row)
    return tuple(
        LabeledWord(text, Box(index * step, 10, (index + 1) * step, 20))
        for index, text in enumerate(row)
    )


@st.composite
def lines(draw: st.DrawFn, with_baseline: bool = True) -> LabeledLine:
    """A line with words whose boxes make up its own, or with a text and a position."""
    if draw(st.booleans()):
        row = draw(rows_of_words())
        box = union_of(word.box for word in row)
        return LabeledLine(" ".join(word.text for word in row), TextLine(box), row)
    return LabeledLine(draw(texts), draw(places(with_baseline)))


@st.composite
def pages(draw: st.DrawFn, with_baseline: bool = True) -> PageSample:
    # So few that adapters cannot tell which of their outlines are flat, and mend none.
    found = tuple(draw(st.lists(lines(with_baseline), max_size=FEWEST_OUTLINES - 1)))
    boxes = [line.line.box for line in found if line.line is not None]
    return PageSample(
        image=blank_page,
        size=Size(WIDTH, HEIGHT),
        source=draw(names),
        lines=found,
        paragraph=union_of(boxes) if boxes else None,
        writer=draw(st.none() | names),
        split=draw(st.none() | names),
    )

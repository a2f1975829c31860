"""Wavy strokes that fill the rest of a line."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize("seed", range(20))
def test_a_filler_stands_beside_the_line_and_belongs_to_it(script, seed):
    height = script("line_store").HEIGHT
    line = np.random.default_rng(seed).integers(0, 256, (height, 120)).astype(np.uint8)

    filled = script("filler_strokes").with_filler(line, np.random.default_rng(seed))

    first = np.array_equal(filled[:, :120], line)
    assert first or np.array_equal(filled[:, -120:], line)
    stroke = filled[:, 120:] if first else filled[:, :-120]
    assert (stroke & 1).all()  # inside the outline
    inked = (stroke > 1).any(axis=0)
    assert inked.sum() > 0.5 * script("filler_strokes").LINE_HEIGHT
    rows = np.flatnonzero((stroke > 1).any(axis=1))
    assert rows[0] > 0 and rows[-1] < height - 1  # not cut off


def test_lines_without_handwriting_get_no_filler(script):
    source = script("line_source")
    height = script("line_store").HEIGHT
    ink = np.full((height, 400), 255, np.uint8)
    symbols = script("texts").CHARACTERS
    charset = script("htrlib.document.charset").Charset(tuple(symbols))
    widths = {}
    for kind in ("hand", "print"):
        mixture = source.Mixture(64, {kind: 1.0}, 6500, filler=1.0)
        lines = source.LineSource({}, {}, {kind: lambda rng: (ink, "word")}, charset, mixture, 0)
        rng = np.random.default_rng(3)
        widths[kind] = np.mean([lines.sample(rng)[0].shape[1] for _ in range(20)])
    assert widths["hand"] > 1.2 * widths["print"]

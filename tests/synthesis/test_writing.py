from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from htrlib.document.geometry import Box
from htrlib.errors import DatasetError
from htrlib.synthesis.handwriting import BUNDLED_FONTS, load_fonts
from htrlib.synthesis.placement import Turn, spread
from htrlib.synthesis.writing import Hand, write

TEXT = "by the lake a long and jagged path led quietly up to fir woods full of blue fog"
WORDS = TEXT.split()
FONTS = load_fonts(BUNDLED_FONTS, "".join(WORDS))
TILTED = Turn(2.0, (500, 700))
AREA = Box(60, 60, 860, 1300)


def written(touching, seed=0, ruled=False, turn=TILTED, words=WORDS):
    rng = np.random.default_rng(seed)
    hand = Hand.random(FONTS[seed % len(FONTS)], 48, 0.5, rng)
    hand = replace(hand, touching=touching, pitch=1.1, strength=1.0)
    return write(words, hand, AREA, turn, (1000, 1400), ruled, rng)


def touches(upper, lower):
    """Return whether ink of two lines is connected."""
    layers = np.zeros((2, 1400, 1000), np.uint8)
    upper.piece.draw_on(layers[0])
    lower.piece.draw_on(layers[1])
    return bool((spread(layers[0]) & layers[1]).any())


def touching_share(touching, seed):
    lines, _, _ = written(touching, seed)
    assert len(lines) >= 8
    return np.mean([touches(upper, lower) for upper, lower in zip(lines, lines[1:])])


@pytest.mark.parametrize("seed", range(4))
def test_no_lines_touch_where_none_are_to(seed):
    assert touching_share(0.0, seed) == 0.0


@pytest.mark.slow
def test_about_half_the_lines_touch_where_half_are_to():
    assert np.mean([touching_share(0.5, seed) for seed in range(6)]) == pytest.approx(0.5, abs=0.12)


def test_hands_drawn_at_random_have_half_their_lines_touch():
    rng = np.random.default_rng(0)
    shares = [Hand.random(FONTS[0], 40, 0.5, rng).touching for _ in range(2000)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)
    assert {0.0} == {Hand.random(FONTS[0], 40, 0.0, rng).touching for _ in range(50)}


def test_lines_are_in_reading_order_on_the_page():
    lines, _, _ = written(0.5)
    rows = [np.mean(line.piece.baseline, axis=0)[1] for line in lines]
    assert rows == sorted(rows)
    assert all(line.piece.fits(1000, 1400) for line in lines)


def test_ruled_lines_stand_on_evenly_spaced_baselines():
    turn = Turn(3.0, (500, 700))
    lines, first, pitch = written(0.3, ruled=True, turn=turn)
    for line in lines:
        x, y = np.array(line.piece.baseline).T
        steps = (turn.backward(x, y)[1] - first) / pitch
        assert np.abs(steps - np.round(steps.mean())).max() < 0.3


def test_the_text_goes_on_from_line_to_line():
    lines, _, _ = written(0.2)
    text = " ".join(line.text for line in lines)
    assert text in " ".join(WORDS * 40)


def test_words_that_the_font_lacks_are_left_out():
    lines, _, _ = written(0.2, words=["blue", "漢字", "fog"])
    assert {word for line in lines for word in line.text.split()} == {"blue", "fog"}


def test_text_that_the_font_lacks_altogether_is_refused():
    with pytest.raises(DatasetError, match="cannot draw"):
        written(0.2, words=["漢字"])

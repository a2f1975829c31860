from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib.training.batches.augmentation import LineAugmentation

MARGIN = 0.25
NEUTRAL = LineAugmentation(
    slant=0.0, slope=0.0, stretch=0.0, margins=(0.0, 0.0), wave=0.0,
    thin=0.0, thick=0.0, blur=0.0, fade=0.0, noise=0.0, spans=0.0,
)  # fmt: skip


def line(height=40, width=200):
    """Three upright strokes in the middle rows, a quarter of the line's height of margin."""
    margin = round(MARGIN * height)
    ink = np.zeros((height + 2 * margin, width), np.uint8)
    ink[margin + 8 : margin + 32, 30:36] = 255
    ink[margin : margin + 40, 90:96] = 255
    ink[margin + 8 : margin + 32, 150:156] = 255
    return ink


def augmented(augmentation, ink=None, height=40, seed=0):
    ink = line() if ink is None else ink
    return augmentation(ink, height, MARGIN, np.random.default_rng(seed))


def only(**change):
    return LineAugmentation(**{**vars(NEUTRAL), **change})


def test_the_neutral_augmentation_only_drops_the_margin():
    assert np.abs(augmented(NEUTRAL).astype(int) - line()[10:-10]).max() <= 1


def test_the_neutral_augmentation_scales_to_the_height():
    assert augmented(NEUTRAL, height=20).shape == (20, 100)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(10, 90), st.integers(1, 700), st.integers(8, 64))
def test_any_line_becomes_a_picture_of_the_height_asked_for(seed, rows, columns, height):
    rng = np.random.default_rng(seed)
    ink = rng.integers(0, 256, (rows, columns)).astype(np.uint8)
    picture = LineAugmentation()(ink, height, MARGIN, rng)
    assert picture.dtype == np.uint8
    assert picture.shape[0] == height
    assert picture.shape[1] >= 8


def test_a_coarse_line_loses_its_edges_and_keeps_its_ink():
    sharp, coarse = augmented(NEUTRAL).astype(int), augmented(only(coarse=1.0)).astype(int)
    assert coarse.shape == sharp.shape
    assert coarse.mean() == pytest.approx(sharp.mean(), rel=0.1)
    assert np.abs(np.diff(coarse, axis=1)).max() < 0.7 * np.abs(np.diff(sharp, axis=1)).max()


def test_the_same_seed_makes_the_same_picture():
    first, again, other = (augmented(LineAugmentation(), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other)


def test_the_source_is_left_as_it_was():
    ink = line()
    before = ink.copy()
    for seed in range(10):
        augmented(LineAugmentation(), ink, seed=seed)
    assert np.array_equal(ink, before)


def test_paper_stays_paper_without_noise():
    blank = np.zeros((60, 200), np.uint8)
    for seed in range(10):
        assert not augmented(only(noise=0.0, slant=0.4, wave=0.1, blur=1.0), blank, seed=seed).any()


def test_stretching_changes_the_width_within_its_range():
    widths = [augmented(only(stretch=0.25), seed=seed).shape[1] / 200 for seed in range(40)]
    assert np.exp(-0.26) < min(widths) < 0.9
    assert 1.1 < max(widths) < np.exp(0.26)


def test_thick_pens_add_ink_and_thin_pens_take_it():
    plain = augmented(NEUTRAL).sum(dtype=int)
    assert augmented(only(thick=1.0)).sum(dtype=int) > 1.02 * plain
    assert augmented(only(thin=1.0)).sum(dtype=int) < 0.98 * plain


def test_slant_leans_strokes_and_keeps_their_rows():
    plain = augmented(NEUTRAL)
    leans = []
    for seed in range(10):
        picture = augmented(only(slant=0.45), seed=seed)
        top, bottom = picture[2, 60:130], picture[-3, 60:130]
        leans.append(abs(int(top.argmax()) - int(bottom.argmax())))
        assert picture.sum(dtype=int) == pytest.approx(plain.sum(dtype=int), rel=0.05)
    assert max(leans) >= 6


def test_noise_and_spans_change_brightness_alone():
    noisy = augmented(only(noise=1.0), seed=3)
    assert noisy.shape == (40, 200)
    assert noisy[:, 100:140].any()
    faint = [augmented(only(spans=1.0), seed=seed).sum(dtype=int) for seed in range(10)]
    assert min(faint) < augmented(NEUTRAL).sum(dtype=int)

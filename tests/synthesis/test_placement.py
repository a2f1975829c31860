from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from htrlib.synthesis.placement import FAINTEST, Placement, Turn, place, spread

quick = settings(deadline=None, max_examples=40)
numbers = st.floats(-300, 300)
placements = st.builds(
    Placement,
    left=numbers,
    base=numbers,
    turn=st.builds(Turn, st.floats(-20, 20), st.tuples(numbers, numbers)),
    slant=st.floats(-0.4, 0.4),
    bend_x=st.just((0.0, 60.0, 200.0)),
    bend_y=st.tuples(*[st.floats(-10, 10)] * 3),
)


def blots(seed=0, shape=(30, 140)):
    """Ink with gaps, and a number for each third of its columns."""
    rng = np.random.default_rng(seed)
    ink = np.where(rng.random(shape) < 0.03, 255, 0).astype(np.uint8)
    ink[[0, -1, 5], [3, -4, 70]] = 255
    words = np.where(ink, 1 + np.arange(shape[1]) * 3 // shape[1], 0).astype(np.uint8)
    return spread(ink), spread(words)


@quick
@given(placements, st.lists(st.tuples(numbers, numbers), min_size=1, max_size=5))
def test_backward_undoes_forward(placement, points):
    u, rise = np.array(points).T
    back = placement.backward(*placement.forward(u, rise))
    np.testing.assert_allclose(back, [u, rise], atol=1e-6)


@quick
@given(placements, numbers, numbers)
def test_down_is_where_the_turned_page_goes_down(placement, x, y):
    turn = placement.turn
    stepped = turn.forward(np.array([x, x]), np.array([y, y + 1]))
    np.testing.assert_allclose(np.diff(stepped).ravel(), turn.down, atol=1e-6)


def test_an_upright_placement_copies_the_ink():
    ink, words = blots()
    piece = place(ink, 20, Placement(40, 120), words)
    assert (piece.left, piece.top) == (40, 100)
    assert np.array_equal(piece.ink, ink)
    assert piece.baseline[0] == (40, 120)
    assert len(piece.words) == 3


@quick
@given(placements)
def test_boxes_and_outline_hold_all_the_ink_and_touch_it(placement):
    ink, words = blots()
    piece = place(ink, 20, placement, words)
    assert piece.ink[piece.ink > 0].min() >= FAINTEST
    edges = piece.ink[0], piece.ink[-1], piece.ink[:, 0], piece.ink[:, -1]
    assert all(edge.any() for edge in edges)
    assert piece.outline().box == piece.box
    for edge in ("left", "top"):
        assert min(getattr(box, edge) for box in piece.words) == getattr(piece.box, edge)
    for edge in ("right", "bottom"):
        assert max(getattr(box, edge) for box in piece.words) == getattr(piece.box, edge)


@quick
@given(st.integers(0, 1000), st.integers(1, 200))
def test_no_ink_lies_outside_the_outline(seed, width):
    ink, _ = blots(seed, (30, max(width, 80)))
    piece = place(ink, 20, Placement(5, 40, Turn(4.0)))
    outline = piece.outline()
    assert len(outline.points) <= 60
    canvas = Image.new("1", (400, 200))
    shifted = [(x - piece.left + 1, y - piece.top + 1) for x, y in outline.points]
    ImageDraw.Draw(canvas).polygon(shifted, fill=1, outline=1)
    inside = np.asarray(canvas)[1 : 1 + piece.ink.shape[0], 1 : 1 + piece.ink.shape[1]]
    assert inside[piece.ink > 0].all()


def test_the_baseline_follows_the_turn():
    ink, _ = blots()
    piece = place(ink, 20, Placement(10, 50, Turn(5.0, (0.0, 0.0))))
    (x0, y0), *_, (x1, y1) = piece.baseline
    assert np.degrees(np.arctan2(y1 - y0, x1 - x0)) == pytest.approx(5.0)


def test_ink_too_faint_to_count_gives_nothing():
    assert place(np.full((8, 8), FAINTEST - 1, np.uint8), 4, Placement(0, 0)) is None


def test_a_piece_is_clipped_to_the_page_where_it_sticks_out():
    ink, _ = blots()
    piece = place(ink, 0, Placement(-20, -10))
    layer = np.zeros((15, 50), np.uint8)
    assert not piece.fits(50, 15)
    piece.draw_on(layer)
    assert np.array_equal(layer, ink[10:25, 20:70])
    piece.moved(1000, 0).draw_on(layer)
    assert np.array_equal(layer, ink[10:25, 20:70])


def test_fading_keeps_every_pixel_of_ink():
    piece = place(blots()[0], 20, Placement(0, 30, Turn(3.0)))
    assert ((piece.faded(0.01).ink > 0) == (piece.ink > 0)).all()
    assert piece.faded(0.5).ink.max() == 128

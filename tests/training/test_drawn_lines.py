"""Lines that `examples/pretrain` draws, stores and labels for the recognizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib.data.samples import LabeledLine
from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.synthesis.handwriting import BUNDLED_FONTS, load_fonts

PRETRAIN = Path(__file__).parents[2] / "examples" / "pretrain"


@pytest.fixture
def printed(script):
    """A generator of printed lines from a short list of words."""

    class Texts:
        def line(self, rng, longest):
            return " ".join(rng.choice(["a", "red", "door"], size=int(rng.integers(1, longest))))

    fonts = load_fonts(BUNDLED_FONTS, "a red door")
    return script("print_source").PrintSource(fonts, Texts(), typed=False)


def test_a_printed_line_is_cut_as_high_as_a_real_one_and_bears_ink(printed, script):
    store = script("line_store")
    rng = np.random.default_rng(3)
    for _ in range(20):
        ink, text = printed(rng)
        assert ink.dtype == np.uint8
        assert ink.shape[0] == store.HEIGHT
        assert set(text) <= set("a red door")
        middle = ink[store.HEIGHT // 4 : -store.HEIGHT // 4]
        assert middle.max() > 100  # the writing
        assert ink.shape[1] > 3 * len(text)


def test_longer_texts_are_drawn_longer(printed):
    rng = np.random.default_rng(4)
    drawn = [printed(rng) for _ in range(60)]
    lengths = [len(text) for _, text in drawn]
    widths = [ink.shape[1] for ink, _ in drawn]
    assert np.corrcoef(lengths, widths)[0, 1] > 0.7


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), pixels=st.floats(7, 26))
def test_worn_ink_keeps_its_shape_and_is_finite(script, seed, pixels):
    ink = np.zeros((40, 90), np.float32)
    ink[15:30, 20:60] = 1.0
    worn = script("print_wear").wear(ink, pixels, np.random.default_rng(seed))
    assert worn.shape == ink.shape
    assert np.isfinite(worn).all()
    assert worn[18:27, 24:56].mean() > worn[:8].mean()


def test_stored_lines_return_as_they_went(script, tmp_path):
    store = script("line_store")
    rng = np.random.default_rng(0)
    lines = [
        store.CutLine(rng.integers(0, 256, (96, width)).astype(np.uint8), text, "p.jpg", True)
        for width, text in ((30, "é½"), (7, "b"))
    ]
    assert store.save(tmp_path / "some", lines) == 2
    for before, after in zip(lines, store.load(tmp_path / "some")):
        np.testing.assert_array_equal(before.ink, after.ink)
        assert before[1:] == after[1:]
    assert store.save(tmp_path / "none", []) == 0
    assert store.load(tmp_path / "none") == []


def test_masked_ink_lies_inside_the_polygon_alone(script):
    store = script("line_store")
    ink = np.full((96, 10), 200, np.uint8)
    ink[:, 5:] |= 1
    masked = store.CutLine(ink, "", "").masked()
    assert (masked[:, :5] == 0).all()
    assert (masked[:, 5:] == 201).all()


@pytest.mark.parametrize(
    ("text", "tags", "height", "expected"),
    [
        ("a red door", (), 20, True),
        ("a >red< door", (), 20, False),
        ("[....] door", (), 20, False),
        ("a red door", ("unusable",), 20, False),
        ("up the margin", (), 400, False),
        ("", (), 20, False),
    ],
)
def test_a_line_is_used_where_picture_and_text_agree(script, text, tags, height, expected):
    line = LabeledLine(text, TextLine(Box(0, 0, 100, height)), tags=tags)
    assert script("labeled").usable(line) == expected


def test_each_font_of_the_table_has_a_license_and_a_package(script):
    table = (PRETRAIN / "fonts.tsv").read_text(encoding="utf-8").splitlines()
    names = [name for _, name in script("gather_fonts").wanted()]
    assert len(set(names)) == len(names)
    for row in table[1:]:
        kind, source, package, license_, files = row.split("\t")
        assert kind in ("hand", "print", "type")
        assert source in ("npm", "debian")
        assert package.startswith("@fontsource/" if source == "npm" else "fonts-")
        assert license_
        assert files


def test_fonts_are_held_out_of_each_kind(script):
    kinds = [
        kind for kind, n in script("gather_fonts").wanted() if script("held_out").held_out(Path(n))
    ]
    assert kinds.count("print") >= 5
    assert kinds.count("type") >= 2
    assert kinds.count("hand") >= 5

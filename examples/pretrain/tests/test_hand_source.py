"""Lines drawn in handwriting fonts."""

from __future__ import annotations

from string import ascii_letters

import numpy as np

from htrlib.synthesis.handwriting import BUNDLED_FONTS, HandwritingStyle, load_fonts

FONTS = load_fonts(BUNDLED_FONTS, ascii_letters + ".,-'")
TEXT = "The old Doctor lived here"


def test_some_small_letters_become_small_capitals_and_enough_stay(script):
    source = script("hand_source")
    shapes = set()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        style = source.with_small_capitals(HandwritingStyle(), TEXT, rng)
        shown = "".join(map(style.shape, TEXT))
        assert shown.lower() == TEXT.lower() and shown[0] == "T"
        assert sum(map(str.islower, shown)) >= source.PLAIN * len(TEXT.replace(" ", ""))
        shapes.add(shown)
    assert len(shapes) > 20 and TEXT in shapes


def test_a_text_without_small_letters_keeps_its_style(script):
    style = HandwritingStyle()
    rng = np.random.default_rng(1)
    assert script("hand_source").with_small_capitals(style, "1939 - A", rng) is style


def test_a_font_prints_that_leaves_paper_between_letters(script, monkeypatch):
    source = script("hand_source")
    assert all(map(source.prints, FONTS))
    monkeypatch.setattr(source, "UNJOINED", "tttttt")  # whose bars touch in Caveat
    assert not source.prints(FONTS[0])


def test_the_label_of_a_small_capital_is_the_small_letter(script, monkeypatch):
    source = script("hand_source")
    monkeypatch.setattr(source, "SMALL_CAPITALS", 1.0)
    monkeypatch.setattr(source, "CAPITALS", 0.0)
    monkeypatch.setattr(source, "prints", lambda font: True)
    monkeypatch.setattr(source, "phrase", lambda *_: TEXT)
    drawn = []
    monkeypatch.setattr(source, "draw_line", recorded(source.draw_line, drawn))
    draw = source.HandSource(FONTS, ["old"], ["vieux"])
    texts = [draw(np.random.default_rng(seed))[1] for seed in range(8)]
    assert set(texts) == {TEXT}
    assert any(style.small_capitals for style in drawn)


def recorded(draw_line, styles):
    def draw(text, font, height, rng, style):
        styles.append(style)
        return draw_line(text, font, height, rng, style)

    return draw

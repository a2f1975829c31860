"""Texts of print, drawn from the word lists of wordfreq."""

from __future__ import annotations

import numpy as np


def test_texts_of_print_hold_known_characters_alone(script):
    words = ["the", "red", "door"] * 30
    texts = script("print_texts").PrintTexts(words, words, words)
    rng = np.random.default_rng(1)
    lines = [texts.line(rng, 14) for _ in range(400)]
    assert all(line.strip() for line in lines)
    stray = [line for line in lines if not set(line) <= set(script("texts").CHARACTERS)]
    assert len(stray) < len(lines) / 50  # word lists hold a few letters of other alphabets
    assert any(line.isupper() for line in lines)
    assert any(any(c.isdigit() for c in line) for line in lines)

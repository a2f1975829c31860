"""Lines made of the words of one page."""

from __future__ import annotations

import json

import numpy as np
import pytest

WORDS = {"one two": [(0, 40), (40, 80)], "three four": [(0, 60), (60, 110)]}


@pytest.fixture
def collage(script, tmp_path):
    """The collage of a page on which each word's ink has a darkness of its own."""
    store = script("line_store")
    lines, places, darkness = [], [], 20
    for text, spans in WORDS.items():
        ink = np.zeros((store.HEIGHT, spans[-1][1]), np.uint8)
        for first, end in spans:
            ink[40:50, first:end] = darkness
            darkness += 20
        lines.append(store.CutLine(ink, text, "page.png"))
        places.append([(*span, word) for span, word in zip(spans, text.split())])
    store.save(tmp_path / "letters_train", lines)
    (tmp_path / "letters_train.words.json").write_text(json.dumps(places), encoding="utf-8")
    return script("word_collage").collages(tmp_path, ["letters", "others"])["letters"]


def test_a_collage_holds_the_ink_of_its_words_in_their_order(collage):
    darkness = dict(zip(["one", "two", "three", "four"], (20, 40, 60, 80)))
    texts = set()
    for seed in range(50):
        ink, text = collage(np.random.default_rng(seed))
        values = [int(v) for v in ink.max(axis=0) if v]
        order = [value for at, value in enumerate(values) if at == 0 or values[at - 1] != value]
        expected = [darkness[word] for word in text.split()]
        assert order == [v for at, v in enumerate(expected) if at == 0 or expected[at - 1] != v]
        texts.add(text)
    assert len(texts) > 10  # not just the two lines of the page


def test_words_are_cut_where_the_recognizer_finds_the_gap(script):
    store, words = script("line_store"), script("find_words")
    ink = np.zeros((store.HEIGHT, 320), np.uint8)
    ink[40:50, 10:150] = 201
    ink[40:50, 170:310] = 201
    line = store.CutLine(ink, "a b", "page.png")
    values = np.full((80, 4), -9.0, np.float32)
    values[:, 3] = -0.1  # the blank
    for frame, label in ((20, 0), (40, 2), (60, 1)):
        values[frame] = -9.0
        values[frame, label] = -0.1
    alignment = script("line_alignment").alignment_of
    pieces = words.pieces_of(line, alignment(values, [0, 2, 1]))
    assert [text for _, _, text in pieces] == ["a", "b"]
    assert 150 <= pieces[0][1] <= 170 and pieces[0][1] == pieces[1][0]
    values[:, 0] = -9.0
    # the text is not on the picture
    assert words.pieces_of(line, alignment(values, [0, 2, 1])) == []

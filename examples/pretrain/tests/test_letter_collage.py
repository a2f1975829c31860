"""Lines made of the letters of one page."""

from __future__ import annotations

import json

import numpy as np
import pytest

TEXTS = ("bat cab", "tea bet", "ace cat")
WIDTH = 20  # columns of a letter
TALL = 20  # rows


@pytest.fixture
def collage(script, tmp_path, monkeypatch):
    """The collage of a page on which each letter's ink has a darkness of its own."""
    return collage_of(TEXTS, script, tmp_path, monkeypatch)


def collage_of(texts, script, tmp_path, monkeypatch):
    store, letters = script("line_store"), script("letter_collage")
    lines, cuts = [], []
    for text in texts:
        ink = np.zeros((store.HEIGHT, WIDTH * len(text)), np.uint8)
        for at, letter in enumerate(text):
            ink[38 : 38 + TALL, at * WIDTH : (at + 1) * WIDTH] = darkness(letter)
        lines.append(store.CutLine(ink, text, "page.png"))
        cuts.append((0.0, [at * WIDTH for at in range(len(text) + 1)], [1] * len(text)))
    store.save(tmp_path / "hand_train", lines)
    (tmp_path / "hand_train.letters.json").write_text(json.dumps(cuts), encoding="utf-8")
    monkeypatch.setattr(letters, "FEWEST", 1)
    english = ["beet", "act", "zebra", "be", "a", "taco"]  # the page has no z, r or o
    return letters.letter_collage(tmp_path, {"hand": 1.0}, english * 3, english * 3)


def darkness(letter: str) -> int:
    return 0 if letter == " " else 1 + 2 * (10 + 5 * (ord(letter.lower()) - ord("a")))


def test_a_collage_writes_words_of_the_language_with_the_letters_of_the_page(collage):
    texts = set()
    for seed in range(40):
        ink, text = collage(np.random.default_rng(seed))
        assert set(text.split()) <= {"beet", "act", "be", "a"}
        shown = [int(column.max()) for column in ink.T if column.any()]
        letters = [value for at, value in enumerate(shown) if at % WIDTH == WIDTH // 2]
        assert letters == [darkness(letter) for letter in text if letter != " "]
        texts.add(text)
    assert len(texts) > 5


def test_a_page_in_capitals_gives_words_in_capitals(script, tmp_path, monkeypatch):
    capitals = [text.upper() for text in TEXTS]
    collage = collage_of(capitals, script, tmp_path, monkeypatch)
    texts = {collage(np.random.default_rng(seed))[1] for seed in range(9)}
    assert {word for text in texts for word in text.split()} <= {"BEET", "ACT", "BE", "A"}


def test_runs_of_letters_are_as_long_as_the_page_has_them(script):
    letters, find = script("letter_collage"), script("find_letters")
    store = script("line_store")
    ink = np.full((store.HEIGHT, 6 * WIDTH), 101, np.uint8)
    cut = find.Cuts(0.0, [at * WIDTH for at in range(7)], [1, 1, 1, 1, 0, 1])
    page = letters.Page([store.CutLine(ink, "letter", "page.png")], [cut])

    class Never:
        """Draws the first of all, and never shortens a run."""

        def random(self):
            return 1.0

        def integers(self, count, size):
            return np.zeros(size, int)

    assert page.covered("let", {}, Never()) == [letters.Run(0, 0, 3)]
    assert page.covered("tele", {}, Never()) is None  # of single letters
    assert page.covered("rest", {}, Never()) is None  # no s
    assert page.covered("her", {}, Never()) is None  # the second e is not sure, so there is no "er"


def test_a_hand_that_prints_may_have_small_capitals(script, tmp_path, monkeypatch):
    letters = script("letter_collage")
    monkeypatch.setattr(letters, "SMALL_CAPITALS", 1.0)
    monkeypatch.setattr(letters, "CHOSEN", (1.0, 1.0))
    monkeypatch.setattr(letters, "CAPITAL_SIZE", (0.5, 0.5))
    monkeypatch.setattr(letters, "SLANT", 0.0)
    monkeypatch.setattr(letters, "printed", lambda lines, cuts: 1.0)
    collage = collage_of(("bat CAB", "tea beT"), script, tmp_path, monkeypatch)
    for seed in range(20):
        ink, text = collage(np.random.default_rng(seed))
        assert set(text.split()) <= {"beet", "act", "be", "a"}  # small letters in the text
        columns = np.count_nonzero(ink.max(axis=0) > letters.FAINT // 3)
        widths = [WIDTH // 2 if letter in "abct" else WIDTH for letter in text if letter != " "]
        assert columns == sum(widths)


def test_a_small_capital_stands_on_the_line(script):
    letters, store = script("letter_collage"), script("line_store")
    ink = np.ones((store.HEIGHT, 20), np.uint8)
    ink[20:60] = 201
    small = letters.shrunk(ink, 0.5)
    rows = np.flatnonzero((small > 100).any(axis=1))
    assert small.shape == (store.HEIGHT, 10)
    assert rows.tolist() == list(range(40, 60))
    assert (small & 1).all()  # inside the outline


def test_a_hand_prints_where_paper_is_between_its_letters(script):
    letters, store, find = script("letter_collage"), script("line_store"), script("find_letters")
    ink = np.ones((store.HEIGHT, 4 * WIDTH), np.uint8)
    for at in range(4):
        ink[40:60, at * WIDTH + 3 : (at + 1) * WIDTH - 3] = 201
    line = store.CutLine(ink, "abcd", "page.png")
    cuts = find.Cuts(0.0, [at * WIDTH for at in range(5)], [1] * 4)
    assert letters.printed([line], [cuts]) == 1.0
    ink[50:53] = 201  # a stroke that joins them
    assert letters.printed([line], [cuts]) == 0.0


def test_a_stroke_is_moved_to_the_height_of_the_one_before_it(script):
    letters, store = script("letter_collage"), script("line_store")
    one, two = (np.zeros((store.HEIGHT, 10), np.uint8) for _ in range(2))
    one[50:53], two[52:55] = 201, 201
    first, second = letters.joined([one, two], np.random.default_rng(0))
    assert np.flatnonzero(first[:, -1]).tolist() == np.flatnonzero(second[:, 0]).tolist()


@pytest.mark.parametrize("slant", [0.0, 0.5, 1.0])
def test_a_slant_is_found_and_taken_out(script, slant):
    find, store = script("find_letters"), script("line_store")
    ink = np.zeros((store.HEIGHT, 200), np.uint8)
    for row in range(20, 80):
        for stem in (60, 100, 140):
            left = round(stem + slant * (find.MIDDLE - row))
            ink[row, left : left + 4] = 201
    line = store.CutLine(ink, "ill", "page.png")
    assert find.slant_of([line]) == pytest.approx(slant, abs=0.06)
    assert np.count_nonzero(find.upright(ink, slant, 0, 200).any(axis=0)) <= 3 * 5


def test_letters_are_cut_where_the_ink_is_thinnest(script):
    find, align = script("find_letters"), script("line_alignment")
    store = script("line_store")
    ink = np.zeros((store.HEIGHT, 80), np.uint8)
    ink[40:60, 5:35] = 201
    ink[40:60, 45:75] = 201
    ink[58:60, 35:45] = 201  # the stroke that joins them
    alignment = align.Alignment(20, [(4, 5), (12, 13)], [4, 12], [-0.1, -9.0])
    cuts = find.cuts_of(store.CutLine(ink, "ab", "page.png"), alignment, 0.0)
    assert cuts.columns[0] == 0 and cuts.columns[2] == 80
    assert 35 <= cuts.columns[1] < 45
    assert list(cuts.sure) == [1, 0]

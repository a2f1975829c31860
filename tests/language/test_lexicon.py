from __future__ import annotations

import math
from pathlib import Path

import pytest

from htrlib.errors import ConfigError, LanguageModelError
from htrlib.language.lexicon import Lexicon


def penalties(lexicon: Lexicon, text: str) -> float:
    """Return the number of words outside the lexicon: the score with a penalty of 1."""
    total, state = 0.0, 0
    for character in text:
        penalty, state = lexicon.step(state, character)
        total -= penalty
    return total - lexicon.end(state)


@pytest.mark.parametrize(
    ("text", "escapes"),
    [
        ("the cat", 0),
        ("The CAT", 0),
        ("the dog", 1),
        ("ca", 1),
        ("cats", 1),
        ("ca the", 1),
        ("dogs dig", 2),
        ("the 'cat', 1984!", 0),
        ("don't", 0),
        ("don t", 2),
        ("the ca-", 0),
        ("London", 0),
        ("london", 1),
        ("", 0),
    ],
)
def test_words_outside_the_list_cost_one_penalty_each(text: str, escapes: int) -> None:
    lexicon = Lexicon(["the", "cat", "don't", "London"], escape_penalty=1.0)
    assert penalties(lexicon, text) == escapes


def test_combining_marks_do_not_end_a_word() -> None:
    lexicon = Lexicon(["घर"], escape_penalty=1.0)
    assert penalties(lexicon, "घर हिन्दी") == 1  # unlisted once, not once for each of its letters
    assert penalties(lexicon, "घरों") == 1  # more than the listed word
    assert penalties(lexicon, "1\u0304 घर") == 0


def test_listed_words_are_in_the_lexicon() -> None:
    lexicon = Lexicon(["the", " café \n"])
    assert "The" in lexicon and "café" in lexicon
    assert "th" not in lexicon and "xyz" not in lexicon


def test_words_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("the\n\ncat\n")
    assert "cat" in Lexicon.load(tmp_path / "words.txt")


def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("the\ncat\n", encoding="utf-8-sig")
    assert "the" in Lexicon.load(tmp_path / "words.txt")


def test_bad_lexica_are_errors(tmp_path: Path) -> None:
    with pytest.raises(LanguageModelError, match="at least one word"):
        Lexicon(["", " "])
    with pytest.raises(LanguageModelError, match="cannot read"):
        Lexicon.load(tmp_path / "nowhere.txt")
    with pytest.raises(ConfigError, match="by Lexicon"):
        Lexicon("words.txt")
    for penalty in (-1.0, math.nan):
        with pytest.raises(ConfigError, match="at least 0"):
            Lexicon(["a"], penalty)

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from htrlib.language.words import count_unknown, frequent_words, words_of


def test_words_are_runs_of_letters_in_lower_case() -> None:
    assert words_of("L'Été, 2 Jan. — Mr Smith's 3rd") == [
        *("l", "été", "jan", "mr", "smith", "s", "rd"),
    ]


def test_combining_marks_belong_to_the_letters_before_them() -> None:
    hindi, arabic, latin = "हिन्दी", "مُحَمَّد", "m\u0304an"
    assert words_of(f"{hindi} {arabic}; \u0304 {latin}") == [hindi, arabic, latin]
    assert count_unknown(f"{hindi} {latin}-", {hindi}) == 0


def test_a_word_that_occurs_once_is_not_frequent() -> None:
    assert frequent_words(["The cat", "the dog; a Cat"]) == {"the", "cat"}


def test_unknown_words_are_counted_each_time() -> None:
    assert count_unknown("The cta saw 27 cta", {"the", "saw"}) == 2


def test_a_word_that_the_end_of_the_line_cuts_is_not_counted() -> None:
    for hyphen in "-¬=":
        assert count_unknown(f"the ca{hyphen} ", {"the"}) == 0
    assert count_unknown("the well-known", {"the"}) == 2


@given(st.text(), st.sets(st.text()))
def test_no_more_words_are_unknown_than_there_are(text: str, known: set[str]) -> None:
    assert 0 <= count_unknown(text, known) <= len(words_of(text))
    assert count_unknown(text, known | set(words_of(text))) == 0

from __future__ import annotations

import numpy as np
import pytest

from htrlib.decoding import looks as looks_module
from htrlib.decoding.beam_search import beam_search
from htrlib.decoding.looks import Look, most_supported
from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs

CHARSET = Charset.from_text("ab")


def look(*frames: float, spread: int = 1) -> Look:
    """A look at a line of one letter a frame, with blanks between.

    Args:
        frames: the probability of "a" in each; the rest is that of "b".
    """
    values = np.full((2 * len(frames), 3), 1e-6)
    values[1::2, 2] = 1.0
    values[::2, 0], values[::2, 1] = frames, [1.0 - p for p in frames]
    values = np.log(np.repeat(values, spread, axis=0).clip(1e-6))
    return LogProbs(values.astype(np.float32), CHARSET), beam_search(values)


def text(chosen: Look) -> str:
    return CHARSET.decode(chosen[1].hypotheses[0].labels)


@pytest.mark.parametrize("spread", [1, 3])
def test_the_surer_look_wins_whichever_is_first(spread: int) -> None:
    unsure, sure = look(0.45, 0.9), look(0.95, 0.9, spread=spread)
    assert [text(one) for one in (unsure, sure)] == ["ba", "aa"]
    assert text(most_supported([unsure, sure])) == "aa"
    assert text(most_supported([sure, unsure])) == "aa"


def test_the_first_of_looks_that_agree_stays() -> None:
    looks = [look(0.7), look(0.9)]
    assert most_supported(looks) is looks[0]


def test_one_look_is_enough() -> None:
    only = look(0.3)
    assert most_supported([only]) is only


def test_a_text_too_long_for_the_frames_of_the_other_look_loses() -> None:
    short, long = look(0.4), look(0.9, 0.9, 0.9)
    assert text(long) == "aaa"
    assert text(most_supported([long, short])) == "a"  # by far what the long look prefers to "b"


def test_a_text_that_one_look_supports_well_wins_over_one_that_both_support_a_little() -> None:
    clear, covered = look(0.9, 0.9), look(0.06, 0.3)
    assert text(most_supported([clear, covered])) == "aa"  # by the mean of both, "ba"


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks_module, "ENOUGH", 1)


@pytest.mark.usefixtures("few_are_enough")
def test_a_text_of_known_words_wins_over_one_a_little_likelier() -> None:
    one = look(0.6, 0.9)
    assert text(one) == "aa"
    chosen = most_supported([one], {"ba"})
    assert text(chosen) == "ba"
    assert sorted(h.labels for h in chosen[1].hypotheses) == sorted(
        h.labels for h in one[1].hypotheses
    )
    assert most_supported([one], {"aa", "ba"}) is one


@pytest.mark.usefixtures("few_are_enough")
def test_a_text_of_known_words_loses_to_one_far_likelier() -> None:
    assert text(most_supported([look(0.99, 0.99)], {"ba", "bb"})) == "aa"


def test_a_short_list_of_words_counts_for_nothing() -> None:
    one = look(0.6, 0.9)
    assert most_supported([one], {"ba"}) is one


def test_a_second_text_that_all_looks_support_wins() -> None:
    """Each look alone prefers another text; both find the same one nearly as likely."""
    first, second = look(0.55, 0.02), look(0.02, 0.55)
    assert [text(one) for one in (first, second)] == ["ab", "ba"]
    assert text(most_supported([first, second])) == "bb"

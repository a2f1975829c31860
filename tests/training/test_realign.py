"""`examples/pretrain/realign.py`: lines of a page find their words in its transcript."""

from __future__ import annotations

import numpy as np

TRANSCRIPT = """Rochester Aug 1
Dear Sir
I know by sad experience that
of our fellow creatures
Yours very truly"""


def test_a_line_takes_the_words_that_it_reads_almost(script):
    words = ["the", "red", "door", "was", "open", "and", "a", "cat", "sat", "by", "the", "gate"]
    found = script("realign").aligned(["the rad dor was", "cet sat by tbe", "zzzzzzzz"], words)
    phrases = {index: " ".join(words[m.start : m.end]) for index, m in found.items()}
    assert phrases == {0: "the red door was", 1: "cat sat by the"}


def test_words_that_stand_twice_label_nothing(script):
    words = ["dear", "sir", "the", "red", "door", "dear", "sir", "the", "gate"]
    assert script("realign").aligned(["dear sir"], words) == {}


def test_no_word_of_a_transcript_goes_to_two_lines(script):
    words = ["the", "red", "door", "was", "open"]
    found = script("realign").aligned(["the red door was", "red door was opem"], words)
    assert len(found) == 1


def test_lines_of_a_page_are_labeled_by_its_own_transcript(script):
    store, realign = script("line_store"), script("realign")
    ink = np.zeros((96, 20), np.uint8)
    lines = [store.CutLine(ink, "", page) for page in ("one", "two")]
    transcripts = {"one": "the red door\nwas open", "two": "a cat sat by the gate"}
    pages = {name: {"transcript": text, "lines": []} for name, text in transcripts.items()}
    made = list(realign.relabeled(pages, lines, ["the red doar", "the red doar"]))
    assert [(line.page, line.text) for line in made] == [("one", "the red door")]


def test_a_line_gets_the_words_that_its_reading_is_nearest_to(script):
    labels = script("realign").labels_of(
        TRANSCRIPT, ["Dear Sir"], ["I knom by sad expericnce that"]
    )
    assert labels == {0: "I know by sad experience that"}


def test_a_line_that_is_read_badly_gets_the_line_between_its_neighbors(script):
    known = ["Rochester Aug 1", "Dear Sir", "Yours very truly"]
    labels = script("realign").labels_of(
        TRANSCRIPT, known, ["I know by sad experience that", "of am fellar crealnrs"]
    )
    assert labels[1] == "of our fellow creatures"


def test_a_line_that_has_a_label_is_not_given_away_again(script):
    known = ["I know by sad experience", "of our fellow creatures"]
    assert (
        "of our fellow creatures"
        not in script("realign").labels_of(TRANSCRIPT, known, ["of am fellar cr"]).values()
    )


def test_lines_without_likeness_stay_without_label(script):
    assert script("realign").in_order(["zzzz qqqq"], ["of our fellow creatures"]) == {}


def test_order_decides_between_lines_that_are_alike(script):
    readings = ["Yours trulv", "Yours truly"]
    assert script("realign").in_order(readings, ["Yours truly", "Yours truly"]) == {
        0: "Yours truly",
        1: "Yours truly",
    }


def test_a_page_without_lines_has_no_labels(script):
    assert script("realign").labels_of(TRANSCRIPT, [], []) == {}
    assert script("realign").labels_of("", [], ["Dear Sir"]) == {}

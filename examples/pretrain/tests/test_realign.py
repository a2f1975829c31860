"""`realign`: lines of a page find their words in its transcript."""

from realign import in_order, labels_of

TRANSCRIPT = """Rochester Aug 1
Dear Sir
I know by sad experience that
of our fellow creatures
Yours very truly"""


def test_a_line_gets_the_words_that_its_reading_is_nearest_to() -> None:
    labels = labels_of(TRANSCRIPT, ["Dear Sir"], ["I knom by sad expericnce that"])
    assert labels == {0: "I know by sad experience that"}


def test_a_line_that_is_read_badly_gets_the_line_between_its_neighbors() -> None:
    known = ["Rochester Aug 1", "Dear Sir", "Yours very truly"]
    labels = labels_of(
        TRANSCRIPT, known, ["I know by sad experience that", "of am fellar crealnrs"]
    )
    assert labels[1] == "of our fellow creatures"


def test_a_line_that_has_a_label_is_not_given_away_again() -> None:
    known = ["I know by sad experience", "of our fellow creatures"]
    assert (
        "of our fellow creatures" not in labels_of(TRANSCRIPT, known, ["of am fellar cr"]).values()
    )


def test_lines_without_likeness_stay_without_label() -> None:
    assert in_order(["zzzz qqqq"], ["of our fellow creatures"]) == {}


def test_order_decides_between_lines_that_are_alike() -> None:
    readings = ["Yours trulv", "Yours truly"]
    assert in_order(readings, ["Yours truly", "Yours truly"]) == {
        0: "Yours truly",
        1: "Yours truly",
    }


def test_a_page_without_lines_has_no_labels() -> None:
    assert labels_of(TRANSCRIPT, [], []) == {}
    assert labels_of("", [], ["Dear Sir"]) == {}

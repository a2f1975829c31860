from __future__ import annotations

from pathlib import Path

from htrlib.data import Dataset, LineSample
from htrlib.data.samples import LabeledLine, PageSample
from htrlib.document.geometry import Size
from htrlib.language.estimation import estimate
from htrlib.training.language import learn_language, running_texts

WOOD = "How much wood would a woodchuck chuck, if a woodchuck could chuck wood?"
SEA = "She sells sea shells by the sea shore."


def line(text: str, source: str, page: str = "") -> LineSample:
    return LineSample(Path("a.png"), text, source, page=page or None)


def test_lines_of_a_page_run_on_and_the_same_text_counts_once() -> None:
    page = PageSample(
        Path("b.png"), Size(9, 9), "b", (LabeledLine("one"), LabeledLine(""), LabeledLine("two"))
    )
    samples = (
        line("three", "a#1", "a"),
        page,
        line("four", "a#2", "a"),
        line("alone", "c"),
        line("alone", "d"),
    )
    texts = ["one two", "three four", "alone"]
    assert running_texts(Dataset(samples)) == texts
    assert running_texts(Dataset(samples) + Dataset(samples)) == texts


def test_pages_and_lines_of_other_folders_that_are_called_the_same_all_count() -> None:
    pages = [
        PageSample(Path(folder, "1.png"), Size(9, 9), "1", (LabeledLine(folder),))
        for folder in ("first", "second")
    ]
    lines = [
        LineSample(Path(folder, "1.png"), folder, source="1") for folder in ("third", "fourth")
    ]
    texts = running_texts(Dataset((*pages, *lines)))
    assert texts == ["first", "second", "third", "fourth"]


def test_texts_like_the_validation_data_are_learned() -> None:
    base = estimate([SEA] * 3, order=4)
    learned = learn_language([WOOD], ["would a woodchuck"], base)
    assert learned is not None
    assert 0.5 < learned.share <= 0.9, "what was known is not forgotten"
    assert learned.model.score("woodchuck") > base.score("woodchuck") + 5
    assert learned.model.score("sea shells") > estimate([WOOD]).score("sea shells")


def test_texts_unlike_the_validation_data_change_nothing() -> None:
    base = estimate([SEA] * 3, order=4)
    assert learn_language([WOOD], [SEA], base) is None


def test_without_a_model_the_texts_alone_are_learned() -> None:
    learned = learn_language([WOOD], [], None)
    assert learned is not None
    assert learned.share == 1.0
    assert learned.model.order == 6


def test_a_few_words_are_no_language() -> None:
    assert learn_language(["ab"], ["ab"], None) is None
    assert learn_language([], ["ab"], estimate([SEA], order=3)) is None

"""A training request becomes a trainer and its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from htrlib.data.samples import Dataset, LabeledLine, PageSample
from htrlib.document.geometry import Box, Size
from htrlib.document.results import TextLine
from htrlib.training import request
from htrlib.training.request import TrainingJob

LINE = LabeledLine("text", TextLine(Box(0, 0, 50, 20)))


def page(name, *lines, incomplete=False):
    return PageSample(Path(f"{name}.png"), Size(60, 30), name, lines, incomplete=incomplete)


@pytest.fixture
def divided(monkeypatch):
    """The data of a request, of which a part is held out."""

    def divide(task, dataset):
        monkeypatch.setattr(request, "select", lambda *_, **__: dataset)
        job = TrainingJob(task, (("page_xml", "pages"),), Path("run"))
        return request._data(job)

    return divide


@pytest.mark.parametrize("task", ["line-segmentation", "paragraph", "line-recognition"])
def test_what_is_held_out_is_something_that_the_task_can_learn_from(divided, task):
    useful = [page(f"useful {number}", LINE) for number in range(2)]
    rest = [page(f"blank {number}") for number in range(8)]
    train, held_out = divided(task, Dataset((*rest, *useful)))
    (held,) = held_out
    assert held in useful
    assert set(train) == {*rest, *useful} - {held}


@pytest.mark.parametrize(
    "useless",
    [page("unplaced", LabeledLine("text")), page("unconfirmed", LINE, incomplete=True)],
    ids=lambda useless: useless.source,
)
def test_a_page_whose_lines_are_not_all_known_is_not_held_out_for_a_labeler(divided, useless):
    useful = [page(f"useful {number}", LINE) for number in range(2)]
    others = [useless] * 8
    _, held_out = divided("line-segmentation", Dataset((*others, *useful)))
    assert all(held in useful for held in held_out)


def test_data_of_which_nothing_is_useful_is_divided_all_the_same(divided):
    train, held_out = divided("paragraph", Dataset(tuple(page(str(number)) for number in range(4))))
    assert len(train) + len(held_out) == 4
    assert len(held_out)

"""Training takes the lines that people confirmed, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from htrlib import data
from htrlib.data.corrections import CorrectedLine, CorrectedPage
from htrlib.document.geometry import Box, Size
from htrlib.document.results import TextLine
from htrlib.errors import DatasetError
from htrlib.formats.page_editing import Stamp, write_page_file


def write(picture: Path, *confirmed: bool) -> None:
    lines = tuple(
        CorrectedLine(
            f"l{n}", f"text {n}", TextLine(Box(5, 20 * n, 90, 20 * n + 15)), confirmed=yes
        )
        for n, yes in enumerate(confirmed, start=1)
    )
    page = CorrectedPage(Size(200, 100), lines)
    file = picture.with_suffix(".xml")
    file.write_bytes(write_page_file(None, page, picture.name, Stamp("Anna", "in work"), file))


def test_confirmed_lines_alone_are_taken(make_picture: Callable[..., Path]) -> None:
    write(make_picture("a.png"), True, False, True)
    write(make_picture("b.png"), False)
    folder = make_picture("c.png").parent
    (folder / "c.xml").write_text("<alto/>")
    dataset = data.load("review", folder)
    assert [line.text for line in dataset.lines] == ["text 1", "text 3"]
    reasons = {problem.source: problem.reason for problem in dataset.problems}
    assert reasons == {"b": "no confirmed line", "c": "not PAGE XML of this picture"}


def test_a_folder_without_a_confirmed_line_is_refused(make_picture: Callable[..., Path]) -> None:
    picture = make_picture("a.png")
    write(picture, False)
    with pytest.raises(DatasetError, match="no confirmed line"):
        data.load("review", picture.parent)

"""Training uses only lines that people confirmed."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from PIL import Image

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
    (page,) = dataset.pages
    assert (page.masked, page.incomplete) == ((Box(5, 40, 90, 55),), True)  # it is no blank paper
    reasons = {problem.source: problem.reason for problem in dataset.problems}
    assert reasons == {"b": "no confirmed line", "c": "not PAGE XML of this picture"}


def test_a_line_that_nobody_confirmed_counts_even_without_a_place(
    make_picture: Callable[..., Path],
) -> None:
    picture = make_picture("a.png")
    write(picture, True)
    file = picture.with_suffix(".xml")
    assert not data.load("review", file).pages[0].incomplete
    line = "<TextLine id='l2'><TextEquiv><Unicode>two</Unicode></TextEquiv></TextLine>"
    file.write_text(file.read_text().replace("</TextRegion>", f"{line}</TextRegion>"))
    (page,) = data.load("review", file).pages
    assert (page.masked, page.incomplete) == ((), True)


def test_a_folder_without_a_confirmed_line_is_refused(make_picture: Callable[..., Path]) -> None:
    picture = make_picture("a.png")
    write(picture, False)
    with pytest.raises(DatasetError, match="no confirmed line"):
        data.load("review", picture.parent)


def test_pages_of_a_file_have_xml_files_with_their_numbers(tmp_path: Path) -> None:
    pages = [Image.new("L", (200, 100), shade) for shade in (255, 40)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "scan.pdf", save_all=True, append_images=pages[1:], resolution=300)
    for name in ("scan.tif", "scan.pdf"):
        write(tmp_path / f"{name}.0002.png", True)
    dataset = data.load("review", tmp_path)
    assert [sample.source for sample in dataset] == ["scan.pdf.0002", "scan.tif.0002"]
    assert [int(sample.load_image().mean()) for sample in dataset] == [40, 40]


def test_of_pictures_of_one_stem_each_has_a_file_of_its_own(
    make_picture: Callable[..., Path],
) -> None:
    first, second = make_picture("a.png"), make_picture("a.jpg")
    write(first, True)  # a.xml names a.png
    write(Path(f"{second}.png"), True, True)  # a.jpg.xml
    dataset = data.load("review", first.parent)
    pictures = {sample.source: (sample.image, len(sample.lines)) for sample in dataset.pages}
    assert pictures == {"a": (first, 1), "a.jpg": (second, 2)}


def test_pictures_may_lie_in_another_folder(make_picture: Callable[..., Path]) -> None:
    picture = make_picture("scans/letters/a.png")
    output = picture.parents[2] / "xml"
    (output / "letters").mkdir(parents=True)
    write(output / "letters" / "a.png", True)
    dataset = data.load("review", output, images=picture.parents[1])
    assert [sample.image for sample in dataset] == [picture]


def test_pages_kept_aside_are_a_split(make_picture: Callable[..., Path]) -> None:
    for name in ("a.png", "b.png"):
        write(make_picture(name), True)
    folder = make_picture("c.png").parent
    assert {sample.split for sample in data.load("review", folder)} == {None}
    work = folder / ".htr-review"
    work.mkdir()
    write(work / "old.png", True)  # of the program's own
    (work / "kept-aside.json").write_text('["b.xml"]')
    dataset = data.load("review", folder)
    assert {sample.source: sample.split for sample in dataset} == {"a": "train", "b": "kept aside"}

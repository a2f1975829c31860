"""Finding the pages of a folder and the XML file of each."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterable, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.data.page_places import find_pages
from htrlib.errors import ImageError


def touch(folder: Path, names: Iterable[str]) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def places(folder: Path, pages: int = 1) -> Dict[str, str]:
    found, _ = find_pages(folder, folder, lambda _: True, lambda _: pages)
    return {name: place.xml.relative_to(folder).as_posix() for name, place in found.items()}


def test_pictures_have_files_of_their_names_in_order(tmp_path: Path) -> None:
    touch(tmp_path, ["b.JPG", "a.png", "letters/c.webp", "notes.txt", "a.xml", ".hidden.png"])
    touch(tmp_path, ["a.overlay.png", ".trash/d.png"])
    assert places(tmp_path) == {
        "a.png": "a.xml",
        "b.JPG": "b.xml",
        "letters/c.webp": "letters/c.xml",
    }


def test_pages_of_files_are_numbered(tmp_path: Path) -> None:
    touch(tmp_path, ["one.tif", "scan.pdf"])
    assert places(tmp_path) == {"one.tif": "one.xml", "scan.pdf/0001": "scan.pdf.0001.xml"}
    assert places(tmp_path, pages=2) == {
        "one.tif/0001": "one.tif.0001.xml",
        "one.tif/0002": "one.tif.0002.xml",
        "scan.pdf/0001": "scan.pdf.0001.xml",
        "scan.pdf/0002": "scan.pdf.0002.xml",
    }


def test_a_picture_named_like_a_page_of_a_file_has_a_file_of_its_own(tmp_path: Path) -> None:
    touch(tmp_path, ["scan.pdf", "scan.pdf.0002.png", "scan.pdf.0003.png"])
    assert places(tmp_path, pages=2) == {
        "scan.pdf/0001": "scan.pdf.0001.xml",
        "scan.pdf/0002": "scan.pdf.0002.xml",
        "scan.pdf.0002.png": "scan.pdf.0002.png.xml",
        "scan.pdf.0003.png": "scan.pdf.0003.xml",
    }


def test_a_picture_keeps_its_file_when_a_page_comes_that_would_have_it(tmp_path: Path) -> None:
    touch(tmp_path, ["scan.pdf", "scan.pdf.0001.png"])
    xml = '<PcGts><Page imageFilename="scan.pdf.0001.png"/></PcGts>'
    (tmp_path / "scan.pdf.0001.xml").write_text(xml)
    assert places(tmp_path) == {
        "scan.pdf/0001": "scan.pdf.0001.page.xml",
        "scan.pdf.0001.png": "scan.pdf.0001.xml",
    }


def test_a_picture_whose_name_contains_that_of_another_has_a_file_of_its_own(
    tmp_path: Path,
) -> None:
    touch(tmp_path, ["a.jpg", "a.png", "a.png.tif"])
    assert places(tmp_path) == {
        "a.jpg": "a.jpg.xml",
        "a.png": "a.png.xml",
        "a.png.tif": "a.png.tif.xml",
    }


def test_a_second_picture_of_a_stem_does_not_take_the_file_of_the_first(tmp_path: Path) -> None:
    touch(tmp_path, ["a.png"])
    (tmp_path / "a.xml").write_text('<PcGts><Page imageFilename="scans/a.png"/></PcGts>')
    touch(tmp_path, ["a.jpg", "A.tif"])
    assert places(tmp_path) == {"A.tif": "A.tif.xml", "a.jpg": "a.jpg.xml", "a.png": "a.xml"}


@pytest.mark.parametrize(
    ("picture", "stated"),
    [
        ("R&D.png", '"R&amp;D.png"'),
        ("O'Brien.png", '"O\'Brien.png"'),
        ('6" gun.png', "'6\" gun.png'"),
    ],
)
def test_a_name_with_characters_that_xml_escapes_is_found(
    tmp_path: Path, picture: str, stated: str
) -> None:
    touch(tmp_path, [picture, picture.replace("png", "pdf")])
    xml = picture.replace("png", "xml")
    (tmp_path / xml).write_text(f"<PcGts><Page imageFilename={stated}/></PcGts>")
    assert places(tmp_path)[picture] == xml


def test_what_cannot_be_a_page_is_told(tmp_path: Path) -> None:
    touch(tmp_path, ["a.png", "b\nc.png", "damaged.pdf", "outside.png"])

    def pages_of(path: Path) -> int:
        raise ImageError(f"{str(path)!r}: the PDF is damaged")

    found, refused = find_pages(
        tmp_path, tmp_path, lambda path: path.name != "outside.png", pages_of
    )
    assert list(found) == ["a.png"]
    assert refused == [
        r"'b\nc.png': the name is not printable UTF-8; rename the file",
        "outside.png: a link that leads out of the folder; copy the file",
        "damaged.pdf: the PDF is damaged",
    ]


NAMES = st.builds(
    lambda stem, suffix: f"{stem}{suffix}",
    st.text("abAB.", min_size=1, max_size=3).filter(lambda text: not text.startswith(".")),
    st.sampled_from([".png", ".jpg", ".PNG", ".tif", ".pdf"]),
)


@given(st.lists(NAMES, max_size=8, unique=True))
def test_no_two_pages_share_a_file_on_any_system(
    tmp_path_factory: pytest.TempPathFactory, names: List[str]
) -> None:
    folder = touch(tmp_path_factory.mktemp("scans"), names)
    found = places(folder, pages=2)
    assert len({xml.casefold() for xml in found.values()}) == len(
        {name.casefold() for name in found}
    )

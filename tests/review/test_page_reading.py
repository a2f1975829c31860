"""Pages and lines are read by the pipeline, in a separate process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from htrlib.bundle import load_bundle
from htrlib.document.results import PageResult
from htrlib.errors import ImageError
from htrlib.images.loading import load_image
from htrlib.reading.pipeline import transcribe
from htrlib.review.page_reading import OPTIONS, read_lines, read_page
from htrlib.review.readers import PagePicture, Readers

LETTER = Path(__file__).parents[2] / "examples" / "data" / "letter.png"


@pytest.fixture(scope="module")
def letter() -> PageResult:
    result = transcribe(LETTER, options=OPTIONS)
    assert isinstance(result, PageResult)
    return result


@pytest.mark.slow
def test_a_page_is_read_as_the_library_reads_it(letter: PageResult, default_bundle: str) -> None:
    found = read_page(default_bundle, LETTER, 1)
    assert found == replace(letter, source=None)
    assert found.lines[0].transcription.alternatives


@pytest.mark.slow
def test_lines_are_read_where_people_say_that_they_lie(
    letter: PageResult, default_bundle: str, tmp_path: Path
) -> None:
    places = tuple(line.line for line in letter.lines[:2])
    found = read_lines(default_bundle, LETTER, 1, places)
    assert [line.text for line in found] == [line.text for line in letter.lines[:2]]
    assert [line.id for line in found] == [place.id for place in places]
    assert found[0].words[0].box is not None
    light = tmp_path / "light on dark.png"
    Image.fromarray(255 - load_image(LETTER)).save(light)
    assert read_lines(default_bundle, light, 1, places) == found


@pytest.mark.slow
def test_lines_of_a_page_that_lies_upside_down_are_read_again_where_they_lie(
    default_bundle: str, tmp_path: Path
) -> None:
    turned = tmp_path / "upside down.png"
    Image.fromarray(load_image(LETTER)).rotate(180).save(turned)
    page = read_page(default_bundle, turned, 1)
    (again,) = read_lines(default_bundle, turned, 1, (page.lines[0].line,))
    first = page.lines[0].transcription
    assert again.text == first.text
    for word, expected in zip(again.words, first.words):
        assert word.box is not None
        assert expected.box is not None
        assert word.box.as_tuple() == pytest.approx(expected.box.as_tuple(), abs=1)


@pytest.mark.slow
def test_a_process_reads_and_says_what_it_cannot_read(
    letter: PageResult, default_bundle: str, tmp_path: Path
) -> None:
    readers = Readers(default_bundle, jobs=1)
    try:
        assert readers.label == load_bundle(default_bundle).label
        lines = readers.lines(PagePicture(LETTER, 1), [letter.lines[0].line]).result()
        assert lines[0].text == letter.lines[0].text
        damaged = tmp_path / "damaged.png"
        damaged.write_bytes(LETTER.read_bytes()[:200])
        with pytest.raises(ImageError, match="damaged"):
            readers.page(PagePicture(damaged, 1)).result()
    finally:
        readers.close()

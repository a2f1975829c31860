from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import htrlib
from htrlib.document.geometry import Size
from htrlib.document.results import DocumentResult, PageResult
from htrlib.errors import ConfigError
from htrlib.formats import FORMATS, Format, register
from tests.formats.results import page


def test_a_suffix_names_the_format(tmp_path):
    htrlib.save(page(["one"]), tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["text"] == "one"
    htrlib.save(page(["one"]), tmp_path / "a.page.xml")
    assert "PcGts" in (tmp_path / "a.page.xml").read_text()


@pytest.mark.parametrize("result", [page(["one"]), DocumentResult((page(["one"]), page(["two"])))])
def test_a_result_saves_itself(tmp_path, result):
    result.save(tmp_path / "method", "json")
    htrlib.save(result, tmp_path / "function", "json")
    assert (tmp_path / "method").read_bytes() == (tmp_path / "function").read_bytes()


def test_a_result_saves_itself_with_the_picture_that_it_is_given(tmp_path):
    Image.new("L", (200, 300), 255).save(tmp_path / "a.png")
    page(["one"]).save(tmp_path / "a.pdf", source=tmp_path / "a.png")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_writes_a_page_with_and_without_lines(tmp_path, name):
    picture = tmp_path / "a.png"
    Image.new("L", (200, 300), 255).save(picture)
    for texts in ([], ["a <b> & c", "naïve \U0001f600 word-"]):
        htrlib.save(page(texts), tmp_path / "out", name, source=picture)
        assert (tmp_path / "out").stat().st_size >= (name != "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "out"]


def test_mistakes_say_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match=r"no format has the suffix of 'a\.xyz'"):
        htrlib.save(page([]), tmp_path / "a.xyz")
    with pytest.raises(ConfigError, match="unknown format 'word'"):
        htrlib.save(page([]), tmp_path / "a", "word")
    two = DocumentResult((page(["a"]), page(["b"])))
    with pytest.raises(ConfigError, match="holds one page"):
        htrlib.save(two, tmp_path / "a.page.xml")
    with pytest.raises(ConfigError, match="source="):
        htrlib.save(PageResult(Size(9, 9)), tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())


def test_a_file_is_left_whole_where_writing_fails(tmp_path):
    (tmp_path / "a.pdf").write_text("corrected")
    with pytest.raises(htrlib.ImageError):
        htrlib.save(page(["a"]), tmp_path / "a.pdf", source=tmp_path / "gone.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pdf"]
    assert (tmp_path / "a.pdf").read_text() == "corrected"


def test_a_program_adds_a_format(tmp_path):
    def shout(result, file, options):
        file.write(result.text.upper().encode())

    register(Format("shout", (".loud",), "text/x-loud", shout))
    try:
        htrlib.save(page(["one"]), tmp_path / "a.loud")
        assert (tmp_path / "a.loud").read_text() == "ONE"
        with pytest.raises(ConfigError, match="already"):
            register(Format("shout", (".loud",), "text/x-loud", shout))
    finally:
        del FORMATS["shout"]


def test_the_longest_suffix_counts(tmp_path):
    picture = tmp_path / "a.png"
    Image.new("L", (200, 300), 255).save(picture)
    htrlib.save(page(["a"]), Path(tmp_path / "a.overlay.png"), source=picture)
    with Image.open(tmp_path / "a.overlay.png") as drawn:
        assert drawn.width > 200

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from htrlib import data
from htrlib.cli.main import main
from htrlib.synthesis.handwriting import BUNDLED_FONTS
from tests.cli.labeled import damage, write_pages


def htr(*arguments: object) -> int:
    return main(["data", *map(str, arguments)])


def write_lines(folder: Path, names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.effect_noise((90, 30), 40).save(folder / f"{name}.jpg")
        (folder / f"{name}.gt.txt").write_text(f"line {name}")


def test_inspect_tells_what_is_there_and_what_is_not(tmp_path: Path, capsys: Any) -> None:
    assert htr("inspect", "pages_json", write_pages(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert out.startswith("pages 2, lines 3 (")
    assert "charset (5):  abc€\n" in out
    assert "left out, line without text: 1\n" in out
    assert "\nline without text, for example\n  one.jpg#2\n" in out
    assert err == ""


def test_inspect_draws_the_same_samples_for_the_same_seed(tmp_path: Path, capsys: Any) -> None:
    path = write_pages(tmp_path / "data")
    drawn = set()
    for seed in range(8):
        output = tmp_path / str(seed)
        for _ in range(2):
            assert htr("inspect", "pages_json", path, "--samples", 1, "--output", output,
                       "--seed", seed) == 0  # fmt: skip
        (picture,) = output.iterdir()
        drawn.add(picture.name)
        with Image.open(picture) as opened:
            assert opened.width > 200
    assert drawn == {"one.labels.png", "two.labels.png"}


def test_inspect_draws_single_lines_on_one_sheet(tmp_path: Path, capsys: Any) -> None:
    write_lines(tmp_path, "ab")
    output = tmp_path / "out"
    assert htr("inspect", "lines", tmp_path, "--samples", 9, "--output", output) == 0
    assert [path.name for path in output.iterdir()] == ["lines.png"]


def test_inspect_goes_on_after_a_line_that_cannot_be_drawn(tmp_path: Path, capsys: Any) -> None:
    heights = {}
    for names in ("abc", "ac"):
        folder, output = tmp_path / names, tmp_path / f"{names}-out"
        write_lines(folder, names)
        if "b" in names:
            damage(folder / "b.jpg")
        status = htr("inspect", "lines", folder, "--samples", 9, "--output", output)
        assert status == int("b" in names)
        with Image.open(output / "lines.png") as sheet:
            heights[names] = sheet.height
    assert heights["abc"] == heights["ac"]
    err = capsys.readouterr().err
    assert err.startswith("htr: ")
    assert "b.jpg" in err
    assert err.count("\n") == 1


def test_inspect_draws_no_sheet_where_no_line_can_be_drawn(tmp_path: Path, capsys: Any) -> None:
    write_lines(tmp_path, "a")
    damage(tmp_path / "a.jpg")
    output = tmp_path / "out"
    assert htr("inspect", "lines", tmp_path, "--samples", 1, "--output", output) == 1
    assert list(output.iterdir()) == []
    assert "a.jpg" in capsys.readouterr().err


def test_inspect_goes_on_after_a_page_that_cannot_be_drawn(tmp_path: Path, capsys: Any) -> None:
    path = write_pages(tmp_path)
    damage(tmp_path / "one.jpg")
    assert htr("inspect", "pages_json", path, "--samples", 2, "--output", tmp_path / "out") == 1
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["two.labels.png"]
    assert "one.jpg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("docx", "x"), "unknown data format 'docx'"),
        (("page_xml", "nothing"), "nothing: there is no such file or folder"),
        (("page_xml", "."), "expected an XML file"),
        (("pages_json", "pages.json", "--split", "no"), "there are dev, train"),
        (("pages_json", "pages.json", "--samples", "-1"), "--samples must be at least 0"),
        (("iam", "."), "xml/"),
    ],
)
def test_mistakes_are_one_row_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, arguments: Any, message: str
) -> None:
    write_pages(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert htr("inspect", *arguments) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert (out, err.count("\n")) == ("", 1)


def test_convert_brings_pages_to_page_xml(tmp_path: Path, capsys: Any) -> None:
    path = write_pages(tmp_path)
    assert htr("convert", "pages_json", path, "page_xml", tmp_path / "xml", "--split", "train") == 0
    (page,) = data.load("page_xml", tmp_path / "xml").pages
    assert page.text == "abc\ncab €"
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        "htr: kept, one.jpg#2: text without a box\nhtr: left out, one.jpg#2: line without text\n",
    )


def test_convert_does_not_write_over_the_labels(tmp_path: Path, capsys: Any) -> None:
    path = write_pages(tmp_path)
    xml = tmp_path / "xml"
    assert htr("convert", "pages_json", path, "page_xml", xml, "--split", "train") == 0
    labels = {file.name: file.read_bytes() for file in xml.iterdir()}
    for output in (xml, xml / "deeper"):
        assert htr("convert", "page_xml", xml, "alto", output) == 2
        assert "name another output" in capsys.readouterr().err
    one = next(xml.glob("*.xml"))
    (tmp_path / "pictures").mkdir()
    for picture in xml.glob("*.jpg"):
        picture.rename(tmp_path / "pictures" / picture.name)
    labels = {file.name: file.read_bytes() for file in xml.iterdir()}
    command = ("convert", "page_xml", one, "alto", xml, "--images", tmp_path / "pictures")
    assert htr(*command) == 2
    assert "name another output" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in xml.iterdir()} == labels


def test_convert_does_not_write_over_the_pictures(tmp_path: Path, capsys: Any) -> None:
    export = tmp_path / "export"
    path = write_pages(tmp_path)
    assert htr("convert", "pages_json", path, "page_xml", export, "--split", "train") == 0
    (export / "page").mkdir()
    for xml in export.glob("*.xml"):
        xml.rename(export / "page" / xml.name)
    pictures = {file.name: file.read_bytes() for file in export.glob("*.*")}
    command = ("convert", "page_xml", export / "page", "alto", export, "--images", export)
    assert htr(*command) == 2
    assert "could be replaced" in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in export.glob("*.*")} == pictures


def test_convert_tells_what_is_left_out(tmp_path: Path, capsys: Any) -> None:
    Image.new("L", (90, 30), 255).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("line")
    manifest = tmp_path / "out.manifest"
    assert htr("convert", "lines", tmp_path, "ground_truth", manifest) == 0
    assert capsys.readouterr().err == "htr: left out, a.png: line picture without a page\n"


def test_convert_tells_what_of_the_data_is_not_used(tmp_path: Path, capsys: Any) -> None:
    path = write_pages(tmp_path)
    xml = tmp_path / "xml"
    assert htr("convert", "pages_json", path, "page_xml", xml, "--split", "train") == 0
    capsys.readouterr()
    (xml / "broken.xml").write_text("<PcGts><Page")
    (xml / "mets.xml").write_text("<mets/>")
    assert htr("convert", "page_xml", xml, "lines", tmp_path / "lines") == 1
    rows = capsys.readouterr().err.splitlines()
    assert [row for row in rows if row.startswith("htr: left out, broken: file that cannot be")]
    assert "htr: left out, mets: not PAGE XML (found mets)" in rows
    (xml / "broken.xml").unlink()
    assert htr("convert", "page_xml", xml, "lines", tmp_path / "lines") == 0


def test_convert_renders_synthetic_pages_once(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("a quiet harbor lay behind the hills " * 3)
    options = ["--option", f"text={text}", "--option", "pages=1"]
    output = tmp_path / "lines"
    assert htr("convert", "synthetic", BUNDLED_FONTS, "lines", output, *options) == 0
    assert set(" ".join(line.text for line in data.load("lines", output).lines)) <= set(
        text.read_text()
    )


@pytest.mark.parametrize("format", ["page_xml", "alto", "hocr"])
def test_convert_goes_between_the_formats_of_documents(
    tmp_path: Path, capsys: Any, format: str
) -> None:
    source = write_pages(tmp_path / "data")
    first, second = tmp_path / format, tmp_path / "back"
    assert htr("convert", "pages_json", source, format, first) == 0
    assert htr("convert", format, first, "page_xml", second) == 0
    wanted = {page.source: page.text for page in data.load("pages_json", source).pages}
    assert wanted == {f"{p.source}.jpg": p.text for p in data.load("page_xml", second).pages}

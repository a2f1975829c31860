from __future__ import annotations

import dataclasses
import errno
import io
import math
import re
import shutil
import statistics
import subprocess
import tempfile
from dataclasses import replace

import numpy as np
import pikepdf
import pypdfium2
import pytest
from hypothesis import given, settings
from PIL import Image, ImageCms, ImageFont

import htrlib
from htrlib.document.geometry import Box, Size, union_of
from htrlib.document.results import (
    DocumentResult,
    LineResult,
    PageResult,
    TextLine,
    Transcription,
    Word,
)
from htrlib.errors import ImageError
from htrlib.formats.glyphless_font import font_program
from htrlib.formats.pdf_text import Placement
from htrlib.formats.saving import FORMATS, WriteOptions
from htrlib.formats.searchable_pdf import _pdf_placement
from htrlib.images.loading import load_image
from tests.formats.test_result_writers import results

SIZE = Size(400, 300)


def result(texts=("Zürich 𝔄 ő", "second line"), slope=0.0, number=None, size=SIZE):
    lines = []
    for row, text in enumerate(texts):
        left, words = 40.0, []
        top = 60.0 + 60 * row
        for part in text.split():
            drop = slope * left
            words.append(Word(part, 0.9, 0, 1, Box(left, top + drop, left + 70, top + drop + 30)))
            left += 100
        place = TextLine(
            Box(40, top, 360, top + 40), None, ((40, top + 25), (360, top + 25 + 320 * slope))
        )
        lines.append(LineResult(place, Transcription(text, 0.0, 0.9, tuple(words))))
    return PageResult(size, None, tuple(lines), number=number)


def picture(path, kind, mode="L", **options):
    pixels = np.random.default_rng(1).integers(0, 255, (300, 400), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(path, kind, **options)
    return path


def saved(path, found, source):
    htrlib.save(found, path, source=source)
    return pypdfium2.PdfDocument(path)


def text_of(path, *options):
    """Return the text that pdftotext extracts from a file."""
    found = shutil.which("pdftotext")
    if found is None:
        pytest.skip("needs pdftotext (poppler-utils)")
    command = [found, *options, str(path), "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


def words_of(path, page=1):
    """Return the words that pdftotext extracts from a page."""
    return text_of(path, "-raw", "-f", str(page), "-l", str(page)).split()


def letter(slope, rows=8, pitch=50):
    """A page like handwriting: lines as high as their distance, words of different sizes."""
    lines = []
    for row in range(rows):
        words, left, top = [], 60.0, 200.0 + pitch * row
        for number, text in enumerate(f"{row}a few words of a letter, no more".split()):
            right = left + 18 * len(text) + 7 * (row * number % 3)
            middle = top + slope * (left + right) / 2
            half = pitch / 2 + 3 * ((row + number) % 3) + abs(slope) * (right - left) / 2
            words.append(Word(text, 0.9, 0, 1, Box(left, middle - half, right, middle + half)))
            left = right + 8 + 9 * ((row + 2 * number) % 4)
        place = TextLine(
            union_of(word.box for word in words),
            baseline=((60.0, top + slope * 60 + 15), (left, top + slope * left + 15)),
        )
        text = " ".join(word.text for word in words)
        lines.append(LineResult(place, Transcription(text, 0.0, 0.9, tuple(words))))
    return PageResult(Size(1000, 800), None, tuple(lines))


def upside_down(page):
    """The same lines on a page that lies upside down."""
    width, height = page.size.width, page.size.height

    def turned(box):
        return Box(width - box.right, height - box.bottom, width - box.left, height - box.top)

    lines = []
    for line in page.lines:
        baseline = tuple((width - x, height - y) for x, y in line.line.baseline)
        place = TextLine(turned(line.line.box), baseline=baseline)
        words = tuple(replace(word, box=turned(word.box)) for word in line.transcription.words)
        lines.append(LineResult(place, replace(line.transcription, words=words)))
    return replace(page, lines=tuple(lines))


@pytest.mark.parametrize("slope", [-0.05, -0.02, 0.0, 0.02, 0.05])
@pytest.mark.parametrize("dpi", [72, 100, 300])
def test_programs_that_sort_text_anew_keep_the_reading_order(tmp_path, slope, dpi):
    page = letter(slope)
    Image.new("L", (1000, 800), 255).save(tmp_path / "a.jpg", dpi=(dpi, dpi))
    saved(tmp_path / "a.pdf", page, tmp_path / "a.jpg")
    assert text_of(tmp_path / "a.pdf").split() == page.text.split()
    assert text_of(tmp_path / "a.pdf", "-raw").split() == page.text.split()


@pytest.mark.parametrize("lies", [None, upside_down])
@pytest.mark.parametrize("slope", [-0.4, -0.1, 0.0, 0.05, 0.15, 0.3, 1.2])
def test_the_middle_of_each_word_lies_in_its_box(tmp_path, slope, lies):
    page = letter(slope, rows=4)
    page = page if lies is None else lies(page)
    Image.new("L", (1000, 800), 255).save(tmp_path / "a.png", dpi=(72, 72))
    saved(tmp_path / "a.pdf", page, tmp_path / "a.png")
    told = text_of(tmp_path / "a.pdf", "-bbox")
    found = re.findall(r'xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">', told)
    middles = [(float(a) / 2 + float(c) / 2, float(b) / 2 + float(d) / 2) for a, b, c, d in found]
    boxes = [word.box for line in page.lines for word in line.transcription.words]
    inside = [any(b.left < x < b.right and b.top < y < b.bottom for b in boxes) for x, y in middles]
    assert len(inside) >= len(boxes)
    assert all(inside)


def test_the_text_layer_is_small(tmp_path):
    page, source = letter(0.02), picture(tmp_path / "a.jpg", "JPEG")
    saved(tmp_path / "a.pdf", page, source)
    assert len(page.text.split()) == 64
    assert (tmp_path / "a.pdf").stat().st_size < source.stat().st_size + 2900


def test_further_pages_share_the_font_and_cost_less(tmp_path):
    sizes, sheets = {}, [Image.new("1", (1000, 800), 1)] * 5
    for count in (1, 5):
        sheets[0].save(tmp_path / "a.tif", save_all=True, append_images=sheets[1:count])
        found = DocumentResult(
            tuple(dataclasses.replace(letter(0.02), number=n + 1) for n in range(count))
        )
        saved(tmp_path / "a.pdf", found, tmp_path / "a.tif")
        sizes[count] = (tmp_path / "a.pdf").stat().st_size
    with pikepdf.open(tmp_path / "a.pdf") as document:
        fonts = [page.Resources.Font.HtrText.objgen for page in document.pages]
    assert len(set(fonts)) == 1
    assert (sizes[5] - sizes[1]) / 4 < 0.5 * sizes[1]


def test_an_archival_pdf_of_the_first_kind_gets_no_object_streams(tmp_path):
    with pikepdf.new() as made:
        made.add_blank_page(page_size=(400, 300))
        with made.open_metadata() as said:
            said["pdfaid:part"], said["pdfaid:conformance"] = "1", "B"
        made.save(tmp_path / "in.pdf")
    saved(tmp_path / "out.pdf", result(), tmp_path / "in.pdf")
    assert b"/ObjStm" not in (tmp_path / "out.pdf").read_bytes()
    assert words_of(tmp_path / "out.pdf")


def test_the_metadata_of_a_pdf_stay_as_they_are(tmp_path):
    said = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><!-- ours --></x:xmpmeta>"
    with pikepdf.new() as made:
        made.add_blank_page(page_size=(400, 300))
        made.Root.Metadata = pikepdf.Stream(made, said, Type=pikepdf.Name.Metadata)
        made.save(tmp_path / "in.pdf", fix_metadata_version=False)
    saved(tmp_path / "out.pdf", result(), tmp_path / "in.pdf")
    with pikepdf.open(tmp_path / "out.pdf") as document:
        assert document.Root.Metadata.read_bytes() == said


@pytest.mark.parametrize(("mode", "space"), [("L", "GRAY"), ("RGB", "RGB ")])
def test_device_colors_have_a_profile(tmp_path, mode, space):
    saved(tmp_path / "a.pdf", result(), picture(tmp_path / "a.jpg", "JPEG", mode))
    with pikepdf.open(tmp_path / "a.pdf") as document:
        content = document.Root.OutputIntents[0].DestOutputProfile.read_bytes()
    profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
    assert profile.profile.xcolor_space == space
    colors = [(0, 10, 255), (90, 128, 60), (255, 255, 255)]
    shown = Image.new("RGB", (3, 1))
    shown.putdata(colors)
    own = shown.convert(mode)
    turn = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    seen = np.asarray(ImageCms.applyTransform(own, turn)).astype(int)
    assert np.abs(seen - np.asarray(own.convert("RGB"))).max() <= 1


def test_files_are_clean_to_another_program(tmp_path):
    program = shutil.which("qpdf")
    if program is None:
        pytest.skip("needs qpdf")
    saved(tmp_path / "a.pdf", letter(0.3), picture(tmp_path / "a.jpg", "JPEG"))
    done = subprocess.run([program, "--check", tmp_path / "a.pdf"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_words_of_a_page_without_words_are_none(tmp_path):
    source = picture(tmp_path / "a.jpg", "JPEG")
    saved(tmp_path / "a.pdf", PageResult(SIZE), source)
    assert words_of(tmp_path / "a.pdf") == []


@pytest.mark.parametrize("word", ["שלום", "مرحبا", "שָׁלוֹם"])
def test_words_that_run_to_the_left_are_found(tmp_path, word):
    document = saved(tmp_path / "a.pdf", result((word,)), picture(tmp_path / "a.jpg", "JPEG"))
    assert re.sub("[\u202a-\u202e]", "", text_of(tmp_path / "a.pdf")).split() == [word]
    (found,) = document[0].get_textpage().get_text_range().split()
    assert sorted(found) == sorted(word)  # PDFium gives marks in an order of its own
    assert found[0] == word[0]


@pytest.mark.parametrize("slope", [0.0, 0.1])
def test_the_text_is_found_in_reading_order_under_its_boxes(tmp_path, slope):
    source = picture(tmp_path / "a.jpg", "JPEG", dpi=(72, 72))
    document = saved(tmp_path / "a.pdf", result(slope=slope), source)
    assert words_of(tmp_path / "a.pdf") == ["Zürich", "𝔄", "ő", "second", "line"]
    page = document[0]
    assert page.get_size() == pytest.approx((400, 300), abs=0.001)
    text = page.get_textpage()
    at = text.get_text_range().index("Zürich")
    left, bottom, right, top = text.get_charbox(at, loose=True)
    drop = slope * 40
    assert 40 <= (left + right) / 2 <= 110
    assert 60 + drop <= 300 - (bottom + top) / 2 <= 90 + drop


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_pdf_keeps_its_pages_turned_and_cropped(tmp_path, turn):
    with pikepdf.new() as made:
        made.add_blank_page(page_size=(500, 500))
        page = made.pages[0]
        page.obj.CropBox = pikepdf.Array([50, 60, 450, 360])
        page.obj.Rotate = turn
        page.obj.Contents = pikepdf.Stream(made, b"0.5 g 60 70 100 50 re f 2 0 0 2 9 9 cm")
        made.save(tmp_path / "in.pdf")
    before = load_image(tmp_path / "in.pdf")
    height, width = before.shape
    size = Size(width, height)
    place = TextLine(Box(0.1 * width, 0.2 * height, 0.4 * width, 0.3 * height))
    found = PageResult(size, None, (LineResult(place, Transcription("word", 0.0, 1.0)),))
    saved(tmp_path / "out.pdf", found, tmp_path / "in.pdf")
    assert words_of(tmp_path / "out.pdf") == ["word"]
    assert (load_image(tmp_path / "out.pdf") == before).all()
    text = pypdfium2.PdfDocument(tmp_path / "out.pdf")[0].get_textpage()
    start = text.get_text_range().index("word")
    corners = [text.get_charbox(start + index, loose=True) for index in (0, 3)]
    x = statistics.mean(edge for box in corners for edge in box[::2])
    y = statistics.mean(edge for box in corners for edge in box[1::2])
    middle = {0: (150, 285), 90: (150, 135), 180: (350, 135), 270: (350, 285)}[turn]
    assert math.dist((x, y), middle) < 5


def test_a_page_that_was_read_before_keeps_that_text(tmp_path):
    source = picture(tmp_path / "a.jpg", "JPEG")
    saved(
        tmp_path / "a.pdf",
        result(("ő\U00010380",)),
        source,
    )
    saved(tmp_path / "b.pdf", result(("plain \U0001d504",)), tmp_path / "a.pdf")
    assert sorted(words_of(tmp_path / "b.pdf")) == ["plain", "ő\U00010380", "\U0001d504"]


def damage_rotation(page):
    page.Rotate = pikepdf.Name.X


def damage_media_box(page):
    page.MediaBox = pikepdf.Array([0, 0, 0, 0])


def damage_resources(page):
    page.Resources = 7


def damage_fonts(page):
    page.Resources = pikepdf.Dictionary(Font=7)


def damage_contents(page):
    page.Contents = 7


def damage_part_of_contents(page):
    page.Contents = pikepdf.Array([None, pikepdf.Name.X])


def damage_crop_box(page):
    page.CropBox = pikepdf.Array([0, 0, 0, 0])


@pytest.mark.parametrize(
    "damage",
    [
        *(damage_rotation, damage_media_box, damage_crop_box, damage_resources, damage_fonts),
        *(damage_contents, damage_part_of_contents),
    ],
)
def test_pages_of_wrong_parts_get_their_text(tmp_path, damage):
    with pikepdf.new() as made:
        made.add_blank_page(page_size=(400, 300))
        damage(made.pages[0].obj)
        made.save(tmp_path / "in.pdf")
    height, width = load_image(tmp_path / "in.pdf").shape
    document = saved(
        tmp_path / "out.pdf", result(("word",), size=Size(width, height)), tmp_path / "in.pdf"
    )
    assert words_of(tmp_path / "out.pdf") == ["word"]
    left, _, right, _ = document[0].get_textpage().get_charbox(1)
    assert 0 < left < right < document[0].get_width()


def test_a_pdf_that_qpdf_cannot_handle_is_a_clear_error(tmp_path):
    with pikepdf.new() as made:
        made.add_blank_page(page_size=(400, 300))
        made.pages[0].obj.CropBox = pikepdf.Stream(made, b"")
        made.save(tmp_path / "in.pdf")
    with pytest.raises(ImageError, match=r"in\.pdf.*damaged"):
        saved(tmp_path / "out.pdf", result(), tmp_path / "in.pdf")


@pytest.mark.parametrize("shared", [False, True])
def test_a_font_whose_name_is_not_utf8_stays(tmp_path, shared):
    plain = pikepdf.ObjectStreamMode.disable
    with pikepdf.new() as made:
        made.add_blank_page(page_size=(400, 300))
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1)
        font.BaseFont = pikepdf.Name.Helvetica
        resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(Sorts=font))
        made.pages[0].Resources = made.make_indirect(resources) if shared else resources
        made.pages[0].Contents = pikepdf.Stream(made, b"BT /Sorts 20 Tf 40 200 Td (old) Tj ET")
        made.save(tmp_path / "in.pdf", compress_streams=False, object_stream_mode=plain)
    content = (tmp_path / "in.pdf").read_bytes()
    (tmp_path / "in.pdf").write_bytes(content.replace(b"/Sorts", b"/S\xf6rts"))
    saved(tmp_path / "out.pdf", result(("new",)), tmp_path / "in.pdf")
    assert sorted(words_of(tmp_path / "out.pdf")) == ["new", "old"]


def test_an_encrypted_pdf_is_a_clear_error(tmp_path):
    with pikepdf.new() as made:
        made.add_blank_page(page_size=(400, 300))
        made.save(tmp_path / "in.pdf", encryption=pikepdf.Encryption(owner="o", user="u"))
    with pytest.raises(ImageError, match="encrypted"):
        htrlib.save(result(), tmp_path / "out.pdf", source=tmp_path / "in.pdf")
    assert not (tmp_path / "out.pdf").exists()


def test_the_pages_of_a_tiff_go_into_one_file(tmp_path):
    pages = [Image.new("L", (400, 300), gray) for gray in (90, 160)]
    source = tmp_path / "a.tif"
    pages[0].save(source, save_all=True, append_images=pages[1:])
    found = DocumentResult((result(("one",), number=1), result(("two",), number=2)))
    saved(tmp_path / "a.pdf", found, source)
    assert [words_of(tmp_path / "a.pdf", number) for number in (1, 2)] == [["one"], ["two"]]


def test_the_same_result_gives_the_same_file(tmp_path):
    source = picture(tmp_path / "a.jpg", "JPEG")
    for name in ("a.pdf", "b.pdf"):
        htrlib.save(result(), tmp_path / name, source=source)
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_nothing_in_a_file_tells_when_it_was_made(tmp_path):
    htrlib.save(result(), tmp_path / "a.pdf", source=picture(tmp_path / "a.jpg", "JPEG"))
    with pikepdf.open(tmp_path / "a.pdf") as document:
        profile = document.Root.OutputIntents[0].DestOutputProfile.read_bytes()
        assert profile[24:26] == (2000).to_bytes(2, "big")
        assert "/Info" not in document.trailer or "/CreationDate" not in document.docinfo


def test_the_font_is_one_that_other_programs_load():
    font = ImageFont.truetype(io.BytesIO(font_program()), 100)
    assert font.getlength("ab") == 100


@settings(max_examples=60, deadline=None)
@given(results())
def test_lines_of_any_text_and_place_are_written(found):
    with tempfile.TemporaryDirectory() as name:
        Image.new("L", (200, 300), 255).save(f"{name}/a.png", dpi=(72, 72))
        htrlib.save(found, f"{name}/a.pdf", source=f"{name}/a.png")
        page = pypdfium2.PdfDocument(f"{name}/a.pdf")[0]
        assert page.get_textpage().count_chars() >= 0
        with pikepdf.open(f"{name}/a.pdf") as document:
            pikepdf.parse_content_stream(document.pages[0])


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_an_error_of_the_file_that_is_written_is_raised(tmp_path, error):
    class Full(io.BytesIO):
        def write(self, content):
            raise error

    source = picture(tmp_path / "page.png", "PNG")
    with pytest.raises(type(error)):
        FORMATS["pdf"].write(result(), Full(), WriteOptions(source))


def test_pages_after_a_damaged_one_keep_their_text(tmp_path):
    source = tmp_path / "damaged.pdf"
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 300]>>endobj"
    source.write_bytes(
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Count 3/Kids[3 0 R 4 0 R 5 0 R]>>endobj\n"
        b"3 0 obj" + page + b"\n4 0 obj(no page)endobj\n5 0 obj" + page + b"\n"
        b"trailer<</Root 1 0 R/Size 6>>\n%%EOF"
    )
    read = DocumentResult((result(("first",), number=1), result(("third",), number=3)))
    document = saved(tmp_path / "found.pdf", read, source)
    texts = [page.get_textpage().get_text_bounded().strip() for page in document]
    assert texts == ["first", "third"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda page: page.__setattr__("CropBox", pikepdf.Array([0, 0, 90])),
        lambda page: page.__setattr__("CropBox", 5),
        lambda page: page.__setattr__("Parent", 7),
    ],
)
def test_a_damaged_page_gets_its_text_all_the_same(damage):
    document = pikepdf.new()
    document.add_blank_page(page_size=(400, 300))
    file = io.BytesIO()
    document.save(file)
    with pikepdf.open(io.BytesIO(file.getvalue())) as opened:
        damage(opened.pages[0].obj)
        placement = _pdf_placement(opened.pages[0], result())
    assert placement == Placement(1.0, 0.0, 0.0, -1.0, 0.0, 300.0)

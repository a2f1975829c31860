"""Pages that would take PDFium endless work are refused before it draws them."""

from __future__ import annotations

import io
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any, Callable

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Stream

from htrlib.errors import ImageError
from htrlib.images import pdf_content
from htrlib.images.loading import load_image
from htrlib.images.pdf_content import PageContents

SIZE = (400, 300)


def form(document: pikepdf.Pdf, content: bytes, **resources: Any) -> Any:
    made = document.make_indirect(Stream(document, content))
    made.Type, made.Subtype, made.BBox = Name.XObject, Name.Form, Array([0, 0, *SIZE])
    made.Resources = Dictionary(**resources)
    return made


def draws_itself(document: pikepdf.Pdf, page: Any) -> None:
    made = form(document, b"/F Do /F Do")
    made.Resources.XObject = Dictionary(F=made)
    page.Resources, page.Contents = made.Resources, Stream(document, b"/F Do")


def draws_itself_behind_a_comment(document: pikepdf.Pdf, page: Any) -> None:
    draws_itself(document, page)
    page.Contents = Stream(document, b"/F%/G\n Do")


def draws_twice_twenty_times(document: pikepdf.Pdf, page: Any) -> None:
    made = form(document, b"0 0 9 9 re f")
    for _ in range(20):
        made = form(document, b"/F Do /F Do", XObject=Dictionary(F=made))
    page.Resources, page.Contents = made.Resources, Stream(document, b"/#46 Do")


def annotation_draws_itself(document: pikepdf.Pdf, page: Any) -> None:
    draws_itself(document, page)
    look = page.Resources.XObject.F
    page.Resources, page.Contents = Dictionary(), Stream(document, b"")
    box = Array([0, 0, *SIZE])
    page.Annots = Array([Dictionary(Subtype=Name.Stamp, Rect=box, AP=Dictionary(N=look))])


def pattern_of_itself(document: pikepdf.Pdf, page: Any) -> None:
    content = b"/Pattern cs /P scn 0 0 5 5 re f"
    pattern = document.make_indirect(Stream(document, content))
    pattern.PatternType = pattern.PaintType = pattern.TilingType = 1
    pattern.BBox, pattern.XStep, pattern.YStep = Array([0, 0, 10, 10]), 10, 10
    pattern.Resources = Dictionary(Pattern=Dictionary(P=pattern))
    page.Resources, page.Contents = pattern.Resources, Stream(document, content)


def mask_of_itself(document: pikepdf.Pdf, page: Any) -> None:
    content = b"/G gs 0 0 9 9 re f"
    made = form(document, content)
    mask = Dictionary(SMask=Dictionary(S=Name.Luminosity, G=made))
    made.Resources.ExtGState = Dictionary(G=mask)
    page.Resources, page.Contents = made.Resources, Stream(document, content)


def long_content(document: pikepdf.Pdf, page: Any) -> None:
    packed = zlib.compress(zlib.compress(bytes(1_000_001), 9), 9)
    page.Contents = Stream(document, b"")
    page.Contents.write(packed, filter=Array([Name.FlateDecode, Name.FlateDecode]))


@pytest.mark.parametrize(
    ("fill", "reason"),
    [
        (draws_itself, "draws itself"),
        (draws_itself_behind_a_comment, "draws itself"),
        (annotation_draws_itself, "draws itself"),
        (pattern_of_itself, "draws itself"),
        (mask_of_itself, "draws itself"),
        (draws_twice_twenty_times, "bytes of content"),
        (long_content, "bytes of content"),
    ],
)
def test_endless_work_is_a_clear_error(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fill: Callable[[pikepdf.Pdf, Any], None],
    reason: str,
) -> None:
    monkeypatch.setattr(pdf_content, "MOST_CONTENT", 1_000_000)
    with pikepdf.new() as made:
        made.add_blank_page(page_size=SIZE)
        fill(made, made.pages[0].obj)
        made.save(tmp_path / "a.pdf")
    with pytest.raises(ImageError, match=f"page 1: the page cannot be drawn: .*{reason}"):
        load_image(tmp_path / "a.pdf")


def test_what_is_drawn_repeatedly_counts_as_often() -> None:
    file = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page(page_size=SIZE)
        page = made.pages[0].obj
        inner = form(made, b"0 0 1 1 re f" + b" " * 988)
        page.Resources = Dictionary(XObject=Dictionary(F=inner))
        page.Contents = Stream(made, b"/F Do " * 30)
        made.save(file)
    with closing(PageContents(file, 1)) as contents:
        assert 30_000 < contents.size(1) < 60_000


def test_a_font_of_the_name_of_a_form_draws_nothing() -> None:
    file = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page(page_size=SIZE)
        page = made.pages[0].obj
        page.Resources = Dictionary(XObject=Dictionary(F=form(made, b" " * 9999)))
        page.Contents = Stream(made, b"/F 9 Tf /Form Do (/F) Tj")
        made.save(file)
    with closing(PageContents(file, 1)) as contents:
        assert contents.size(1) < 100


@pytest.mark.parametrize("key", ["/Resources", "/Contents", "/Annots"])
def test_a_page_of_wrong_parts_asks_for_nothing(key: str) -> None:
    file = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page(page_size=SIZE)
        made.pages[0].obj[key] = 7
        made.save(file)
    with closing(PageContents(file, 1)) as contents:
        assert contents.too_much(1) is None


def test_a_page_behind_damaged_ones_that_only_pdfium_counts_is_measured() -> None:
    file = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page(page_size=SIZE)
        made.pages[0].obj.Contents = Stream(made, b" " * 9999)
        made.save(file)
    with closing(PageContents(file, 2)) as contents:
        assert contents.size(2) == contents.size(1) >= 9999


def test_a_filter_whose_name_is_no_text_leaves_the_page(tmp_path: Path) -> None:
    with pikepdf.new() as document:
        document.add_blank_page(page_size=SIZE)
        document.pages[0].Contents = Stream(document, b"0 0 9 9 re f", Filter=Name.Sorts)
        document.save(tmp_path / "a.pdf", object_stream_mode=pikepdf.ObjectStreamMode.disable)
    content = (tmp_path / "a.pdf").read_bytes()
    assert load_image(content.replace(b"/Sorts", b"/S\xf6rts")).shape == (1250, 1667)

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any, Dict, Sequence, Tuple

import numpy as np
import pikepdf
import pytest
from PIL import Image

from htrlib.document.geometry import Size
from htrlib.errors import ImageError
from htrlib.images import loading
from htrlib.images import pdf as pdf_pages
from htrlib.images.loading import (
    PageOutcome,
    image_size,
    iter_page_outcomes,
    iter_pages,
    load_image,
)
from htrlib.images.page_selection import PageSelection

QUARTERS = np.array([[0, 80], [160, 255]], dtype=np.uint8).repeat(36, 0).repeat(36, 1)


def pdf(sizes: Sequence[Tuple[float, float]] = ((72, 72),), **page: Any) -> pikepdf.Pdf:
    """Pages in points, each filled by four quarters of different gray."""
    document = pikepdf.new()
    for width, height in sizes:
        document.add_blank_page(page_size=(width, height))
        picture = pikepdf.Stream(document, QUARTERS.tobytes())
        picture.stream_dict = pikepdf.Dictionary(
            Type=pikepdf.Name.XObject,
            Subtype=pikepdf.Name.Image,
            Width=72,
            Height=72,
            ColorSpace=pikepdf.Name.DeviceGray,
            BitsPerComponent=8,
        )
        document.pages[-1].Resources = pikepdf.Dictionary(
            XObject=pikepdf.Dictionary(P=document.make_indirect(picture))
        )
        drawing = f"q {width} 0 0 {height} 0 0 cm /P Do Q".encode()
        document.pages[-1].Contents = pikepdf.Stream(document, drawing)
        for name, value in page.items():
            document.pages[-1][f"/{name}"] = value
    return document


def saved(document: pikepdf.Pdf, **options: Any) -> bytes:
    file = io.BytesIO()
    document.save(file, **options)
    return file.getvalue()


def outcomes(content: bytes, **options: Any) -> Tuple[PageOutcome, ...]:
    return tuple(iter_page_outcomes(content, **options))


def corners(page: Any) -> Tuple[int, ...]:
    height, width = page.shape
    rows, columns = (height // 8, -height // 8), (width // 8, -width // 8)
    return tuple(int(page[y, x]) for y in rows for x in columns)


def test_a_page_is_drawn_at_300_dpi_unless_another_resolution_is_asked_for() -> None:
    content = saved(pdf([(72, 36)]))
    assert load_image(content).shape == (150, 300)
    assert next(iter_pages(content, dpi=100)).shape == (50, 100)


def test_a_page_in_units_of_its_own_has_their_size(tmp_path: Any) -> None:
    content = saved(pdf([(72, 36)], UserUnit=2.5))
    (tmp_path / "a.pdf").write_bytes(content)
    page = load_image(content)
    assert page.shape == (375, 750)
    assert corners(page) == corners(load_image(saved(pdf([(72, 36)]))))
    assert image_size(tmp_path / "a.pdf") == Size(750, 375)
    (large,) = outcomes(saved(pdf([(72, 72)], UserUnit=100)))
    assert "2,540 x 2,540 mm at 300 dpi" in str(large.error)


@pytest.mark.parametrize("unit", [0, -1, pikepdf.Name.Two, pikepdf.Array([2])])
def test_a_unit_that_is_none_is_the_usual_one(unit: Any) -> None:
    assert load_image(saved(pdf([(72, 36)], UserUnit=unit))).shape == (150, 300)


def test_the_size_is_told_without_drawing(tmp_path: Any) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(saved(pdf([(51.84, 142.56)])))
    height, width = load_image(path).shape
    assert image_size(path) == Size(width, height) == Size(216, 594)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(0, (0, 80, 160, 255)), (90, (160, 0, 255, 80)), (180, (255, 160, 80, 0))],
)
def test_a_page_is_turned_as_the_file_says(degrees: int, expected: Tuple[int, ...]) -> None:
    assert corners(load_image(saved(pdf(Rotate=degrees)))) == expected


def test_what_the_file_crops_is_not_on_the_page() -> None:
    page = load_image(saved(pdf(CropBox=pikepdf.Array([0, 36, 36, 72]))))
    assert page.shape == (150, 150)
    assert corners(page) == (0, 0, 0, 0)


def test_pages_are_chosen_by_number() -> None:
    content = saved(pdf([(72, 36 + number) for number in range(5)]))
    chosen = outcomes(content, pages=PageSelection.parse("2-3,5"))
    assert [outcome.number for outcome in chosen] == [2, 3, 5]
    with pytest.raises(ImageError, match="no page 7-9"):
        outcomes(content, pages=PageSelection.parse("7-9"))


def test_a_damaged_page_does_not_take_the_rest_with_it() -> None:
    content = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Count 3/Kids[3 0 R 4 0 R 5 0 R]>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj\n"
        b"4 0 obj(no page)endobj\n"
        b"5 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>endobj\n"
        b"trailer<</Root 1 0 R/Size 6>>\n%%EOF"
    )
    first, second, third = outcomes(content)
    assert first.page is not None
    assert third.page is not None
    assert second.page is None
    assert "page 2" in str(second.error)


def test_a_page_of_five_meters_says_which_resolution_fits() -> None:
    huge, small = outcomes(saved(pdf([(14173, 14173), (72, 72)])))
    assert "page 1" in str(huge.error)
    assert "--dpi 45" in str(huge.error)
    assert small.page is not None
    assert next(iter_pages(saved(pdf([(14173, 14173)])), dpi=10)).shape == (1969, 1969)


def test_an_encrypted_file_says_what_to_do() -> None:
    locked = saved(pdf(), encryption=pikepdf.Encryption(owner="o", user="u"))
    with pytest.raises(ImageError, match=r"encrypted.*qpdf --decrypt"):
        load_image(locked)
    open_to_read = saved(pdf(), encryption=pikepdf.Encryption(owner="o", user=""))
    assert load_image(open_to_read).shape == (300, 300)


def test_a_file_without_pages_says_so_even_after_an_encrypted_one() -> None:
    for _ in range(2):
        with pytest.raises(ImageError, match="no pages"):
            load_image(saved(pikepdf.new()))
        with pytest.raises(ImageError, match="encrypted"):
            load_image(saved(pdf(), encryption=pikepdf.Encryption(owner="o", user="u")))


def three_pages(content: bytes, filter: str) -> Tuple[PageOutcome, ...]:
    """Three pages, the picture of whose second one has this data."""
    document = pdf([(72, 72)] * 3)
    picture = document.pages[1].Resources.XObject.P
    other = pikepdf.Stream(document, b"")
    other.stream_dict = pikepdf.Dictionary(dict(picture.items()))
    other.write(content, filter=pikepdf.Name(f"/{filter}"))
    document.pages[1].Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(P=other))
    return outcomes(saved(document))


@pytest.mark.parametrize("filter", ["FlateDecode", "DCTDecode", "JPXDecode"])
@pytest.mark.parametrize("content", [b"", b"no picture" * 9])
def test_a_page_whose_picture_is_damaged_is_not_taken_for_blank(
    filter: str, content: bytes
) -> None:
    first, second, third = three_pages(content, filter)
    assert first.page is not None
    assert third.page is not None
    assert "page 2" in str(second.error)
    assert "picture on the page is damaged" in str(second.error)


def noisy_jpeg() -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (72, 72)).astype(np.uint8)
    Image.fromarray(noise).save(file, "jpeg")
    return file.getvalue()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_blank_page_of_any_depth_is_blank(bits: int) -> None:
    document = pdf()
    picture = document.pages[0].Resources.XObject.P
    picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceGray, bits
    row = -(-int(picture.Width) * bits // 8)
    picture.write(b"\xff" * row * int(picture.Height))
    assert load_image(saved(document)).min() == 255


@pytest.mark.parametrize("part", [0.5, 0.9])
def test_a_page_whose_jpeg_is_cut_off_is_not_read_in_part(part: float) -> None:
    whole = noisy_jpeg()
    first, second, third = three_pages(whole[: int(part * len(whole))], "DCTDecode")
    assert first.page is not None
    assert third.page is not None
    assert "page 2: a picture on the page is damaged" in str(second.error)


@pytest.mark.parametrize("end", [b"\xff\xd9", b"", b"\xff\xd9\r\n\0\0"])
def test_a_page_whose_jpeg_is_whole_is_read_whatever_its_end(end: bytes) -> None:
    page = three_pages(noisy_jpeg()[:-2] + end, "DCTDecode")[1].page
    assert page is not None
    assert page[-8:].std() > 20


def test_a_page_whose_picture_is_blank_is_blank() -> None:
    document = pdf()
    picture = document.pages[0].Resources.XObject.P
    picture.write(b"\xff" * len(picture.read_bytes()))
    assert load_image(saved(document)).min() == 255


@pytest.mark.parametrize("parts", [{}, {"XFA": pikepdf.String("<xdp/>")}], ids=["plain", "XFA"])
def test_what_is_filled_into_a_form_is_on_the_page(
    parts: Dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    document = pikepdf.new()
    document.add_blank_page(page_size=(72, 72))
    written = pikepdf.Stream(document, b"0 g 0 0 36 18 re f")
    written.stream_dict = pikepdf.Dictionary(
        Type=pikepdf.Name.XObject, Subtype=pikepdf.Name.Form, BBox=[0, 0, 36, 18]
    )
    field = document.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Widget,
            FT=pikepdf.Name.Btn,
            Ff=1 << 16,
            T=pikepdf.String("name"),
            Rect=[0, 54, 36, 72],
            F=4,
            AP=pikepdf.Dictionary(N=document.make_indirect(written)),
        )
    )
    document.pages[0].Annots = pikepdf.Array([field])
    document.Root.AcroForm = pikepdf.Dictionary(Fields=[field], **parts)
    page = load_image(saved(document))
    assert corners(page) == (0, 255, 255, 255)
    assert not caplog.records


@pytest.mark.parametrize("part", [0.1, 0.5])
def test_a_file_that_was_cut_off_is_an_image_error(part: float) -> None:
    content = saved(pdf())
    with pytest.raises(ImageError, match="damaged"):
        load_image(content[: int(part * len(content))])


def test_a_file_that_claims_endless_pages_ends() -> None:
    document = pdf()
    document.Root.Pages.Count = 10**9
    found = outcomes(saved(document))
    assert len(found) < 100
    assert found[0].page is not None or "in a row" in str(found[-1].error)


def test_a_page_tree_that_bites_its_tail_ends() -> None:
    content = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Count 500/Kids[2 0 R]>>endobj\n"
        b"trailer<</Root 1 0 R/Size 3>>\n%%EOF"
    )
    assert "in a row" in str(outcomes(content)[-1].error)


def test_pages_that_are_too_large_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_pages, "MOST_DAMAGED", 3)
    monkeypatch.setattr(loading, "MAX_PIXELS", 200_000)
    found = outcomes(saved(pdf([(72, 72), *[(200, 200)] * 5, (72, 72)])))
    assert [outcome.page is not None for outcome in found] == [True, *[False] * 5, True]
    assert "--dpi" in str(found[1].error)


def test_after_many_damaged_pages_those_before_them_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pdf_pages, "MOST_DAMAGED", 3)
    content = saved(pdf([(72, 72)] * 6))
    drawn = pdf_pages._draw

    def damaged(document: Any, number: int, *arguments: Any) -> Any:
        if number > 1:
            raise ImageError(f"page {number} is damaged")
        return drawn(document, number, *arguments)

    monkeypatch.setattr(pdf_pages, "_draw", damaged)
    first, *others = outcomes(content)
    assert first.page is not None
    assert [outcome.number for outcome in others] == [2, 3, 4, 5]
    assert "3 pages in a row are damaged, the rest is skipped" in str(others[-1].error)


FONT_PAGE = b"BT /F 9 Tf 20 20 Td (the quick brown fox) Tj ET"


def test_many_threads_read_pdfs_at_once() -> None:
    """PDFium itself ends the process when two threads call it."""
    document = pikepdf.new()
    for _ in range(8):
        document.add_blank_page(page_size=(100, 100))
        font = {"Type": pikepdf.Name.Font, "Subtype": pikepdf.Name.Type1}
        face = pikepdf.Dictionary(**font, BaseFont=pikepdf.Name.Helvetica)
        page = document.pages[-1]
        page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F=face))
        page.obj.Contents = pikepdf.Stream(document, FONT_PAGE)
    content = saved(document)
    program = (
        "import sys; from concurrent.futures import ThreadPoolExecutor\n"
        "from htrlib.images.loading import load_pages\n"
        "content = sys.stdin.buffer.read()\n"
        "with ThreadPoolExecutor(8) as threads:\n"
        "    read = list(threads.map(load_pages, [content] * 40))\n"
        "print(sum(map(len, read)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True)
    assert (ended.returncode, ended.stdout.strip()) == (0, b"320"), ended.stderr


def test_bytes_before_the_header_are_borne() -> None:
    assert load_image(b"some mail header\n" * 9 + saved(pdf())).shape == (300, 300)


def test_a_damaged_page_of_a_tiff_does_not_take_the_rest_with_it() -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (3, 60, 50), dtype=np.uint8)
    pages = [Image.fromarray(page) for page in noise]
    pages[0].save(
        file, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_adobe_deflate"
    )
    content = bytearray(file.getvalue())
    with Image.open(io.BytesIO(content)) as picture:
        picture.seek(1)
        offset = picture.tag_v2[273][0]
    content[offset : offset + 40] = b"\xff" * 40
    first, second, third = outcomes(bytes(content))
    assert first.page is not None
    assert third.page is not None
    assert "page 2" in str(second.error)
    with pytest.raises(ImageError, match="page 2"):
        tuple(iter_pages(bytes(content)))


def test_the_first_page_of_several_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    pages = [Image.new("L", (90, 90)), Image.new("L", (9, 9))]
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    monkeypatch.setattr(loading, "MAX_PIXELS", 100)
    first, second = outcomes(file.getvalue())
    assert "page 1" in str(first.error)
    assert second.page is not None


def test_a_document_opened_in_parts_has_all_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    opened, open_again = [], pdf_pages._opened
    monkeypatch.setattr(pdf_pages, "_MOST_AT_ONCE", 2)
    monkeypatch.setattr(pdf_pages, "_opened", lambda *a: opened.append(a) or open_again(*a))
    found = outcomes(saved(pdf([(72, 72), (36, 72), (18, 72), (72, 36), (72, 18)])), dpi=72)
    shapes = [(outcome.number, outcome.page.shape) for outcome in found]  # type: ignore[union-attr]
    assert shapes == [(1, (72, 72)), (2, (72, 36)), (3, (72, 18)), (4, (36, 72)), (5, (18, 72))]
    assert len(opened) == 1 + 3  # to count the pages, and to draw two, two and one


def test_fewer_pages_of_a_large_file_are_drawn_before_it_is_opened_again() -> None:
    small, large = io.BytesIO(bytes(1_000)), io.BytesIO(bytes(32_000_000))
    assert pdf_pages._pages_at_once(small, 1_000) == 100
    assert pdf_pages._pages_at_once(large, 20) == 10
    assert pdf_pages._pages_at_once(large, 1) == 1

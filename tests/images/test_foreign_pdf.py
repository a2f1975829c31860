"""PDF files of other programs: reading them, and adding text while keeping their pages."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable

import numpy as np
import pikepdf
import pypdfium2
import pytest
from numpy.typing import NDArray
from PIL import Image

import htrlib
from htrlib.document.geometry import Box, Size
from htrlib.document.results import LineResult, PageResult, TextLine, Transcription
from htrlib.images.loading import load_image

WIDTH, HEIGHT, DPI = 600, 900, 150


@pytest.fixture()
def scan(tmp_path: Path) -> Path:
    """A page of gray tiles, smooth enough for all programs to draw it alike."""
    tiles = np.random.default_rng(3).integers(0, 255, (9, 6), dtype=np.uint8)
    path = tmp_path / "scan.jpg"
    pixels = tiles.repeat(HEIGHT // 9, 0).repeat(WIDTH // 6, 1)
    Image.fromarray(pixels).save(path, quality=95, dpi=(DPI, DPI))
    return path


def by_img2pdf(scan: Path, path: Path) -> None:
    img2pdf = pytest.importorskip("img2pdf")
    path.write_bytes(img2pdf.convert(str(scan)))


def by_ghostscript(scan: Path, path: Path) -> None:
    program = shutil.which("gs")
    if program is None:
        pytest.skip("needs gs (Ghostscript)")
    source = path.with_name("source.pdf")
    Image.open(scan).save(source, resolution=DPI)
    subprocess.run(
        [
            program,
            "-q",
            "-dNOPAUSE",
            "-dBATCH",
            "-sDEVICE=pdfwrite",
            f"-sOutputFile={path}",
            source,
        ],
        check=True,
    )


def by_reportlab(scan: Path, path: Path) -> None:
    canvas = pytest.importorskip("reportlab.pdfgen.canvas")
    size = (WIDTH * 72 / DPI, HEIGHT * 72 / DPI)
    page = canvas.Canvas(str(path), pagesize=size, pageCompression=1)
    page.drawImage(str(scan), 0, 0, *size)
    page.showPage()
    page.save()


def by_office(scan: Path, path: Path) -> None:
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("needs soffice (LibreOffice Draw)")
    command = [program, "--headless", "--convert-to", "pdf:draw_pdf_Export", "--outdir"]
    subprocess.run([*command, path.parent, scan], check=True, capture_output=True)
    scan.with_suffix(".pdf").rename(path)


@pytest.mark.slow
@pytest.mark.parametrize("make", [by_img2pdf, by_ghostscript, by_reportlab, by_office])
def test_pages_look_as_they_did_and_their_text_is_found(
    tmp_path: Path, scan: Path, make: Callable[[Path, Path], None]
) -> None:
    source, written = tmp_path / "in.pdf", tmp_path / "out.pdf"
    make(scan, source)
    before = load_image(source)
    places = np.argwhere(before < 254)  # Draw puts the picture on a sheet of A4
    (top, left), (bottom, right) = places.min(0), places.max(0) + 1
    shown = before[top:bottom, left:right]
    wanted = np.asarray(Image.open(scan).resize(shown.shape[::-1])).astype(int)
    assert shown.shape == pytest.approx((HEIGHT * 2, WIDTH * 2), abs=4)
    inner = np.abs(shown.astype(int) - wanted)[20:-20, 20:-20]
    assert np.median(inner) <= 3
    height, width = before.shape
    place = TextLine(Box(0.2 * width, 0.4 * height, 0.6 * width, 0.45 * height))
    page = PageResult(Size(width, height), None, (LineResult(place, Transcription("word", 0, 1)),))
    htrlib.save(page, written, source=source)
    assert (load_image(written) == before).all()
    assert "word" in pypdfium2.PdfDocument(written)[0].get_textpage().get_text_range()


def write_pages(pages: int, path: Path, *, shared: bool) -> None:
    """Write a PDF of many pages that show one picture, or each its own copy of it."""
    file = io.BytesIO()
    noise: NDArray[np.uint8] = np.random.default_rng(1).integers(0, 255, (800, 600), dtype=np.uint8)
    Image.fromarray(noise).save(file, "JPEG")
    with pikepdf.new() as document:
        content = document.make_indirect(pikepdf.Stream(document, b"600 0 0 800 0 0 cm /P Do"))
        shown = pikepdf.Dictionary()
        for number in range(pages):
            if number == 0 or not shared:
                picture = document.make_indirect(pikepdf.Stream(document, file.getvalue()))
                picture.stream_dict = pikepdf.Dictionary(
                    Type=pikepdf.Name.XObject,
                    Subtype=pikepdf.Name.Image,
                    Width=600,
                    Height=800,
                    ColorSpace=pikepdf.Name.DeviceGray,
                    BitsPerComponent=8,
                    Filter=pikepdf.Name.DCTDecode,
                )
                shown = pikepdf.Dictionary(XObject=pikepdf.Dictionary(P=picture))
            document.add_blank_page(page_size=(600, 800))
            document.pages[-1].obj.Resources = shown
            document.pages[-1].obj.Contents = content
        document.save(path)


READ_ALL = """
import sys
from htrlib.images.loading import iter_page_outcomes

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

found = []
for number, _ in enumerate(iter_page_outcomes(sys.argv[1], dpi=float(sys.argv[2])), start=1):
    found.append(resident())
print(number, found[19], max(found[20:]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux' /proc")
@pytest.mark.parametrize("shared", [True, False])
def test_memory_does_not_grow_with_the_pages(tmp_path: Path, shared: bool) -> None:
    write_pages(200, tmp_path / "a.pdf", shared=shared)
    told = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(tmp_path / "a.pdf"), "72"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    pages, early, most = map(int, told.split())
    assert pages == 200
    assert most - early < 20_000_000  # a page has half a million pixels


@pytest.mark.slow
def test_a_thousand_pages_get_their_text(tmp_path: Path) -> None:
    write_pages(1000, tmp_path / "a.pdf", shared=True)
    place = TextLine(Box(60, 100, 500, 150))
    pages = tuple(
        PageResult(
            Size(600, 800),
            None,
            (LineResult(place, Transcription(f"page {number}", 0.0, 1.0)),),
            number=number,
        )
        for number in range(1, 1001)
    )
    written = tmp_path / "b.pdf"
    htrlib.save(htrlib.DocumentResult(pages), written, source=tmp_path / "a.pdf")
    document = pypdfium2.PdfDocument(written)
    assert len(document) == 1000
    for number in (1, 500, 1000):
        found = document[number - 1].get_textpage().get_text_range().split()
        assert found == ["page", str(number)]

"""Access to pages of a file by number: count, size and pixels."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from htrlib.document.geometry import Size
from htrlib.errors import ImageError
from htrlib.images.loading import Page, at_each_page, identified, image_size, iter_pages
from htrlib.images.opening import opened, source_name
from htrlib.images.page_selection import DPI, PageSelection
from htrlib.images.pdf import pdf_page_count, pdf_page_size
from htrlib.images.pixels import SIDEWAYS, orientation
from htrlib.images.suffixes import MAGIC_BYTES, PDF, kind_of


def count_pages(path: Path) -> int:
    """Count the pages of a PDF or TIFF; any other picture has 1.

    Raises:
        ImageError: see `htrlib.load_image`; damage after the header may go unnoticed.
    """
    name = source_name(path)
    with opened(path) as file:
        kind = kind_of(file.read(MAGIC_BYTES))
        file.seek(0)
        if kind == PDF:
            return pdf_page_count(file, name)
        picture = identified(file, name)
        # Up to the last that can be read; one before it that cannot be is a page too.
        reached = (number for number, error in at_each_page(picture, name) if error is None)
        return max(reached, default=0)


def load_page(path: Path, number: int = 1, dpi: float = DPI) -> Page:
    """Load one page of a file.

    Args:
        number: number of the page, from 1.
        dpi: resolution at which a page of a PDF is rendered.
    Returns:
        (H, W) uint8, 0 is black.
    Raises:
        ImageError: see `htrlib.load_image`, or the file has no such page.
    """
    selection = PageSelection(((number, number),))
    with closing(iter_pages(path, pages=selection, dpi=dpi)) as pages:
        return next(pages)


def page_size(path: Path, number: int = 1) -> Size:
    """Return the size of the page that `load_page` returns at the default `DPI`.

    Raises:
        ImageError: see `load_page`; damaged pixels are not detected.
    """
    if number == 1:
        return image_size(path)
    name = source_name(path)
    with opened(path) as file:
        kind = kind_of(file.read(MAGIC_BYTES))
        file.seek(0)
        if kind == PDF:
            if number > pdf_page_count(file, name):
                raise ImageError(f"{name}: the file has no page {number}")
            file.seek(0)
            return Size(*pdf_page_size(file, name, number))
        picture: Any = identified(file, name)
        for found, error in at_each_page(picture, name):
            if found == number and error is None:
                if orientation(picture) not in SIDEWAYS:
                    return Size(*picture.size)
                break
    height, width = load_page(path, number).shape
    return Size(width, height)

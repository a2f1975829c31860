from __future__ import annotations

import io

import pytest
from PIL import Image

from htrlib.images.loading import load_image
from htrlib.images.suffixes import IMAGE_SUFFIXES, PICTURE_SUFFIXES, kind_of


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM", "JPEG2000"])
def test_the_kind_of_a_file_is_told_by_its_first_bytes(kind):
    file = io.BytesIO()
    Image.new("L", (30, 20), 200).save(file, kind)
    assert kind_of(file.getvalue()) == kind
    assert load_image(file.getvalue()).shape == (20, 30)


@pytest.mark.parametrize("start", [b"", b"P", b"Dear Sir", b"\0\0\0\x18ftypisom\0\0\0\0isom"])
def test_other_files_are_of_no_kind(start):
    assert kind_of(start) is None


def test_heic_and_avif_are_told_apart_by_their_brands():
    assert kind_of(b"\0\0\0\x18ftypheic\0\0\0\0") == "HEIF"
    assert kind_of(b"\0\0\0\x1cftypmif1\0\0\0\0miafavif") == "AVIF"


def test_pages_of_a_pdf_are_no_picture_beside_an_annotation():
    assert ".pdf" in IMAGE_SUFFIXES
    assert ".pdf" not in PICTURE_SUFFIXES
    assert {".jfif", ".j2k", ".heic"} <= set(PICTURE_SUFFIXES)

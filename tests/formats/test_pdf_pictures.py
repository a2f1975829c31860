"""The picture in a PDF looks like the original file."""

from __future__ import annotations

import numpy as np
import pikepdf
import pytest
from PIL import Image, ImageCms

from htrlib.document.geometry import Size
from htrlib.document.results import PageResult
from htrlib.images.loading import load_image
from tests.formats.test_searchable_pdf import SIZE, picture, result, saved


def test_a_scan_with_few_colors_is_packed_better_than_it_was(tmp_path):
    ink = (
        np.random.default_rng(1).integers(0, 4, (60, 80), dtype=np.uint8).repeat(5, 0).repeat(5, 1)
    )
    scan = Image.fromarray(ink, "P")
    scan.putpalette([20, 30, 40, 90, 90, 90, 160, 160, 140, 255, 255, 250])
    scan.save(tmp_path / "a.png", compress_level=1)
    page = saved(tmp_path / "a.pdf", PageResult(SIZE), tmp_path / "a.png")[0]
    drawn = page.render(scale=400 / page.get_width()).to_numpy()[:300, :400, ::-1]
    assert (drawn == np.asarray(scan.convert("RGB"))).all()
    with pikepdf.open(tmp_path / "a.pdf") as document:
        packed = document.pages[0].Resources.XObject.Picture.read_raw_bytes()
    assert len(packed) < 0.9 * (tmp_path / "a.png").stat().st_size


def test_a_profile_of_other_colors_is_left_out(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    saved(tmp_path / "a.pdf", result(), picture(tmp_path / "a.jpg", "JPEG", icc_profile=profile))
    with pikepdf.open(tmp_path / "a.pdf") as document:
        assert document.pages[0].Resources.XObject.Picture.ColorSpace == "/DeviceGray"


def test_a_jpeg_is_kept_bit_by_bit(tmp_path):
    source = picture(tmp_path / "a.jpg", "JPEG")
    saved(tmp_path / "a.pdf", result(), source)
    with pikepdf.open(tmp_path / "a.pdf") as document:
        stream = document.pages[0].Resources.XObject.Picture
        assert stream.read_raw_bytes() == source.read_bytes()


def test_a_jpeg_of_a_phone_with_more_pictures_behind_it_is_not_packed_anew(tmp_path):
    first, behind = (Image.new("RGB", size, "gray") for size in ((400, 300), (40, 30)))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[behind])
    saved(tmp_path / "a.pdf", result(), tmp_path / "a.jpg")
    with pikepdf.open(tmp_path / "a.pdf") as document:
        stream = document.pages[0].Resources.XObject.Picture
        assert stream.read_raw_bytes() == (tmp_path / "a.jpg").read_bytes()


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_in_memory_becomes_a_page(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    source = picture(tmp_path / "a.jpg", "JPEG", exif=exif, dpi=(300, 300))
    with Image.open(source) as opened:
        wanted = load_image(opened)
        size = Size(wanted.shape[1], wanted.shape[0])
        page = saved(tmp_path / "a.pdf", PageResult(size), opened)[0]
    drawn = page.render(scale=300 / 72, grayscale=True).to_numpy().reshape(wanted.shape)
    assert (drawn == wanted).all()


@pytest.mark.parametrize("side", [400, 1700])
def test_each_pixel_of_a_jpeg_is_drawn_as_one(tmp_path, side):
    pixels = np.random.default_rng(1).integers(0, 255, (300, side), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", dpi=(300, 300))
    page = saved(tmp_path / "a.pdf", result(), tmp_path / "a.jpg")[0]
    drawn = page.render(scale=300 / 72, grayscale=True).to_numpy()
    assert (drawn.reshape(drawn.shape[:2]) == load_image(tmp_path / "a.jpg")).all()


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "L", {}),
        ("PNG", "RGB", {}),
        ("PNG", "P", {}),
        ("PNG", "1", {}),
        ("PNG", "LA", {}),
        ("TIFF", "1", {"compression": "group4"}),
        ("TIFF", "L", {}),
        ("GIF", "L", {}),
        ("WEBP", "RGB", {"lossless": True}),
        ("JPEG", "CMYK", {}),
        ("JPEG2000", "L", {"irreversible": False}),
    ],
)
def test_the_page_looks_as_its_picture(tmp_path, kind, mode, options):
    source = picture(tmp_path / "a.bin", kind, mode, **options)
    document = saved(tmp_path / "a.pdf", result(), source)
    page = document[0]
    drawn = page.render(scale=400 / page.get_width(), grayscale=True).to_numpy()
    drawn = drawn.reshape(drawn.shape[:2]).astype(int)
    difference = np.abs(drawn[:300, :400] - load_image(source).astype(int))
    assert difference.mean() <= (3 if mode == "CMYK" else 1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_shown_upright(tmp_path, orientation):
    pixels = np.array([[0, 80], [160, 255]], dtype=np.uint8).repeat(40, 0).repeat(60, 1)
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = tmp_path / "a.jpg"
    Image.fromarray(pixels).save(source, quality=95, exif=exif, dpi=(72, 72))
    upright = load_image(source)
    height, width = upright.shape
    empty = PageResult(Size(width, height))
    page = saved(tmp_path / "a.pdf", empty, source)[0]
    drawn = page.render(scale=1, grayscale=True).to_numpy().reshape(height, width)
    assert np.abs(drawn.astype(int) - upright.astype(int)).mean() < 2


def light_ink(pixels):
    """A picture with white ink on transparent ground."""
    white = Image.new("L", (400, 300), 255)
    return Image.merge("LA", (white, Image.fromarray(np.where(pixels < 80, 255, 0).astype("u1"))))


TONES = np.random.default_rng(1).integers(0, 256, (300, 400), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "image", "options"),
    [
        ("floats.tif", Image.fromarray(TONES.astype(np.float32) / 255), {}),
        ("large-floats.tif", Image.fromarray(TONES.astype(np.float32) * 257), {}),
        ("integers.tif", Image.fromarray(TONES.astype(np.int32) * 257), {}),
        ("12-bits.png", Image.fromarray(TONES.astype(np.uint16) * 16), {}),
        ("12-bits.tif", Image.fromarray(TONES.astype(np.uint16) * 16), {}),
        ("16-bits.png", Image.fromarray(TONES.astype(np.uint16) * 257), {}),
        ("inverted.tif", Image.fromarray(TONES.astype(np.uint16) * 257), {"tiffinfo": {262: 0}}),
        ("light-ink.png", light_ink(TONES), {}),
    ],
)
def test_a_picture_of_unusual_values_looks_as_it_was_read(tmp_path, name, image, options):
    image.save(tmp_path / name, **options)
    page = saved(tmp_path / "a.pdf", result(), tmp_path / name)[0]
    drawn = page.render(scale=400 / page.get_width(), grayscale=True).to_numpy()
    drawn = drawn.reshape(drawn.shape[:2]).astype(int)
    difference = np.abs(drawn[:300, :400] - load_image(tmp_path / name).astype(int))
    assert difference.mean() <= 1


@pytest.mark.parametrize("size", [(300, 10), (9, 300), (70_000, 40), (1, 1)])
def test_pictures_of_any_size_become_pages_that_programs_show(tmp_path, size):
    Image.new("L", size, 128).save(tmp_path / "a.png")
    page = saved(tmp_path / "a.pdf", PageResult(Size(*size)), tmp_path / "a.png")[0]
    width, height = page.get_size()
    assert width / height == pytest.approx(size[0] / size[1], rel=0.01)
    assert max(width, height) <= 14_400
    assert min(width, height) >= 3

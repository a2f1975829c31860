"""Every picture is read correctly, or raises an ImageError that says why."""

from __future__ import annotations

import errno
import io
import os
import struct
import warnings
from pathlib import Path
from typing import Any, List, Optional, Tuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFile, PngImagePlugin

from htrlib.document.geometry import Size
from htrlib.errors import ImageError
from htrlib.images import loading
from htrlib.images.loading import (
    image_size,
    iter_page_outcomes,
    iter_pages,
    load_image,
    load_pages,
    pad,
    resize,
)
from tests.images.pictures import NEARLY_LOSSLESS, encoded, marked_page, unknown_second_page


def png_header(width: int, height: int) -> bytes:
    """A PNG without pixel data, which fails unless its size is checked first."""
    file = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    file.seek(0, io.SEEK_END)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    PngImagePlugin.putchunk(file, b"IHDR", header)
    PngImagePlugin.putchunk(file, b"IDAT", b"")
    return file.getvalue()


class TestSources:
    def test_path_str_bytes_file_and_picture_give_the_same_page(self, tmp_path: Path) -> None:
        page = marked_page()
        path = tmp_path / "page.png"
        path.write_bytes(encoded(Image.fromarray(page)))
        with path.open("rb") as file, Image.open(path) as picture:
            sources: List[Any] = [path, str(path), path.read_bytes(), file, picture]
            sources += [bytearray(path.read_bytes()), Image.fromarray(page)]
            for source in sources:
                read = load_image(source)
                np.testing.assert_array_equal(read, page)
                assert read.dtype == np.uint8
                assert read.flags.c_contiguous
                assert read.flags.writeable
            assert not file.closed

    def test_a_file_is_read_from_its_start(self) -> None:
        file = io.BytesIO(encoded(Image.fromarray(marked_page())))
        file.seek(11)
        np.testing.assert_array_equal(load_image(file), marked_page())

    def test_a_stream_that_cannot_seek_is_read(self) -> None:
        reading, writing = os.pipe()
        with open(reading, "rb") as stream:  # noqa: PTH123
            with open(writing, "wb") as sink:  # noqa: PTH123
                sink.write(encoded(Image.fromarray(marked_page())))
            np.testing.assert_array_equal(load_image(stream), marked_page())

    def test_a_file_whose_content_the_disk_does_not_give_is_named(self) -> None:
        class Failing(io.BytesIO):
            name = "page.png"

            def read(self, size: Optional[int] = -1) -> bytes:
                raise OSError(errno.EIO, "Input/output error")

        with pytest.raises(ImageError, match=r"'page\.png'.*Input/output error"):
            load_image(Failing())

    def test_non_ascii_file_names(self, tmp_path: Path) -> None:
        for name in ("lettre à Zoë 手紙.png", os.fsdecode(b"caf\xe9.png")):
            path = tmp_path / name
            path.write_bytes(encoded(Image.fromarray(marked_page())))
            np.testing.assert_array_equal(load_image(path), marked_page())
            path.write_bytes(b"")
            with pytest.raises(ImageError) as caught:
                load_image(path)
            str(caught.value).encode("utf-8")  # can be printed

    def test_a_picture_is_left_as_it_is(self) -> None:
        picture = Image.fromarray(marked_page()).convert("RGBA")
        picture.putalpha(128)
        before = picture.tobytes()
        load_image(picture)
        assert (picture.mode, picture.tobytes()) == ("RGBA", before)

    def test_the_page_does_not_share_memory_with_the_picture(self) -> None:
        picture = Image.fromarray(marked_page())
        load_image(picture)[:] = 7
        np.testing.assert_array_equal(np.asarray(picture), marked_page())

    @pytest.mark.parametrize("source", [None, 3, marked_page(), ["page.png"]])
    def test_other_types_are_refused(self, source: Any) -> None:
        with pytest.raises(ImageError, match=f"found <{type(source).__name__}>"):
            load_image(source)

    def test_a_text_file_object_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "page.png"
        path.write_bytes(b"")
        with path.open(encoding="utf-8") as file, pytest.raises(ImageError, match="mode 'rb'"):
            load_image(file)  # type: ignore[arg-type]


class TestSeveralPages:
    def pages(self) -> Tuple[NDArray[np.uint8], ...]:
        return tuple(np.full((4 + n, 6), 80 * n, dtype=np.uint8) for n in range(3))

    def tiff(self, **options: Any) -> bytes:
        first, *others = (Image.fromarray(page) for page in self.pages())
        return encoded(first, "TIFF", save_all=True, append_images=others, **options)

    @pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
    def test_a_tiff_gives_all_its_pages(self, tmp_path: Path, compression: Any) -> None:
        path = tmp_path / "pages.tif"
        path.write_bytes(self.tiff(compression=compression))
        for source in (path, path.read_bytes()):
            pages = load_pages(source)
            assert [page.shape for page in pages] == [(4, 6), (5, 6), (6, 6)]
            for page, expected in zip(pages, self.pages()):
                np.testing.assert_array_equal(page, expected)
            np.testing.assert_array_equal(load_image(source), self.pages()[0])

    def test_a_page_in_an_unknown_form_does_not_hide_those_behind_it(self) -> None:
        first, second, third = iter_page_outcomes(unknown_second_page(self.tiff()))
        assert first.page is not None and third.page is not None
        assert (second.number, third.number) == (2, 3)
        assert "page 2" in str(second.error)

    def test_a_thumbnail_is_not_a_page(self) -> None:
        tiff = self.tiff(tiffinfo={254: 0})
        entry = struct.pack("<HHII", 254, 4, 1, 0)
        assert tiff.count(entry) == 3
        start, end = tiff.rindex(entry), tiff.rindex(entry) + len(entry)
        tiff = tiff[:start] + struct.pack("<HHII", 254, 4, 1, 1) + tiff[end:]
        assert [page.shape for page in load_pages(tiff)] == [(4, 6), (5, 6)]

    @pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP"])
    def test_an_animation_gives_its_first_frame(self, image_format: str) -> None:
        frames = [Image.new("L", (6, 4), gray) for gray in (30, 140, 250)]
        options = NEARLY_LOSSLESS.get(image_format, {})
        animation = encoded(
            frames[0], image_format, save_all=True, append_images=frames[1:], **options
        )
        with Image.open(io.BytesIO(animation)) as picture:
            assert getattr(picture, "n_frames", 1) == 3
        pages = load_pages(animation)
        assert len(pages) == 1
        np.testing.assert_array_equal(pages[0], np.full((4, 6), 30))
        np.testing.assert_array_equal(load_image(animation), pages[0])

    def test_pages_come_one_by_one(self) -> None:
        """The second page of this file is cut off; the first is read all the same."""
        tiff = self.tiff()
        with Image.open(io.BytesIO(tiff)) as picture:
            picture.seek(1)
            cut = picture.tag_v2[273][0] + 3  # type: ignore[attr-defined]
        pages = iter_pages(tiff[:cut])
        np.testing.assert_array_equal(next(pages), self.pages()[0])
        with pytest.raises(ImageError, match="damaged"):
            next(pages)

    def test_too_many_pixels_in_all_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loading, "MAX_DOCUMENT_PIXELS", 60)
        with pytest.raises(ImageError, match="iter_pages"):
            load_pages(self.tiff())
        assert len(list(iter_pages(self.tiff()))) == 3


class TestBadFiles:
    def test_truncated_where_another_library_told_pillow_to_bear_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        whole = encoded(Image.fromarray(np.eye(64, dtype=np.uint8) * 255), "PNG")
        with pytest.raises(ImageError, match="damaged"):
            load_image(whole[: len(whole) * 2 // 3])

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match=r"none\.png.*No such file"):
            load_image(tmp_path / "none.png")

    def test_directory(self, tmp_path: Path) -> None:
        with pytest.raises(ImageError, match="is a directory without pictures or PDFs"):
            load_image(tmp_path)
        (tmp_path / "page.png").touch()
        with pytest.raises(ImageError, match="is a directory; name the pictures in it"):
            load_image(tmp_path)

    def test_a_pipe_is_refused_and_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(ImageError, match="not a regular file"):
            load_image(tmp_path / "pipe.png")

    @pytest.mark.parametrize("name", ["a\0b.png", "a" * 5000 + ".png", "page.png/page.png"])
    def test_impossible_names(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "page.png").write_bytes(b"")
        with pytest.raises(ImageError, match="cannot be opened"):
            load_image(tmp_path / name)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "is empty"),
            (b"Dear Sir, I am in receipt of yours", "is not a picture .* starts with b'Dear Sir"),
            (b"P", "is not a picture|damaged"),
            (b"%PDF-1.7\n", "PDF is damaged"),
            (b"\0\0\0\x18ftypheic\0\0\0\0", "HEIC"),
        ],
        ids=["empty", "text", "one byte", "pdf", "heic"],
    )
    def test_no_picture(self, tmp_path: Path, content: bytes, reason: str) -> None:
        path = tmp_path / "page.png"
        path.write_bytes(content)
        for load in (load_image, load_pages):
            with pytest.raises(ImageError, match=f"page.png.*{reason}"):
                load(path)

    @pytest.mark.parametrize(
        "image_format", ["PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM", "JPEG2000"]
    )
    def test_truncated(self, image_format: str) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
        whole = encoded(Image.fromarray(noise), image_format)
        for length in (4, 16, 30, len(whole) // 2, len(whole) * 9 // 10):
            with pytest.raises(ImageError):
                load_image(whole[:length])

    @given(st.data())
    def test_damaged_bytes_read_or_raise_image_error(self, data: st.DataObject) -> None:
        image_format = data.draw(st.sampled_from(["PNG", "JPEG", "TIFF", "GIF", "BMP", "PPM"]))
        content = bytearray(encoded(Image.fromarray(marked_page()), image_format))
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(content) - 1))
            content[place] = data.draw(st.integers(0, 255))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of damaged metadata
            try:
                page = load_image(bytes(content))
            except ImageError:
                return
        assert page.ndim == 2
        assert page.dtype == np.uint8

    @pytest.mark.parametrize("side", [20_000, 12_000, 9_000])
    def test_too_large_is_said_before_decoding(self, side: int) -> None:
        """And without Pillow's warning of decompression bombs, which would be an error here."""
        with pytest.raises(ImageError, match=r"at most 80,000,000 pixels, found \d+,000 x"):
            load_image(png_header(side, side))

    def test_too_large_jpeg(self) -> None:
        jpeg = encoded(Image.fromarray(marked_page()), "JPEG")
        size = struct.pack(">HH", 24, 40)
        assert jpeg.count(size) == 1
        with pytest.raises(ImageError, match="found 20,000 x 20,000"):
            load_image(jpeg.replace(size, struct.pack(">HH", 20_000, 20_000)))

    def test_too_large_for_pillow(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Some of its readers refuse a picture before they say its size."""

        def refuse(*_: object) -> None:
            raise Image.DecompressionBombError

        monkeypatch.setitem(Image.OPEN, "PNG", (refuse, lambda start: True))
        with pytest.raises(ImageError, match="at most 80,000,000 pixels, found far more"):
            load_image(encoded(Image.fromarray(marked_page())))

    def test_too_large_picture(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loading, "MAX_PIXELS", 24 * 40 - 1)
        with pytest.raises(ImageError, match="at most 959 pixels, found 40 x 24"):
            load_image(Image.fromarray(marked_page()))
        monkeypatch.setattr(loading, "MAX_PIXELS", 24 * 40)
        load_image(Image.fromarray(marked_page()))

    def test_one_pixel(self) -> None:
        np.testing.assert_array_equal(load_image(encoded(Image.new("L", (1, 1), 9))), [[9]])

    def test_no_pixels(self) -> None:
        with pytest.raises(ImageError, match="no pixels"):
            load_image(Image.new("L", (0, 5)))

    @pytest.mark.parametrize("gray", [0, 255])
    def test_blank_and_black(self, gray: int) -> None:
        picture = Image.new("L", (50, 30), gray)
        np.testing.assert_array_equal(load_image(encoded(picture)), np.full((30, 50), gray))


class TestResize:
    @given(
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.tuples(st.integers(1, 90), st.integers(1, 90)),
        st.integers(0, 255),
    )
    def test_one_gray_stays_that_gray(
        self, shape: Tuple[int, int], wanted: Tuple[int, int], gray: int
    ) -> None:
        resized = resize(np.full(shape, gray, dtype=np.uint8), wanted[1], wanted[0])
        np.testing.assert_array_equal(resized, np.full(wanted, gray))

    def test_the_same_size_changes_nothing(self) -> None:
        np.testing.assert_array_equal(resize(marked_page(), 40, 24), marked_page())

    @pytest.mark.parametrize("factor", [1.3, 2.0, 3.7, 5.0, 12.0])
    def test_a_thin_stroke_keeps_its_ink_wherever_it_is(self, factor: float) -> None:
        for column in range(60, 90):
            page = np.full((12, 240), 255, dtype=np.uint8)
            page[:, column : column + 2] = 0
            resized = resize(page, round(240 / factor), 12)
            ink = (255.0 - resized[6]).sum() * factor / 255.0
            assert ink == pytest.approx(2.0, rel=0.12)

    def test_views_are_resized_too(self) -> None:
        page = marked_page()
        np.testing.assert_array_equal(resize(page.T, 12, 20), resize(page.T.copy(), 12, 20))

    def test_bad_arguments(self) -> None:
        with pytest.raises(ImageError, match="found float64"):
            resize(np.zeros((3, 3)), 2, 2)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="positive"):
            resize(marked_page(), 0, 2)


class TestPad:
    def test_the_image_lies_top_left(self) -> None:
        padded = pad(marked_page(), Size(50, 30), 7)
        assert padded.shape == (30, 50)
        np.testing.assert_array_equal(padded[:24, :40], marked_page())
        assert (padded[24:] == 7).all()
        assert (padded[:, 40:] == 7).all()

    @pytest.mark.parametrize("size", [Size(39, 24), Size(40, 23)])
    def test_what_does_not_fit_is_refused(self, size: Size) -> None:
        with pytest.raises(ImageError, match="40 x 24 does not fit"):
            pad(marked_page(), size)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_size_is_that_of_the_loaded_image(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.new("L", (30, 10)).save(path, exif=exif)
    height, width = load_image(path).shape
    assert image_size(path) == Size(width, height)


def test_size_is_told_where_exif_data_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (30, 10)).save(path, exif=b"Exif\0\0garbage!")
    assert load_image(path).shape == (10, 30)
    assert image_size(path) == Size(30, 10)


def test_the_size_of_too_large_a_picture_is_refused_as_the_picture_is(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("1", (20_000, 10_000)).save(path)
    with pytest.raises(ImageError, match="at most 80,000,000 pixels, found 20,000 x 10,000"):
        image_size(path)

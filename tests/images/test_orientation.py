from __future__ import annotations

import math
from typing import List

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from htrlib.document.geometry import Box, Polygon, Size
from htrlib.images import orientation
from htrlib.images.orientation import PageTransform, is_light_on_dark, upright

Page = NDArray[np.uint8]

TEXT = "The habit of looking at things, doubtful but kindly, led him to the old hall."
transforms = st.builds(
    PageTransform,
    st.builds(Size, st.integers(20, 400), st.integers(20, 400)),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from([-14.5, -6.0, 0.0, 7.5, 12.0]),
    st.integers(0, 60),
)


def letter(lines: int = 18, ink: int = 40) -> Page:
    """A page of text, upright, dark on light."""
    picture = Image.new("L", (900, 1200), 225)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(24)
    for number in range(lines):
        draw.text((90, 110 + 52 * number), TEXT[number % 9 :], fill=ink, font=font)
    return np.asarray(picture)


def tilted(page: Page, degrees: float) -> Page:
    """The page with its lines falling to the right."""
    turned = Image.fromarray(page).rotate(-degrees, Image.Resampling.BILINEAR, fillcolor=225)
    return np.asarray(turned)


def readability(page: Page) -> float:
    """Return 1 for the upright page and 0.2 for turned ones."""
    same = page.shape == letter().shape and np.abs(page.astype(int) - letter()).mean() < 2
    return 1.0 if same else 0.2


def test_a_page_as_it_should_be_is_handed_on_unchanged() -> None:
    page = letter().copy()
    found, transform, _ = upright(page, readability=readability)
    assert found is page
    assert transform.is_identity


def test_light_on_dark_is_inverted() -> None:
    found, transform, _ = upright(~letter())
    assert transform.inverted
    np.testing.assert_array_equal(found, letter())


@pytest.mark.parametrize("border", [0, 150])
def test_dark_borders_and_empty_pages_are_not_inverted(border: int) -> None:
    page = letter(lines=4 if border else 0).copy()
    page[:, :border] = 10
    page[: 2 * border] = 10
    assert not is_light_on_dark(page)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_page_is_turned_back_where_it_reads_better_so(turns: int) -> None:
    found, transform, _ = upright(np.rot90(letter(), -turns), readability=readability)
    assert transform.quarter_turns == turns
    np.testing.assert_array_equal(found, letter())


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_without_a_reader_a_page_that_looks_turned_stays_and_is_said_to(turns: int) -> None:
    page = np.ascontiguousarray(np.rot90(letter(), -turns))
    found = upright(page)
    assert found.transform.quarter_turns == 0
    assert found.looks_turned
    assert not upright(page, readability=lambda page: 0.5).looks_turned
    assert not upright(letter()).looks_turned


def test_a_turned_page_stays_where_it_reads_no_better() -> None:
    page = np.ascontiguousarray(np.rot90(letter()))
    found, transform, _ = upright(page, readability=lambda page: 0.5)
    assert found is page
    assert transform.is_identity


@pytest.mark.parametrize(
    ("turned", "given", "turns"), [(0.23, 0.16, 0), (0.4, 0.2, 1), (0.7, 0.6, 1), (0.63, 0.6, 0)]
)
def test_a_page_that_hardly_reads_is_turned_only_where_it_reads_far_better(
    turned: float, given: float, turns: int
) -> None:
    page = np.ascontiguousarray(np.rot90(letter(), -1))

    def reads(tried: Page) -> float:
        return turned if readability(tried) == 1.0 else given

    assert upright(page, readability=reads).transform.quarter_turns == turns


@pytest.mark.parametrize(("given", "readings"), [(0.9, 1), (0.7, 3)])
def test_a_page_that_reads_well_as_it_is_is_not_read_turned(given: float, readings: int) -> None:
    read: List[Page] = []

    def reads(tried: Page) -> float:
        read.append(tried)
        return given

    page = np.ascontiguousarray(np.rot90(letter()))
    assert upright(page, readability=reads).transform.quarter_turns == 0
    assert len(read) == 1 + readings  # the first one is for its tilt


def test_an_upright_page_is_never_read_to_find_that_out() -> None:
    def fails(page: Page) -> float:
        raise AssertionError("not to be asked")

    assert upright(letter(), readability=fails).transform.is_identity


@pytest.mark.parametrize("degrees", [-14, -9, 7, 13])
def test_tilted_lines_are_leveled(degrees: float) -> None:
    found, transform, _ = upright(tilted(letter(), degrees))
    assert transform.tilt == pytest.approx(degrees, abs=1.0)
    assert upright(found).transform.is_identity


@pytest.mark.parametrize("degrees", [-3, 2])
def test_a_slight_slope_is_left_to_the_line_finder(degrees: float) -> None:
    assert upright(tilted(letter(), degrees)).transform.is_identity


@pytest.mark.parametrize("degrees", [-4.5, 4.5])
def test_a_small_tilt_is_leveled_where_rules_show_it_clearly(degrees: float) -> None:
    page = letter().copy()
    page[20::12] = 150
    assert upright(tilted(page, degrees)).transform.tilt == pytest.approx(degrees, abs=0.5)
    assert upright(tilted(letter(), degrees / 2)).transform.is_identity


def test_a_picture_of_a_few_pixels_stays() -> None:
    for shape in ((1, 1), (3, 40), (40, 3)):
        page = np.full(shape, 200, np.uint8)
        assert upright(page, readability=readability).page is page


@given(transforms, st.floats(0, 1), st.floats(0, 1))
def test_points_come_back_to_where_their_pixels_were(
    transform: PageTransform, right: float, down: float
) -> None:
    width, height = transform.size.width, transform.size.height
    x, y = 8 + int(right * (width - 17)), 8 + int(down * (height - 17))
    page = np.full((height, width), 255, np.uint8)
    page[y - 2 : y + 3, x - 2 : x + 3] = 0
    if transform.inverted:
        page = ~page
    turned = transform.apply(page)
    assert turned.shape == (transform.upright_size.height, transform.upright_size.width)
    rows, columns = np.nonzero(turned < 128)
    found = transform.point_as_given(float(columns.mean()) + 0.5, float(rows.mean()) + 0.5)
    assert found == pytest.approx((x + 0.5, y + 0.5), abs=0.8)


def test_boxes_and_polygons_come_back_to_the_page_as_given() -> None:
    transform = PageTransform(Size(200, 100), quarter_turns=1)
    assert transform.box_as_given(Box(10, 20, 30, 60)) == Box(140, 10, 180, 30)
    polygon = transform.polygon_as_given(Polygon(((10, 20), (30, 20), (30, 60))))
    assert polygon.points == ((180, 10), (180, 30), (140, 30))


def test_a_leveled_page_has_room_for_all_of_it() -> None:
    size = PageTransform(Size(300, 200), tilt=10.0).upright_size
    assert size.width >= 300 * math.cos(math.radians(10)) + 200 * math.sin(math.radians(10))
    assert size.height > 200


def test_a_word_alone_is_not_leveled():
    page = np.full((120, 400), 235, dtype=np.uint8)
    for start in range(40, 360, 6):  # strokes that rise by 12 degrees
        top = 80 - int(0.21 * start)
        page[top : top + 30, start : start + 2] = 30
    assert upright(page).transform.tilt == 0.0


def test_a_tilted_page_that_seems_to_lie_on_its_side_is_leveled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        orientation, "doubtful_turns", lambda ink, strips, rows: orientation.SIDEWAYS
    )
    transform = upright(tilted(letter(), 9), readability=lambda page: 0.9).transform
    assert transform.quarter_turns == 0
    assert transform.tilt == pytest.approx(9, abs=1.0)

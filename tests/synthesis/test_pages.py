from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from htrlib.document.geometry import union_of
from htrlib.errors import ConfigError, DatasetError
from htrlib.synthesis.handwriting import BUNDLED_FONTS, load_fonts
from htrlib.synthesis.pages import PAGE_KINDS, PageConfig, render_page, render_pages
from htrlib.synthesis.placement import Turn
from htrlib.synthesis.printing import PrintedLayer, printed_faces

pytestmark = pytest.mark.slow

TEXT = (
    "The ferry left at six, as on every grey morning, and Judy Pfeiffer stood at the rail with "
    "a parcel of letters that nobody had opened. By noon the fog had gone; gulls quarreled over "
    "the fishing boats, and the hills of the far side grew green, then yellow, then near."
)
WORDS = TEXT.split()
FONTS = load_fonts(BUNDLED_FONTS, "".join(WORDS))
SMALL = (500, 700)


def pages(count, kinds=PAGE_KINDS, seed=0, **options):
    config = PageConfig(kinds=kinds, width=SMALL, **options)
    return list(render_pages(count, FONTS, WORDS, seed, config))


@pytest.fixture(scope="module")
def mixed():
    return pages(15, dict.fromkeys(PAGE_KINDS, 1.0))


@pytest.fixture(scope="module")
def clean():
    """Handwriting on clean white paper, nothing else."""
    found = pages(12, {"letter": 1.0}, wear=0.0, ruled=0.0, seed=5)
    return [page for page in found if not page.printed and page.lines]


def same(first, second):
    return (
        np.array_equal(first.image, second.image)
        and first.lines == second.lines
        and first.printed == second.printed
        and first.paragraph == second.paragraph
    )


def test_the_same_seed_renders_the_same_bytes():
    first, again, other = pages(3), pages(3), pages(3, seed=1)
    assert all(map(same, first, again))
    assert not any(map(same, first, other))


def test_a_page_does_not_depend_on_those_before_it():
    config = PageConfig(width=SMALL)
    alone = render_page(WORDS, FONTS, np.random.default_rng((7, 2)), config)
    assert same(alone, pages(3, seed=7)[2])


def test_the_number_of_processes_does_not_matter():
    config = PageConfig(width=SMALL)
    parallel = list(render_pages(6, FONTS, WORDS, 0, config, processes=2))
    assert len(parallel) == 6
    assert all(map(same, parallel, pages(6)))


def test_pages_are_gray_pictures_of_the_widths_asked_for(mixed):
    for page in mixed:
        assert page.image.dtype == np.uint8
        assert page.image.ndim == 2
        assert SMALL[0] <= page.image.shape[1] <= SMALL[1]


def test_the_paragraph_is_the_union_of_the_lines(mixed):
    assert any(page.paragraph is None for page in mixed)
    for page in mixed:
        if page.lines:
            assert page.paragraph == union_of(line.line.box for line in page.lines)
        else:
            assert page.paragraph is None


def test_all_ground_truth_lies_on_the_page(mixed):
    for page in mixed:
        height, width = page.image.shape
        boxes = [line.line.box for line in page.lines] + list(page.printed)
        for box in boxes:
            assert min(box.left, box.top) >= 0
            assert box.right <= width
            assert box.bottom <= height


def test_no_ink_lies_outside_the_lines(clean):
    for page in clean:
        outlines = Image.new("1", page.image.shape[::-1])
        draw = ImageDraw.Draw(outlines)
        for line in page.lines:
            draw.polygon(line.line.polygon.points, fill=1, outline=1)
        assert (page.image[~np.asarray(outlines)] == 255).all()


def test_boxes_of_lines_and_words_reach_as_far_as_their_ink(clean):
    for page in clean:
        dark = page.image < 255
        for box in (box for line in page.lines for box in (line.line.box, *line.words)):
            left, top, right, bottom = map(int, box.as_tuple())
            ink = dark[top:bottom, left:right]
            assert all(edge.any() for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))


def test_a_box_holds_exactly_the_ink_of_its_line():
    checked = 0
    for page in pages(4, {"letter": 1.0}, wear=0.0, ruled=0.0, slope=0.0, touching=0.0, seed=2):
        boxes = [line.line.box for line in page.lines]
        for box in boxes:
            top, bottom = int(box.top), int(box.bottom)
            others = [other for other in (*boxes, *page.printed) if other is not box]
            if any(other.top <= bottom and other.bottom >= top for other in others):
                continue
            dark = page.image[top - 1 : bottom + 1] < 255
            rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
            assert (columns[0], columns[-1] + 1) == (box.left, box.right)
            assert (rows[0], rows[-1] + 1) == (1, bottom - top + 1)
            checked += 1
    assert checked >= 10


def test_a_line_has_a_box_for_each_word_a_slim_outline_and_a_baseline(mixed):
    for line in (line for page in mixed for line in page.lines):
        assert set(line.text.split()) <= set(WORDS)
        assert len(line.words) == len(line.text.split())
        assert union_of(line.words) == line.line.box
        assert line.line.polygon.box == line.line.box
        assert len(line.line.polygon.points) <= 60
        assert len(line.line.baseline) >= 2


def test_baselines_slope_as_far_as_asked_and_no_further():
    slopes = []
    for page in pages(12, {"letter": 1.0}, seed=3, slope=5.0):
        for line in page.lines:
            if line.line.box.width > 200:
                (x0, y0), *_, (x1, y1) = line.line.baseline
                slopes.append(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
    assert 3.0 < np.max(slopes) < 7.5
    assert -7.5 < np.min(slopes) < -3.0


def test_forms_have_print_above_and_below_the_writing():
    found = [page for page in pages(8, {"form": 1.0}, seed=4) if page.lines]
    assert len(found) >= 6
    for page in found:
        middle = page.paragraph.center[1]
        assert min(box.bottom for box in page.printed) < middle
        assert max(box.top for box in page.printed) > middle


def test_printed_pages_hold_print_alone():
    for page in pages(3, {"printed": 1.0}):
        assert page.lines == ()
        assert len(page.printed) > 3


def test_wear_shows():
    (spotless,) = pages(1, {"blank": 1.0}, wear=0.0, ruled=0.0)
    assert (spotless.image == 255).mean() > 0.9
    worn = pages(6, {"blank": 1.0}, wear=1.0, ruled=0.0)
    assert np.mean([page.image.std() for page in worn]) > 1.0


@pytest.mark.parametrize(
    "options",
    [
        {"kinds": {"poster": 1.0}},
        {"kinds": {"letter": 0.0}},
        {"kinds": {}},
        {"kinds": {"letter": 2.0, "form": -1.0}},
        {"slope": -1.0},
        {"slope": float("nan")},
        {"width": (900, 600)},
        {"lines": (0, 10)},
        {"touching": 1.5},
        {"ruled": -0.1},
        {"wear": 2.0},
    ],
)
def test_values_that_cannot_work_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        PageConfig(**options)


def test_pages_need_words_and_fonts():
    rng = np.random.default_rng(0)
    with pytest.raises(DatasetError, match="found 0 and"):
        render_page([], FONTS, rng)
    with pytest.raises(DatasetError, match="and 0"):
        render_page(WORDS, (), rng)


def test_print_needs_no_font_of_the_machine(tmp_path):
    assert printed_faces(tmp_path) == (None,)
    assert printed_faces()[0] is None
    layer = PrintedLayer(300, 60, Turn())
    end = layer.text("Plain print", None, 20, 10, 40, 1.0)
    (box,) = layer.boxes
    assert box.left == pytest.approx(10, abs=3)
    assert box.right == pytest.approx(end, abs=3)
    rows, columns = np.nonzero(layer.darkness)
    bounds = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    assert bounds == box.as_tuple()


def test_printed_fonts_of_a_folder_are_used():
    assert len(printed_faces(BUNDLED_FONTS)) == 1 + len(FONTS)
    (first,) = pages(1, {"printed": 1.0}, printed_fonts=BUNDLED_FONTS)
    assert first.printed


def test_printed_faces_have_letters():
    for face in printed_faces():
        font = ImageFont.load_default(12) if face is None else ImageFont.truetype(str(face), 12)
        assert font.getbbox("Name")[2] > 12, face

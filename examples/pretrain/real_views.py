"""Views of labeled pages: scaled, side by side, or with documents rendered on their paper."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import List, Optional, Sequence, Tuple

import numpy as np
from document_layouts import LAYOUTS
from document_sheet import DocumentLine, Sheet, Stock
from numpy.typing import NDArray
from page_store import AREA, UNSURE, label_bytes
from PIL import Image, ImageDraw
from render_documents import mapped, pressed
from running_text_layouts import letterhead
from scipy import ndimage

from htrlib.data.samples import PageSample
from htrlib.document.geometry import Box
from htrlib.images.regions import cut_region, page_ink
from htrlib.training.batches.label_maps import text_height

HEIGHTS = (13.0, 64.0)  # of lines, in pixels of a view
MOST = 1_500_000  # pixels
LARGEST_SCALE = 3.0
NEAR = 0.35  # of a line's height: so close to labeled lines, all text is labeled
PRINTED_BESIDE = ("book", "columns", "title", "typed letter", "form", "card")

Gray = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class View:
    """A part of a page.

    Attributes:
        gray: (H, W) uint8, 0 is black.
        labels: (H, W) uint8, see `page_store`.
    """

    gray: Gray
    labels: Gray

    @property
    def ink(self) -> Gray:
        """(H, W) uint8, 0 is paper."""
        return page_ink(self.gray)


@dataclass(frozen=True)
class Source:
    """A labeled page.

    Attributes:
        kind: of its lines; "unknown" where print and writing are labeled alike.
        complete: all text is labeled from the first line's top on (else only near the lines).
    """

    page: PageSample
    kind: str = "handwritten"
    complete: bool = False


def view_of(source: Source, rng: np.random.Generator, height: Optional[float] = None) -> View:
    """A part of a page with lines of a random height, or of that height."""
    page = source.page.load_image()
    lines = [line.line for line in source.page.lines if line.line and line.line.baseline]
    usual = text_height(lines)
    height = height or math.exp(rng.uniform(*np.log(HEIGHTS)))
    scale = min(height / usual, LARGEST_SCALE) if usual else math.sqrt(6e5 / page.size)
    region = cut_region(page, _part(page.shape, scale, rng), scale)

    def placed(x: float, y: float) -> Tuple[float, float]:
        return (x - region.left) * scale, (y - region.top) * scale

    size = region.gray.shape[1], region.gray.shape[0]
    shown = Box(0, 0, *map(float, size))
    moved = [mapped(DocumentLine(source.kind, line), placed) for line in lines]
    moved = [line for line in moved if line.line.box.intersection_area(shown) > 0]
    labels = label_bytes(moved, size)
    if source.complete and lines:
        top = (min(line.box.top for line in lines) - region.top) * scale - 0.15 * height
        unsure = np.zeros(labels.shape, bool)
        unsure[: max(0, int(top))] = True
    else:
        unsure = _far_from(moved, labels.shape, height)
    labels[unsure & (labels & AREA == 0)] |= UNSURE
    return View(region.gray, labels)


def _part(shape: Tuple[int, ...], scale: float, rng: np.random.Generator) -> Box:
    """The whole page, or a part of it that is not too large at a scale."""
    height, width = shape
    if height * width * scale * scale <= MOST:
        return Box(0, 0, width, height)
    wide = min(width, math.sqrt(MOST) / scale)
    high = min(height, MOST / scale / scale / wide)
    left, top = rng.uniform(0, width - wide + 1e-6), rng.uniform(0, height - high + 1e-6)
    return Box(left, top, left + wide, top + high)


def _far_from(
    lines: Sequence[DocumentLine], shape: Tuple[int, ...], height: float
) -> NDArray[np.bool_]:
    mask = Image.new("L", (shape[1], shape[0]))
    draw = ImageDraw.Draw(mask)
    for line in lines:
        if line.line.polygon is not None:
            draw.polygon([tuple(point) for point in line.line.polygon.points], fill=255)
    coarse = np.asarray(mask.resize((max(1, shape[1] // 4), max(1, shape[0] // 4)))) > 0
    reach = max(1, int(NEAR * height) // 4)
    near = ndimage.binary_dilation(coarse, np.ones((3, 3)), reach)
    picture = Image.fromarray(near.astype(np.uint8) * 255)
    return np.asarray(picture.resize((shape[1], shape[0]), Image.Resampling.NEAREST)) == 0


def side_by_side(one: View, other: View, rng: np.random.Generator) -> View:
    """Two pages as they lie in an open book."""
    height = min(one.gray.shape[0], other.gray.shape[0])
    gap = int(rng.choice([0, 0, rng.integers(1, 40)]))
    between = np.full((height, gap), rng.integers(0, 255), np.uint8)
    gray = np.concatenate([one.gray[:height], between, other.gray[:height]], axis=1)
    empty = np.zeros((height, gap), np.uint8)
    labels = np.concatenate([one.labels[:height], empty, other.labels[:height]], axis=1)
    return View(gray, labels)


def with_print(view: View, stock: Stock, rng: np.random.Generator) -> View:
    """A page that goes on, on paper like its own, with print or typescript."""
    height, width = view.gray.shape
    side = int(rng.integers(4))  # above, below, on the left, on the right
    extent = int(rng.uniform(0.2, 0.7) * min((height, width)[side // 2], 1000)) + 100
    size = (width, extent) if side < 2 else (extent, height)
    sheet = Sheet(*size, stock, rng)
    if rng.random() < 0.1:
        letterhead(sheet, 0.06 * size[0], 0.94 * size[0])
    else:
        LAYOUTS[str(rng.choice(PRINTED_BESIDE))][1](sheet)
    before, after = ((extent, 0), (0, extent))[side % 2]
    margins: List[Tuple[int, int]] = [(0, 0), (0, 0)]
    margins[side // 2] = (before, after)
    gray = np.pad(paper_of(view.gray), margins, mode="edge").astype(np.float32)
    labels = np.pad(view.labels, margins)
    top, left = (0 if before else (height, width)[axis] * (side // 2 == axis) for axis in (0, 1))
    zone = slice(top, top + size[1]), slice(left, left + size[0])
    gray[zone] += 2.0 * rng.standard_normal(gray[zone].shape)
    for layer in (pressed(sheet, rng), sheet.ink):
        gray[zone] *= 1.0 - layer.astype(np.float32) / 255
    labels[zone] = label_bytes(sheet.lines, size)
    y, x = before * (side < 2), before * (side >= 2)
    gray[y : y + height, x : x + width] = view.gray
    return View(np.clip(gray, 0, 255).astype(np.uint8), labels)


def paper_of(gray: Gray) -> Gray:
    """The brightness of a page's paper without what is on it."""
    height, width = gray.shape
    coarse = Image.fromarray(gray).resize((max(1, width // 8), max(1, height // 8)))
    paper = ndimage.percentile_filter(np.asarray(coarse), 80, size=9, mode="nearest")
    picture = Image.fromarray(ndimage.uniform_filter(paper, 3))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def turned(ink: Gray, labels: Gray, degrees: float) -> Tuple[Gray, Gray]:
    """A page a little askew."""
    return (
        np.asarray(Image.fromarray(ink).rotate(degrees, Image.Resampling.BILINEAR)),
        np.asarray(Image.fromarray(labels).rotate(degrees, Image.Resampling.NEAREST)),
    )


def with_places(source: Source, bundle: str) -> Source:
    """A page whose lines have boxes alone, with the outlines that a bundle finds in them."""
    from htrlib.reading.outlines import outline_lines

    lines = source.page.lines
    places = [line.line for line in lines if line.line is not None]
    if len(places) < len(lines) or all(place.polygon is not None for place in places):
        return source
    found = outline_lines(source.page.load_image(), places, bundle=bundle)
    outlined = tuple(replace(line, line=place) for line, place in zip(lines, found))
    return replace(source, page=replace(source.page, lines=outlined))

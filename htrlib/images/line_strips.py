"""Cut a text line out of a page: follow its baseline, straighten it, keep its ink.

Training and recognition share this code, so that the network reads the kind of pictures it was
trained on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from htrlib import compiled
from htrlib.document.geometry import LineStrip, Point, Polygon, quarter_turned
from htrlib.document.results import TextLine
from htrlib.images.filters import mean_filter, percentile_filter, percentiles, upper_percentile

COLUMN_SPACING = 0.5  # in line heights, between two columns of a strip
MARGIN = 0.08  # in line heights, above and below
SIDE_MARGIN = 0.2  # in line heights, left and right: boxes tend to cut first and last letters
PAPER_WINDOW = 1.5  # in line heights: width of the window that estimates the paper's brightness
WIDEST = 1 << 15  # columns: a longer strip is too thin to contain writing
POLYGON_TOLERANCE = 0.12  # in strip heights: ink this close to the polygon is kept
REACH = 0.13  # in strip heights, beyond that, above and below, where polygons often cut letters


_Mesh = Tuple[NDArray[np.int64], NDArray[np.float64]]
_Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class LineExtent:
    """The extent of a line around its baseline.

    Attributes:
        columns: (N,) float64 x of each pixel column of the line's box, in page pixels.
        base: (N,) float64 y of the baseline at these columns.
        ascent: height above the baseline in pixels, without single spikes.
        descent: depth below the baseline in pixels.
    """

    columns: NDArray[np.float64]
    base: NDArray[np.float64]
    ascent: float
    descent: float


def line_extent(polygon: Polygon, baseline: Tuple[Point, ...]) -> LineExtent:
    """Measure the extent of a line with a polygon and a baseline."""
    tops, bottoms = _outline(polygon)
    columns = polygon.box.left + 0.5 + np.arange(len(tops))
    base = _baseline_at(baseline, columns)
    ((above, below),) = percentiles(np.stack((base - tops, bottoms - base)), (95,)).tolist()
    ascent = max(above, 1.0)
    return LineExtent(columns, base, ascent, max(below, 0.2 * ascent))


def line_strip(line: TextLine, margin: float = MARGIN) -> LineStrip:
    """Return the strip of a line, with a margin above and below as a fraction of its height.

    With a baseline and a polygon, the strip follows the baseline at constant height, also if it
    runs up or down the page.
    """
    turns = line.quarter_turns
    if turns:
        return replace(line_strip(line.turned(turns), margin), quarter_turns=turns)
    box = line.box
    if line.baseline is None or line.polygon is None:
        side = SIDE_MARGIN * min(box.height, box.width)
        return LineStrip.from_box(box.expanded(side, margin * box.height))
    extent = line_extent(line.polygon, line.baseline)
    height = extent.ascent + extent.descent
    left, right = box.left - SIDE_MARGIN * height, box.right + SIDE_MARGIN * height
    count = max(2, 1 + round((right - left) / (COLUMN_SPACING * height)))
    base = _baseline_at(line.baseline, np.linspace(left, right, count))
    extra = margin * height
    return LineStrip(
        left,
        right,
        tuple((base - extent.ascent - extra).tolist()),
        tuple((base + extent.descent + extra).tolist()),
    )


def cut_line(
    page: NDArray[np.uint8],
    strip: LineStrip,
    height: int,
    polygon: Optional[Polygon] = None,
    stretch: float = 1.0,
) -> NDArray[np.uint8]:
    """Cut the ink of a strip out of the page and straighten it.

    Args:
        page: (H, W) uint8, 0 is black.
        strip: position of the line, in page pixels.
        height: height of the result in pixels; its width keeps the strip's aspect ratio.
        polygon: ink outside it belongs to other lines and is removed.
        stretch: factor of the width.
    Returns:
        (height, W) uint8, 0 is paper and 255 is the darkest ink; W is at most `WIDEST`.
    """
    if strip.quarter_turns:
        page, strip, polygon = _upright(page, strip, polygon)
    scale = height / strip.height
    width = min(max(8, round((strip.right - strip.left) * scale * stretch)), WIDEST)
    if not _touches(strip, page):
        return np.zeros((height, width), np.uint8)
    region, offset, reduction = _region(page, strip, scale)
    mesh = _mesh(strip, width, height, offset, reduction)
    if polygon is None:
        return paper_to_zero(_straightened(region, None, (height, width), mesh)[0])
    mask = _mask(polygon, region.shape, offset, reduction, strip.height / reduction)
    gray, inside = _straightened(region, mask, (height, width), mesh)
    return paper_to_zero(gray) * (inside > 127)


def _upright(
    page: _Picture, strip: LineStrip, polygon: Optional[Polygon]
) -> Tuple[_Picture, LineStrip, Optional[Polygon]]:
    """Turn the page so that a line up or down the page runs to the right, and its place with it."""
    turns = strip.quarter_turns
    # The page turned about its origin begins at these coordinates.
    x, y = (page.shape[0], 0) if turns == 3 else (0, page.shape[1])
    upright = replace(
        strip,
        left=strip.left + x,
        right=strip.right + x,
        tops=tuple(top + y for top in strip.tops),
        bottoms=tuple(bottom + y for bottom in strip.bottoms),
        quarter_turns=0,
    )
    if polygon is not None:
        turned = (quarter_turned(point, turns) for point in polygon.points)
        polygon = Polygon(tuple((u + x, v + y) for u, v in turned))
    return np.rot90(page, turns), upright, polygon


def _straightened(
    picture: _Picture, mask: Optional[Image.Image], shape: Tuple[int, int], mesh: _Mesh
) -> Tuple[_Picture, _Picture]:
    """Warp a picture and a mask of the same size by a mesh to the given shape.

    Without a mask, the second result has no meaning.
    """
    height, width = shape
    if compiled.library is not None:
        picture = np.ascontiguousarray(picture)
        masking = None if mask is None else np.asarray(mask)
        warped = compiled.library.straightened(
            picture, masking, picture.shape[1], *mesh, width, height
        )
        gray, inside = (
            np.frombuffer(one, np.uint8).reshape(shape)
            for one in (warped[0], warped[1] or warped[0])
        )
        return gray, inside
    rectangles = [(left, 0, right, height) for left, right in mesh[0].tolist()]
    data = list(zip(rectangles, map(tuple, mesh[1].tolist())))
    one = Image.fromarray(picture)
    both = Image.merge("La", (one, one if mask is None else mask))  # warp both at once
    method = Image.Transform.MESH
    channels = np.asarray(both.transform((width, height), method, data, Image.Resampling.BILINEAR))
    return channels[:, :, 0], channels[:, :, 1]


def paper_to_zero(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert gray to ink: subtract the paper's local brightness, stretch to the darkest ink.

    Args:
        gray: (H, W) uint8, 0 is black.
    Returns:
        (H, W) uint8, 0 is paper and 255 is the darkest ink.
    """
    height, width = gray.shape
    step = 8
    columns = gray[:, : width // step * step].reshape(height, -1, step).swapaxes(0, 1)
    if columns.size:
        (bright,) = percentiles(columns.reshape(len(columns), -1), (80,))
    else:
        bright = gray.max(keepdims=True)[0]
    window = max(1, round(PAPER_WINDOW * height / step))
    paper = mean_filter(percentile_filter(bright, 70, window), window)
    centers = (np.arange(len(paper)) + 0.5) * step
    local = np.interp(np.arange(width) + 0.5, centers, paper).astype(np.float32)
    darkness = local[np.newaxis] - gray
    np.maximum(darkness, 0.0, out=darkness)
    strongest = upper_percentile(darkness, 98.5, 24.0)  # 24: a strip of paper only stays paper
    darkness *= 255.0 / strongest
    return np.minimum(darkness, 255.0, out=darkness).astype(np.uint8)


def _outline(
    polygon: Polygon,
) -> Tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the top and bottom of a polygon at each of its pixel columns."""
    box = polygon.box
    size = (max(1, int(np.ceil(box.width))), max(1, int(np.ceil(box.height))))
    mask = Image.new("L", size)
    points = [(x - box.left, y - box.top) for x, y in polygon.points]
    ImageDraw.Draw(mask).polygon(points, fill=1, outline=1)
    inside = np.asarray(mask)
    # The highest number of a row is ten times as fast as a search down the columns.
    numbers = np.arange(1, size[1] + 1, dtype=np.uint16 if size[1] < 1 << 16 else np.uint32)
    bottoms = (inside * numbers[:, np.newaxis]).max(axis=0)
    tops = size[1] - (inside * numbers[::-1, np.newaxis]).max(axis=0).astype(np.int64)
    filled = bottoms > 0
    columns = np.arange(len(filled))
    return (
        box.top + np.interp(columns, columns[filled], tops[filled]),
        box.top + np.interp(columns, columns[filled], bottoms[filled]),
    )


def _baseline_at(baseline: Tuple[Point, ...], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    xs, ys = zip(*sorted(baseline))
    return np.interp(columns, xs, ys)


def _region(
    page: NDArray[np.uint8], strip: LineStrip, scale: float
) -> Tuple[NDArray[np.uint8], Point, int]:
    """Return the part of the page under a strip, shrunk if plain sampling would alias."""
    height, width = page.shape
    box = strip.box()
    left, top = max(0, int(box.left)), max(0, int(box.top))
    right = min(width, max(left + 1, int(np.ceil(box.right))))
    bottom = min(height, max(top + 1, int(np.ceil(box.bottom))))
    left, top = min(left, right - 1), min(top, bottom - 1)
    region = page[top:bottom, left:right]
    reduction = max(1, int(1.0 / scale + 0.25))
    if reduction > 1:
        whole = np.ascontiguousarray(region)  # or Pillow copies slowly
        region = np.asarray(Image.fromarray(whole).reduce(reduction))
    # Beyond the page's edge, repeat the pixels of the edge.
    across = -int(np.floor(box.left)), int(np.ceil(box.right)) - width
    down = -int(np.floor(box.top)), int(np.ceil(box.bottom)) - height
    sides = [[-(-(2 + max(0, pad)) // reduction) for pad in pads] for pads in (down, across)]
    region = np.pad(region, sides, mode="edge")
    start = left - sides[1][0] * reduction, top - sides[0][0] * reduction
    return region, start, reduction


def _touches(strip: LineStrip, page: NDArray[np.uint8]) -> bool:
    """Return whether a strip is at least partly on the page."""
    box = strip.box()
    return box.right > 0 and box.bottom > 0 and box.left < page.shape[1] and box.top < page.shape[0]


def _mesh(strip: LineStrip, width: int, height: int, offset: Point, reduction: int) -> _Mesh:
    """Return the mesh of a strip.

    Returns:
        (N, 2) columns of the target, and (N, 8) corners of the quadrilaterals of the source that
        fill them, in the order of Pillow: x and y on the upper left, and on counterclockwise.
    """
    count = len(strip.tops) - 1
    targets = np.rint(width * np.arange(count + 1) / count).astype(np.int64)
    xs = strip.left + (strip.right - strip.left) * targets / width
    xs = (xs - offset[0]) / reduction
    tops = (np.array(strip.tops) - offset[1]) / reduction
    bottoms = (np.array(strip.bottoms) - offset[1]) / reduction
    left = np.stack((xs, tops, xs, bottoms), axis=1)[:-1]
    right = np.stack((xs, bottoms, xs, tops), axis=1)[1:]
    filled = targets[:-1] < targets[1:]
    columns = np.stack((targets[:-1], targets[1:]), axis=1)[filled]
    return columns, np.concatenate((left, right), axis=1)[filled]


def _mask(
    polygon: Polygon, shape: Tuple[int, ...], offset: Point, reduction: int, height: float
) -> Image.Image:
    """Return where ink is kept: within the polygon and near it, above all above and below it.

    Args:
        height: of the strip, in pixels of the mask.
    """
    mask = Image.new("L", (shape[1], shape[0]))
    draw = ImageDraw.Draw(mask)
    width = 1 + 2 * round(POLYGON_TOLERANCE * height)
    for shift in (-REACH * height, 0.0, REACH * height):
        points = [
            ((x - offset[0]) / reduction, (y - offset[1]) / reduction + shift)
            for x, y in polygon.points
        ]
        draw.polygon(points, fill=255)
        draw.line([*points, points[0]], fill=255, width=width)
    return mask

"""Render documents of all sorts - print, typescript, handwriting - with every line and its kind."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np
from document_layouts import LAYOUTS
from document_sheet import DocumentLine, Floats, Sheet, Stock
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from htrlib.document.geometry import Box, Point, Polygon, union_of
from htrlib.document.results import TextLine
from htrlib.synthesis.paper import add_marks, paper, scanned


@dataclass(frozen=True, eq=False)
class Document:
    """A rendered page.

    Attributes:
        image: (H, W) uint8, 0 is black.
        lines: of text, in the order in which they were set; stamps have a polygon alone.
    """

    image: NDArray[np.uint8]
    lines: Tuple[DocumentLine, ...]
    layout: str


def render_document(
    stock: Stock, rng: np.random.Generator, layout: Optional[str] = None
) -> Document:
    """Render one page."""
    names = list(LAYOUTS)
    weights = np.array([LAYOUTS[name][0] for name in names])
    name = layout or names[int(rng.choice(len(names), p=weights / weights.sum()))]
    sheets = 2 if name in ("book", "hand letter", "typed letter") and rng.random() < 0.14 else 1
    width = int(math.exp(rng.uniform(math.log(520), math.log(1150))) * (0.75 if sheets == 2 else 1))
    aspect = rng.uniform(1.2, 1.6) if rng.random() < 0.75 else rng.uniform(0.6, 1.2)
    if name == "card":
        aspect = rng.uniform(0.3, 0.9)
    height = int(width * aspect)
    made = []
    for _ in range(sheets):
        sheet = Sheet(width, height, stock, rng)
        LAYOUTS[name][1](sheet)
        if rng.random() < 0.1:
            sheet.ring_stamp()
        made.append(sheet)
    return _bound(made, name, rng)


def _bound(sheets: Sequence[Sheet], name: str, rng: np.random.Generator) -> Document:
    height = sheets[0].height
    printed = np.concatenate([pressed(sheet, rng) for sheet in sheets], axis=1)
    ink = np.concatenate([sheet.ink for sheet in sheets], axis=1)
    width = printed.shape[1]
    lines: List[DocumentLine] = []
    for number, sheet in enumerate(sheets):
        lines += [_moved(line, number * sheet.width, 0) for line in sheet.lines]
    bend, turn = _Bend.random(width, height, len(sheets), rng), rng.normal(0, 0.9)
    warp = _Warp(bend, math.radians(turn), (width / 2, height / 2))
    printed, ink = warp.image(printed), warp.image(ink)
    lines = [_warped(line, warp) for line in lines]
    image = paper(width, height, rng, 0.9)
    if rng.random() < 0.18:  # the other side shows through
        behind = np.maximum(ink, printed)[:, ::-1]
        behind = np.roll(behind, int(rng.integers(-20, 20)), axis=0)
        behind = ndimage.gaussian_filter(behind.astype(np.float32), rng.uniform(0.6, 2.0))
        image *= 1.0 - behind * np.float32(rng.uniform(0.05, 0.3) / 255)
    image *= 1.0 - ink.astype(np.float32) / 255
    image *= 1.0 - printed.astype(np.float32) / 255
    if len(sheets) == 2 and rng.random() < 0.85:
        image *= _gutter(width, rng)
    if rng.random() < 0.12:
        image *= _shadow(width, height, rng)
    text = [line.line.box for line in lines]
    add_marks(image, union_of(text) if text else None, rng, 0.7, False)
    if rng.random() < 0.08:
        _microfilm(image, rng)
    gray = scanned(image, rng, 0.9)
    if rng.random() < 0.3:
        gray = _jpeg(gray, int(rng.integers(25, 80)))
    return Document(gray, tuple(lines), name)


def pressed(sheet: Sheet, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Type as it came from the press: swollen, worn, uneven, or clean."""
    layer = np.asarray(sheet.print_layer)
    chance = rng.random()
    if chance < 0.45:
        soft = ndimage.gaussian_filter(layer.astype(np.float32), rng.uniform(0.4, 0.9))
        noise = ndimage.gaussian_filter(
            rng.standard_normal(layer.shape, dtype=np.float32), rng.uniform(0.5, 1.2)
        )
        noise /= max(1e-6, float(noise.std()))
        level = rng.uniform(60, 130)
        hard = 1 / (
            1
            + np.exp(
                -(soft + rng.uniform(5, 40) * noise * (soft > 8) - level) / rng.uniform(12, 40)
            )
        )
        layer = (hard * sheet.dark).astype(np.uint8)
    elif chance < 0.6:
        soft = ndimage.gaussian_filter(layer.astype(np.float32), rng.uniform(0.6, 1.4))
        clouds = Image.fromarray(rng.uniform(0.35, 1.1, (7, 7)).astype(np.float32)).resize(
            (layer.shape[1], layer.shape[0]), Image.Resampling.BICUBIC
        )
        layer = np.clip(soft * np.asarray(clouds) * 1.3, 0, 255).astype(np.uint8)
    return np.maximum(layer, np.asarray(sheet.rules))


def _moved(line: DocumentLine, x: float, y: float) -> DocumentLine:
    return mapped(line, lambda px, py: (px + x, py + y))


def mapped(line: DocumentLine, to: Callable[[float, float], Point]) -> DocumentLine:
    old = line.line
    polygon = Polygon(tuple(to(*p) for p in old.polygon.points))
    baseline = tuple(to(*p) for p in old.baseline) if old.baseline else None
    corners = [
        to(x, y) for x in (old.box.left, old.box.right) for y in (old.box.top, old.box.bottom)
    ]
    middle = [to((old.box.left + old.box.right) / 2, y) for y in (old.box.top, old.box.bottom)]
    box = Box.around(tuple(corners + middle))
    return DocumentLine(line.kind, TextLine(box, polygon, baseline), line.text)


@dataclass(frozen=True)
class _Bend:
    """How far down the page's rows sink at each column."""

    columns: Floats
    rows: Floats

    @classmethod
    def random(cls, width: int, height: int, sheets: int, rng: np.random.Generator) -> _Bend:
        xs = np.arange(-width, 2 * width, 8.0)
        ys = np.zeros(len(xs))
        if rng.random() < 0.5:
            for _ in range(2):
                ys += (
                    rng.normal(0, 0.004)
                    * width
                    * np.sin(xs / width * rng.uniform(1, 6) + rng.uniform(0, 6))
                )
        if sheets == 2 and rng.random() < 0.7:
            far = np.abs(xs - width / 2) / width
            ys += rng.normal(0.01, 0.012) * width * np.exp(-far / 0.06)
        return cls(xs, ys)

    def at(self, x: Floats) -> Floats:
        return np.interp(x, self.columns, self.rows)


@dataclass(frozen=True)
class _Warp:
    bend: _Bend
    angle: float
    center: Point

    def __call__(self, x: float, y: float) -> Point:
        y = y + float(self.bend.at(np.array([x]))[0])
        dx, dy = x - self.center[0], y - self.center[1]
        c, s = math.cos(self.angle), math.sin(self.angle)
        return self.center[0] + dx * c - dy * s, self.center[1] + dx * s + dy * c

    def image(self, layer: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if not layer.any():
            return layer
        height, width = layer.shape
        step = 32
        gx, gy = np.arange(0, width + step, step), np.arange(0, height + step, step)
        x, y = np.meshgrid(gx.astype(float), gy.astype(float))
        dx, dy = x - self.center[0], y - self.center[1]
        c, s = math.cos(-self.angle), math.sin(-self.angle)
        ux, uy = self.center[0] + dx * c - dy * s, self.center[1] + dx * s + dy * c
        uy -= self.bend.at(ux)
        mesh = []
        for i in range(len(gy) - 1):
            for j in range(len(gx) - 1):
                box = (int(gx[j]), int(gy[i]), int(gx[j + 1]), int(gy[i + 1]))
                quad = (
                    ux[i, j],
                    uy[i, j],
                    ux[i + 1, j],
                    uy[i + 1, j],
                    ux[i + 1, j + 1],
                    uy[i + 1, j + 1],
                    ux[i, j + 1],
                    uy[i, j + 1],
                )
                mesh.append((box, quad))
        return np.asarray(
            Image.fromarray(layer).transform(
                (width, height), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR
            )
        )


def _warped(line: DocumentLine, warp: _Warp) -> DocumentLine:
    return mapped(line, warp)


def _gutter(width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    far = np.abs(np.arange(width) - width / 2 + rng.normal(0, 0.005) * width) / width
    return (1 - rng.uniform(0.2, 0.95) * np.exp(-far / rng.uniform(0.004, 0.03))).astype(np.float32)


def _shadow(width: int, height: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A hand's or a fold's shadow with a straight edge."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    far = (x - rng.uniform(0.1, 0.9) * width) * np.cos(angle) + (
        y - rng.uniform(0.1, 0.9) * height
    ) * np.sin(angle)
    edge = 1 / (1 + np.exp(-far / rng.uniform(1, 40)))
    return (1 - rng.uniform(0.1, 0.5) * edge).astype(np.float32)


def _microfilm(image: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Hard contrast, scratches and grain."""
    width = image.shape[1]
    image[:] = 255 / (1 + np.exp(-(image - rng.uniform(110, 170)) / rng.uniform(15, 45)))
    image += rng.uniform(5, 25) * rng.standard_normal(image.shape, dtype=np.float32)
    for _ in range(int(rng.integers(0, 6))):
        x = int(rng.integers(width))
        image[:, x : x + int(rng.integers(1, 3))] *= rng.uniform(0.4, 0.9)


def _jpeg(gray: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    stream = io.BytesIO()
    Image.fromarray(gray).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))

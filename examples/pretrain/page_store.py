"""Pages prepared for training the line finder: ink and label bytes in one file, and an index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
from document_sheet import DocumentLine
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from htrlib.document.results import KINDS
from htrlib.training.batches.label_maps import draw_labels

CORE, AREA = 1, 2  # bits of a label byte
KIND_SHIFT = 2  # two bits: 0 is unknown, then 1 + the index in `KINDS`
IGNORED = 16  # ignored area, such as a stamp
UNSURE = 32  # may contain unlabeled text

Bytes = NDArray[np.uint8]


def label_bytes(lines: Sequence[DocumentLine], size: Tuple[int, int]) -> Bytes:
    """Return (H, W) uint8, the label of each pixel.

    Args:
        lines: lines of a picture; "stamp" marks ignored areas, kinds not in `KINDS` are unknown.
        size: width and height of the picture.
    """
    text = [line for line in lines if line.kind != "stamp"]
    core, area = draw_labels([line.line for line in text], (0, 0), 1.0, size)
    labels = (core > 127).astype(np.uint8) * CORE | (area > 127).astype(np.uint8) * AREA
    maps = [
        draw_labels([line.line for line in text if line.kind == kind], (0, 0), 1.0, size)
        for kind in KINDS
    ]
    for channel in (1, 0):  # cores last: where areas of two kinds overlap, they decide
        for number, drawn in enumerate(maps, 1):
            inside = drawn[channel] > 127
            labels[inside] = labels[inside] & (CORE | AREA) | (number << KIND_SHIFT)
    stamps = Image.new("L", size)
    draw = ImageDraw.Draw(stamps)
    for line in lines:
        if line.kind == "stamp" and line.line.polygon is not None:
            draw.polygon([tuple(point) for point in line.line.polygon.points], fill=255)
    labels[(np.asarray(stamps) > 0) & (labels & CORE == 0)] |= IGNORED
    return labels


class PageWriter:
    """Adds pages to a folder; a context manager, which closes its files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._raw = (folder / "raw.bin").open("ab")
        self._index = (folder / "index.jsonl").open("a", encoding="utf-8")

    def __enter__(self) -> PageWriter:
        return self

    def __exit__(self, *exception: object) -> None:
        self._raw.close()
        self._index.close()

    def add(self, ink: Bytes, labels: Bytes, source: str) -> None:
        """Add a page; labels are kept at half the resolution of the ink."""
        height, width = (side - side % 2 for side in ink.shape)
        at = self._raw.tell()
        self._raw.write(np.ascontiguousarray(ink[:height, :width]).tobytes())
        self._raw.write(np.ascontiguousarray(labels[:height:2, :width:2]).tobytes())
        self._raw.flush()
        entry = {"at": at, "size": [height, width], "source": source}
        self._index.write(json.dumps(entry) + "\n")
        self._index.flush()


class PageReader:
    """The pages of a folder, from which random squares are cut."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.refresh()

    def refresh(self) -> None:
        """Add the pages written since the last call."""
        rows = (self._folder / "index.jsonl").read_text(encoding="utf-8").splitlines()
        self._raw = np.memmap(self._folder / "raw.bin", np.uint8, "r")
        entries = [json.loads(row) for row in rows if row.endswith("}")]
        self.entries: List[Dict[str, Any]] = [
            entry for entry in entries if entry["at"] + _bytes_of(entry) <= len(self._raw)
        ]
        weights = np.sqrt([float(np.prod(entry["size"])) for entry in self.entries])
        self._shares = np.cumsum(weights / weights.sum())

    def page(self, number: int) -> Tuple[Bytes, Bytes]:
        """Return (H, W) ink and (H / 2, W / 2) label bytes of a page."""
        height, width = self.entries[number]["size"]
        at, pixels = self.entries[number]["at"], height * width
        ink = self._raw[at : at + pixels].reshape(height, width)
        labels = self._raw[at + pixels : at + pixels + pixels // 4]
        return ink, labels.reshape(height // 2, width // 2)

    def crop(self, side: int, rng: np.random.Generator) -> Tuple[Bytes, Bytes]:
        """Cut a random square, preferring one with text out of three."""
        number = int(np.searchsorted(self._shares, rng.random()))
        ink, labels = self.page(min(number, len(self.entries) - 1))
        for _ in range(3):
            top, left = (2 * _start(length, side, rng) for length in ink.shape)
            part = _window(labels, top // 2, left // 2, side // 2)
            if (part & CORE).any():
                break
        return _window(ink, top, left, side), part


def _bytes_of(entry: Dict[str, Any]) -> int:
    return int(np.prod(entry["size"])) * 5 // 4


def _start(length: int, side: int, rng: np.random.Generator) -> int:
    """Choose half the first row or column of a square; it covers a smaller page completely."""
    free = (length - side) // 2
    return int(rng.integers(min(0, free), max(0, free) + 1))


def _window(picture: Bytes, top: int, left: int, side: int) -> Bytes:
    """Cut a square out of a picture, with zeros beyond its edges."""
    window = np.zeros((side, side), np.uint8)
    part = picture[max(0, top) : max(0, top + side), max(0, left) : max(0, left + side)]
    y, x = max(0, -top), max(0, -left)
    window[y : y + part.shape[0], x : x + part.shape[1]] = part
    return window

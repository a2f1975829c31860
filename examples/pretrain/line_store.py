"""Cut lines on disk: one flat file of columns, mapped into memory, so that processes share it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from htrlib.images.line_strips import MARGIN

HEIGHT = 96
SOURCE_MARGIN = 0.30  # margin above and below in line heights, for augmentation


class CutLine(NamedTuple):
    """A line as ink.

    Attributes:
        ink: (HEIGHT, W) uint8, 0 is paper; the lowest bit is set inside the line's polygon.
        text: transcript, folded.
        page: file name of its page.
        consent: True for lines of the consent that many volunteers copied.
    """

    ink: NDArray[np.uint8]
    text: str
    page: str
    consent: bool = False

    def masked(self) -> NDArray[np.uint8]:
        """Return the ink inside the polygon."""
        return np.where(self.ink & 1, self.ink, 0).astype(np.uint8)


def as_recognized(line: CutLine, height: int) -> NDArray[np.uint8]:
    """Return a cut line as recognition sees it: masked, with the margin of recognition."""
    line_height = HEIGHT / (1 + 2 * SOURCE_MARGIN)
    trim = round((SOURCE_MARGIN - MARGIN) * line_height)
    ink = line.masked()[trim : HEIGHT - trim]
    width = max(8, round(ink.shape[1] * height / ink.shape[0]))
    resized = Image.fromarray(ink).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def save(path: Path, lines: Iterable[CutLine]) -> int:
    """Write `path`.bin, then `path`.json; return the number of lines."""
    index: List[Dict[str, Any]] = []
    end = 0
    with path.with_suffix(".bin").open("wb") as file:
        for line in lines:
            file.write(np.ascontiguousarray(line.ink.T).tobytes())
            end += line.ink.shape[1]
            index.append({**line._asdict(), "ink": end})
    path.with_suffix(".json").write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")
    return len(index)


def load(path: Path) -> List[CutLine]:
    """Load the lines written by `save`; their ink is read from disk on use."""
    index = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    if not index:
        return []
    columns = np.memmap(path.with_suffix(".bin"), np.uint8, "r").reshape(-1, HEIGHT)
    lines, start = [], 0
    for row in index:
        lines.append(CutLine(**{**row, "ink": columns[start : row["ink"]].T}))
        start = row["ink"]
    return lines

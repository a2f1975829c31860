"""Find where the letters of cut lines begin and end, for `letter_collage`.

    python find_letters.py --lines runs/lines --bundle english

A bundle's recognizer is aligned with each line's transcript. The line is cut along the slant of its
page, between the frames of two letters where least ink is. Writes NAME.letters.json beside each
collection's `train` lines: for each line, `Cuts`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Dict, List, NamedTuple, Optional, Sequence

import numpy as np
from line_alignment import Alignment, alignments, train_lines
from line_store import HEIGHT, CutLine
from numpy.typing import NDArray

from htrlib.bundle import Bundle

SLANTS = np.linspace(-0.4, 1.4, 19)  # columns to the right, per row up
JUDGED = 6  # lines of a page by which its slant is judged
WINDOW = 0.5, 0.85  # of the way between the frames of two letters, which come early: a cut is there
SURE = 0.3  # probability of a letter, at least, to be cut out
MIDDLE = HEIGHT // 2  # row that stays in place when ink is made upright


class Cuts(NamedTuple):
    """Where the symbols of a line are, when it is made upright.

    Attributes:
        slant: of its page, see `upright`.
        columns: where each symbol begins, and where the last one ends.
        sure: for each symbol, whether the recognizer found it.
    """

    slant: float
    columns: Sequence[int]
    sure: Sequence[int]


def upright(ink: NDArray[np.uint8], slant: float, first: int, end: int) -> NDArray[np.uint8]:
    """Return the columns [first, end) of (H, W) ink after making slanted writing upright."""
    shift = np.round(slant * (MIDDLE - np.arange(len(ink)))).astype(int)
    columns = np.arange(first, end) + shift[:, np.newaxis]
    inside = (columns >= 0) & (columns < ink.shape[1])
    taken = np.take_along_axis(ink, np.clip(columns, 0, ink.shape[1] - 1), axis=1)
    return np.where(inside, taken, 0).astype(np.uint8)


def slant_of(lines: Sequence[CutLine]) -> float:
    """The slant that puts the ink of lines into the fewest columns."""
    chosen = [line.masked() for line in lines[:: max(1, len(lines) // JUDGED)][:JUDGED]]

    def sharpness(slant: float) -> float:
        profiles = (upright(ink, slant, -40, ink.shape[1] + 40).sum(axis=0) for ink in chosen)
        return float(sum((profile.astype(np.float64) ** 2).sum() for profile in profiles))

    return float(max(SLANTS, key=sharpness))


def cuts_of(line: CutLine, alignment: Alignment, slant: float) -> Cuts:
    """Cut a line between its symbols."""
    width = line.ink.shape[1]
    peaks = [(peak + 0.5) * width / alignment.frames for peak in alignment.peaks]
    profile = upright(line.masked(), slant, 0, width).sum(axis=0, dtype=np.float64)
    columns = [0]
    for one, two in zip(peaks, peaks[1:]):
        first = min(width - 1, int(one + WINDOW[0] * (two - one)))
        end = max(first + 1, int(one + WINDOW[1] * (two - one)))
        columns.append(first + int(np.argmin(profile[first:end])))
    sure = [int(value > np.log(SURE)) for value in alignment.sureness]
    return Cuts(round(slant, 2), [*columns, width], sure)


def found_cuts(lines: Sequence[CutLine], bundle: Bundle) -> List[Optional[Cuts]]:
    """Return the cuts of each line; None where the recognizer does not find its text."""
    by_page: Dict[str, List[CutLine]] = defaultdict(list)
    for line in lines:
        by_page[line.page].append(line)
    slants = {page: slant_of(own) for page, own in by_page.items()}
    return [
        None if found is None else cuts_of(line, found, slants[line.page])
        for line, found in zip(lines, alignments(lines, bundle))
    ]


def main() -> None:
    for path, lines, bundle in train_lines(__doc__ or ""):
        cuts = found_cuts(lines, bundle)
        path.with_suffix(".letters.json").write_text(json.dumps(cuts), encoding="utf-8")
        print(f"{path.stem}: {sum(map(bool, cuts))} of {len(cuts)} lines", flush=True)


if __name__ == "__main__":
    main()

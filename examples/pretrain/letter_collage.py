"""Draw lines of real handwriting with any text, from runs of letters of one page.

Most of the real lines are French. A recognizer learns the language with the hands, and reads
English in such a hand worse than it has to. A letter collage writes English with the letters of
French pages. Runs of letters are as long as the page has them; where two of them meet, the second
moves up or down until its stroke meets the first one's.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from string import ascii_lowercase
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from find_letters import JUDGED, MIDDLE, Cuts, upright
from line_store import HEIGHT, CutLine, load
from numpy.typing import NDArray
from PIL import Image
from texts import in_capitals

Ink = NDArray[np.uint8]
LONGEST_RUN = 5  # letters
SHORTEST_RUN = 1.6  # letters, on average: words that need shorter ones are left out
CUT_SHORT = 0.3  # of the runs, so that few words are whole ones of the page
COMPARED = 12  # runs of the same letters of which the one is taken that fits best
ALIKE = 1.25  # ratio of a line's width of a letter to the usual one of its page, at most
SHIFT = 3  # rows that a run moves up or down, at most
AROUND = 4.0  # letters on either side of a run, by which the height of its line is judged
GAP = 0.5, 1.5  # between words, in widths of a letter
ENGLISH = 0.65  # of the lines
MOST_WORDS = 40  # of a text that are tried for a line
KEPT = 6  # lines drawn from a page before it is left
FEWEST = 120  # letters of a page that is drawn from
RARE = 10.0  # how much more often a page in capitals is drawn from
SLANT = 0.06  # standard deviation of the slant that is added
SMALL_CAPITALS = 0.5  # of the lines of hands that print: some letters are small capitals
CHOSEN = 0.2, 0.8  # of the letters of such a line of which the page has capitals
CAPITAL_SIZE = 0.5, 0.9  # of these capitals, as a share of their own
PRINTED = 0.35  # of the places between letters are paper, where a hand prints
PRINTING = 4.0  # how much more often a page of such a hand is drawn from
FAINT = 60  # ink at most that may be dirt


class Run(NamedTuple):
    """Letters [first, end) of a line, or one that is drawn as a small capital of some size."""

    line: int
    first: int
    end: int
    size: float = 1.0


class Page:
    """The letters of one page.

    Args:
        prints: whether its hand prints, see `printed`.
    """

    def __init__(
        self, lines: Sequence[CutLine], cuts: Sequence[Cuts], prints: bool = False
    ) -> None:
        self.slant = cuts[0].slant
        self.lines, self.cuts, self.prints = lines, cuts, prints
        widths = np.array([cut.columns[-1] / max(1, len(cut.sure)) for cut in cuts])
        self.letter = float(np.median(widths))
        self.widest = max(line.ink.shape[1] for line in lines)
        self.in_capitals = in_capitals("".join(line.text for line in lines))
        self._runs: Dict[str, List[Run]] = defaultdict(list)
        for number, (line, cut) in enumerate(zip(lines, cuts)):
            if self.letter / ALIKE < widths[number] < self.letter * ALIKE:
                self._add(number, line.text, cut.sure)

    def small_capitals(self, rng: np.random.Generator) -> Dict[str, float]:
        """Choose some of the letters of which there are capitals, and how large these become."""
        share, size = rng.uniform(*CHOSEN), rng.uniform(*CAPITAL_SIZE)
        had = [c for c in ascii_lowercase if c.upper() in self._runs]
        return {c: size for c in had if rng.random() < share}

    def _add(self, number: int, text: str, sure: Sequence[int]) -> None:
        for first in range(len(text)):
            for end in range(first + 1, min(len(text), first + LONGEST_RUN) + 1):
                if text[end - 1] == " " or not sure[end - 1]:
                    break
                self._runs[text[first:end]].append(Run(number, first, end))

    def covered(
        self, word: str, small: Mapping[str, float], rng: np.random.Generator
    ) -> Optional[List[Run]]:
        """Runs that give a word; None if the page lacks letters of it.

        Args:
            small: letters that are drawn as capitals -> the size of these.
        """
        runs: List[Run] = []
        at = 0
        while at < len(word):
            if word[at] in small:
                capitals = self._runs[word[at].upper()]
                run = capitals[int(rng.integers(len(capitals)))]
                runs.append(run._replace(size=small[word[at]]))
                at += 1
                continue
            end = next((i for i in range(at, len(word)) if word[i] in small), len(word))
            lengths = range(min(LONGEST_RUN, end - at), 0, -1)
            length = next((n for n in lengths if word[at : at + n] in self._runs), 0)
            if not length:
                return None
            if length > 2 and rng.random() < CUT_SHORT:
                length -= 1
            runs.append(self._best(word, at, at + length, rng))
            at += length
        few = small or len(word) >= SHORTEST_RUN * len(runs) or len(word) < 3
        return runs if few else None

    def _best(self, word: str, first: int, end: int, rng: np.random.Generator) -> Run:
        """Of some runs of these letters, the one with the same neighbors, if there is one."""
        known = self._runs[word[first:end]]
        chosen = [known[i] for i in rng.integers(len(known), size=min(COMPARED, 2 * len(known)))]
        around = f" {word} "

        def likeness(run: Run) -> int:
            text = f" {self.lines[run.line].text} "
            same = (text[run.first] == around[first]) + (text[run.end + 1] == around[end + 1])
            ends = (text[run.first] == " ") == (first == 0)
            return same + 2 * ends + 2 * ((text[run.end + 1] == " ") == (end == len(word)))

        return max(chosen, key=likeness)

    def ink(self, run: Run) -> Ink:
        """The upright ink of a run, moved to the middle row."""
        cut, line = self.cuts[run.line], self.lines[run.line]
        first, end = cut.columns[run.first], cut.columns[run.end]
        ink = upright(line.ink, self.slant, first, max(first + 1, end))
        around = round(AROUND * self.letter)
        middle = max(0, (first + end) // 2)
        near = line.ink[:, max(0, middle - around) : middle + around]
        weights = np.where(near & 1, near, 0).sum(axis=1, dtype=np.float64)
        if weights.any():
            center = float(weights @ np.arange(HEIGHT) / weights.sum())
            ink = moved(ink, round(MIDDLE - center))
        return ink if run.size == 1.0 else shrunk(ink, run.size)


class LetterCollage:
    """Draws lines in the hands of pages, with words of two languages."""

    def __init__(
        self,
        pages: Sequence[Tuple[Sequence[CutLine], Sequence[Cuts], bool]],
        odds: Sequence[float],
        english: Sequence[str],
        french: Sequence[str],
    ) -> None:
        self._pages, self._english, self._french = pages, english, french
        self._odds = np.asarray(odds, float) / np.sum(odds)
        self._page: Optional[Page] = None
        self._left = 0

    def __call__(self, rng: np.random.Generator) -> Tuple[Ink, str]:
        """Return (HEIGHT, W) ink, of which the lowest bit is set inside outlines, and its text."""
        while True:
            if self._page is None or self._left <= 0:
                chosen = int(rng.choice(len(self._pages), p=self._odds))
                self._page, self._left = Page(*self._pages[chosen]), KEPT
            self._left -= 1
            words = self._english if rng.random() < ENGLISH else self._french
            ink, text = self._line(self._page, words, rng)
            if text:
                return ink, text

    def _line(self, page: Page, words: Sequence[str], rng: np.random.Generator) -> Tuple[Ink, str]:
        wanted = page.widest * rng.uniform(0.3, 1.0)
        start = int(rng.integers(len(words)))
        parts: List[Ink] = []
        text: List[str] = []
        width = 0
        printed_so = page.prints and rng.random() < SMALL_CAPITALS
        small = page.small_capitals(rng) if printed_so else {}
        for word in words[start : start + MOST_WORDS]:
            if width >= wanted:
                break
            word = word.upper() if page.in_capitals else word
            runs = page.covered(word, small, rng)
            if runs is None:
                continue
            if text:
                gap = np.zeros((HEIGHT, round(page.letter * rng.uniform(*GAP))), np.uint8)
                parts.append(gap)
            parts += joined([page.ink(run) for run in runs], rng)
            text.append(word)
            width = sum(part.shape[1] for part in parts)
        if not text:
            return np.zeros((HEIGHT, 1), np.uint8), ""
        slant = page.slant + float(rng.normal(0, SLANT))
        reach = round(abs(slant) * HEIGHT / 2)
        ink = np.concatenate(parts, axis=1)
        return upright(ink, -slant, -reach, ink.shape[1] + reach), " ".join(text)


def moved(ink: Ink, rows: int) -> Ink:
    """Ink moved down; what comes in is paper."""
    out = np.zeros_like(ink)
    if rows >= 0:
        out[rows:] = ink[: HEIGHT - rows]
    else:
        out[:rows] = ink[-rows:]
    return out


def shrunk(ink: Ink, size: float) -> Ink:
    """Ink at a share of its size, on the same baseline, which is where the ink ends."""
    rows = np.flatnonzero(((ink > FAINT) & (ink & 1 > 0)).any(axis=1))
    bottom = int(rows[-1]) + 1 if len(rows) else HEIGHT
    height, width = round(bottom * size), max(1, round(ink.shape[1] * size))
    small = Image.fromarray(ink[:bottom]).resize((width, height), Image.Resampling.BILINEAR)
    out = np.zeros((HEIGHT, width), np.uint8)
    out[bottom - height : bottom] = np.asarray(small)
    return out | np.uint8(1)


def printed(lines: Sequence[CutLine], cuts: Sequence[Cuts]) -> float:
    """The share of places between two letters of a word that are paper, in some lines of a page."""
    paper: List[bool] = []
    for line, cut in list(zip(lines, cuts))[:: max(1, len(lines) // JUDGED)]:
        width = line.ink.shape[1]
        inked = (upright(line.masked(), cut.slant, 0, width) > FAINT).any(axis=0)
        for at, (one, two) in enumerate(zip(line.text, line.text[1:]), 1):
            if " " not in (one, two):
                paper.append(not inked[min(cut.columns[at], width - 1)])
    return float(np.mean(paper)) if paper else 0.0


def rarity(lines: Sequence[CutLine], prints: bool) -> float:
    """How much more often a page is drawn from than others, since there are few of its kind."""
    if in_capitals("".join(line.text for line in lines)):
        return RARE
    return PRINTING if prints else 1.0


def joined(inks: Sequence[Ink], rng: np.random.Generator) -> List[Ink]:
    """Move each of a word's runs up or down, so that its stroke meets that of the one before it."""
    placed = [np.roll(inks[0], int(rng.integers(-1, 2)), axis=0)]
    for ink in inks[1:]:
        edge = placed[-1][:, -2:].max(axis=1).astype(np.float32)
        start = ink[:, :2].max(axis=1).astype(np.float32)
        shifts = sorted(range(-SHIFT, SHIFT + 1), key=abs)
        best = max(shifts, key=lambda shift: float(np.minimum(edge, np.roll(start, shift)).sum()))
        placed.append(np.roll(ink, best, axis=0))
    return placed


def letter_collage(
    folder: Path, weights: Mapping[str, float], english: Sequence[str], french: Sequence[str]
) -> LetterCollage:
    """Return the collage of the collections whose letters `find_letters` has found.

    Args:
        weights: collection -> how often a page of it is drawn from.
    Raises:
        ValueError: there is no page.
    """
    pages: List[Tuple[List[CutLine], List[Cuts], bool]] = []
    odds: List[float] = []
    for name, weight in weights.items():
        places = folder / f"{name}_train.letters.json"
        if not weight or not places.exists():
            continue
        by_page: Dict[str, List[Tuple[CutLine, Cuts]]] = defaultdict(list)
        rows = json.loads(places.read_text(encoding="utf-8"))
        for line, row in zip(load(folder / f"{name}_train"), rows):
            if row is not None:
                by_page[line.page].append((line, Cuts(*row)))
        for found in by_page.values():
            if sum(sum(cuts.sure) for _, cuts in found) >= FEWEST:
                lines, cuts = [line for line, _ in found], [cut for _, cut in found]
                prints = printed(lines, cuts) > PRINTED
                pages.append((lines, cuts, prints))
                odds.append(weight * rarity(lines, prints))
    if not pages:
        raise ValueError(f"no page of letters in {folder}: run find_letters.py first")
    return LetterCollage(pages, odds, english, french)

"""Label lines that a page's transcript holds but its labels lack, by what a recognizer reads.

    python realign.py --pages inkbench/pages.json --unlabeled runs/unlabeled --bundle english \
        --out runs/lines/inkbench-realigned_train

A line (see `cut_unlabeled.py`) is labeled with the words of its page's transcript that its reading
is nearest to, if they are near enough, nearer than any others, and no other line wants them more.
The lines of a transcript that are left then go to the lines of the page that are left, by the order
of both: so hard lines, which are read too badly to be found by their words alone, get labels too.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Sequence, Set, Tuple

import numpy as np
from line_alignment import recognized
from line_store import CutLine, load, save
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein
from texts import CHARACTERS, folded
from tqdm import tqdm

from htrlib.bundle import Bundle, load_bundle
from htrlib.stages.decoding import decode_lines

NEAR = 0.3  # edits per character between a reading and its words, at most
CLEAR = 0.12  # and any other words are further away by so much, at least
SHORTEST = 6  # characters of a reading
NEAR_IN_ORDER = 0.5  # edits per character at most, where the order also speaks for a line
UNMATCHED = 0.5  # cost of a line of the page or of the transcript that has no partner
KNOWN = 80  # percent of a line's characters that a label holds, from which on it is labeled
UNSURE = frozenset("[]<>*")  # marks of volunteers who could not read a word


class Match(NamedTuple):
    """Words `start` to `end` of a transcript.

    Attributes:
        distance: from the reading, in edits per character.
    """

    distance: float
    start: int
    end: int


NOWHERE = Match(9.0, 0, 0)


def matches(reading: str, words: Sequence[str]) -> List[Match]:
    """For each word of a transcript, the nearest phrase that starts there."""
    return [
        min(_phrases_from(start, reading, words), default=NOWHERE) for start in range(len(words))
    ]


def _phrases_from(start: int, reading: str, words: Sequence[str]) -> Iterator[Match]:
    text = ""
    for end in range(start + 1, len(words) + 1):
        text = f"{text} {words[end - 1]}".strip()
        if len(text) > 1.35 * len(reading) + 2:
            return
        if len(text) >= 0.7 * len(reading) - 2:
            edits = Levenshtein.distance(reading, text)
            yield Match(edits / max(len(reading), len(text)), start, end)


def aligned(readings: Sequence[str], words: Sequence[str]) -> Dict[int, Match]:
    """Index of a reading -> the words that are surely its own; no word goes to two."""
    sure: List[Tuple[Match, int]] = []
    for index, reading in enumerate(readings):
        found = sorted(matches(reading, words)) if len(reading) >= SHORTEST else []
        if not found or found[0].distance > NEAR:
            continue
        best = found[0]
        apart = (m for m in found if m.end <= best.start or m.start >= best.end)
        if next(apart, NOWHERE).distance - best.distance >= CLEAR:
            sure.append((best, index))
    taken: Set[int] = set()
    chosen: Dict[int, Match] = {}
    for match, index in sorted(sure):
        span = set(range(match.start, match.end))
        if not span & taken:
            taken |= span
            chosen[index] = match
    return chosen


def in_order(readings: Sequence[str], lines: Sequence[str]) -> Dict[int, str]:
    """Index of a reading -> the line of a transcript that it stands for, by the order of both."""
    rows, columns = len(readings), len(lines)
    distances = np.array(
        [[Levenshtein.normalized_distance(reading, line) for line in lines] for reading in readings]
    )
    cost = UNMATCHED * np.add.outer(np.arange(rows + 1), np.arange(columns + 1))
    for i, j in np.ndindex(rows, columns):
        pair = cost[i, j] + distances[i, j]
        cost[i + 1, j + 1] = min(pair, cost[i, j + 1] + UNMATCHED, cost[i + 1, j] + UNMATCHED)
    found: Dict[int, str] = {}
    while rows and columns:
        if cost[rows, columns] == cost[rows - 1, columns] + UNMATCHED:
            rows -= 1
        elif cost[rows, columns] == cost[rows, columns - 1] + UNMATCHED:
            columns -= 1
        else:
            rows, columns = rows - 1, columns - 1
            if distances[rows, columns] <= NEAR_IN_ORDER:
                found[rows] = lines[columns]
    return found


def labels_of(transcript: str, known: Sequence[str], readings: Sequence[str]) -> Dict[int, str]:
    """Index of a reading of a page -> its text, for those that are found in the transcript.

    Args:
        known: the texts of the page's labeled lines.
        readings: of its unlabeled lines, from top to bottom.
    """
    words = folded(transcript).split()
    matched = aligned(readings, words)
    labels = {index: " ".join(words[m.start : m.end]) for index, m in matched.items()}
    texts = [*known, *labels.values()]
    open_lines = [
        line
        for line in map(folded, transcript.splitlines())
        if len(line) >= SHORTEST and all(fuzz.partial_ratio(line, text) < KNOWN for text in texts)
    ]
    rest = [index for index in range(len(readings)) if index not in labels]
    for at, line in in_order([readings[index] for index in rest], open_lines).items():
        labels[rest[at]] = line
    return labels


def by_page(lines: Sequence[CutLine]) -> Dict[str, List[int]]:
    """Page -> the indices of its lines."""
    indices: Dict[str, List[int]] = {}
    for index, line in enumerate(lines):
        indices.setdefault(line.page, []).append(index)
    return indices


def relabeled(
    pages: Mapping[str, Any], lines: Sequence[CutLine], readings: Sequence[str]
) -> Iterator[CutLine]:
    """The lines that the transcripts of their pages explain, with the transcripts' words.

    Args:
        pages: name -> page, as in a `pages.json`.
    """
    of_page = by_page(lines)
    for name, page in pages.items():
        indices = of_page.get(name, [])
        known = [line["text"] for line in page["lines"]]
        found = labels_of(page["transcript"], known, [readings[index] for index in indices])
        for at, text in found.items():
            if all(c in CHARACTERS and c not in UNSURE for c in text):
                yield lines[indices[at]]._replace(text=text)


def read(lines: Sequence[CutLine], bundle: Bundle) -> List[str]:
    """What a bundle reads on lines, each page with the language model that fits it."""
    said = list(recognized(tqdm(lines), bundle))
    texts = [""] * len(lines)
    for chosen in by_page(lines).values():
        found = decode_lines([said[index] for index in chosen], bundle=bundle)
        for index, transcription in zip(chosen, found):
            texts[index] = transcription.text
    return texts


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pages", type=Path, required=True, help="a pages.json with transcripts")
    parser.add_argument("--unlabeled", type=Path, required=True)
    parser.add_argument("--bundle", default="english", help="which reads the lines")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments or None)
    pages = json.loads(args.pages.read_text(encoding="utf-8"))
    taught = {name: page for name, page in pages.items() if page["split"] == "train"}
    lines = load(args.unlabeled)
    count = save(args.out, relabeled(taught, lines, read(lines, load_bundle(args.bundle))))
    print(f"{count} of {len(lines)} lines labeled")


if __name__ == "__main__":
    main()

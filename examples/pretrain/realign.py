"""Label lines that a page's transcript holds but its labels lack, by what a recognizer reads.

    python realign.py --pages inkbench/pages.json --unlabeled runs/unlabeled \
        --checkpoint runs/twin/last.pt --out runs/lines/inkbench-realigned_train

A line (see `cut_unlabeled.py`) is labeled with the words of its page's transcript that its reading
is nearest to, if they are near enough, nearer than any others, and no other line wants them more.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, NamedTuple, Sequence, Set, Tuple

from line_store import CutLine, load, save
from rapidfuzz.distance import Levenshtein
from texts import CHARACTERS, folded

NEAR = 0.3  # edits per character between a reading and its words, at most
CLEAR = 0.12  # and any other words are further away by so much, at least
SHORTEST = 6  # characters of a reading


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


def relabeled(
    transcripts: Mapping[str, str], lines: Sequence[CutLine], readings: Sequence[str]
) -> Iterator[CutLine]:
    """The lines that the transcripts of their pages explain, with the transcripts' words.

    Args:
        transcripts: page -> its whole text.
    """
    for page, transcript in transcripts.items():
        indices = [index for index, line in enumerate(lines) if line.page == page]
        words = folded(transcript).split()
        for at, match in aligned([readings[index] for index in indices], words).items():
            text = " ".join(words[match.start : match.end])
            if all(character in CHARACTERS for character in text):
                yield lines[indices[at]]._replace(text=text)


def main(arguments: Sequence[str] = ()) -> None:
    from twin_training import checkpointed, read

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pages", type=Path, required=True, help="a pages.json with transcripts")
    parser.add_argument("--unlabeled", type=Path, required=True)
    parser.add_argument("--checkpoint", type=Path, required=True, help="of train_twin.py")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments or None)
    pages = json.loads(args.pages.read_text(encoding="utf-8"))
    transcripts = {n: page["transcript"] for n, page in pages.items() if page["split"] == "train"}
    lines = load(args.unlabeled)
    model, charset = checkpointed(args.checkpoint)
    readings = read(model, lines, charset)
    count = save(args.out, relabeled(transcripts, lines, readings))
    print(f"{count} of {len(lines)} lines labeled")


if __name__ == "__main__":
    main()

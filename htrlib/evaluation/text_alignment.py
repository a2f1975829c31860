"""Align references and hypotheses: their differences, and a page's text by lines."""

from __future__ import annotations

from itertools import accumulate, groupby
from typing import List, Sequence, Tuple

from rapidfuzz.distance import Levenshtein

Piece = Tuple[str, bool]
"""Part of a text, and whether it differs from the other text there."""


def parts_by_line(references: Sequence[str], hypothesis: str) -> Tuple[str, ...]:
    """Divide a page's text into the lines of its reference.

    The whole texts are aligned with the fewest edits, and the hypothesis is split where the
    reference's lines end, regardless of the lines that were found.

    Args:
        references: lines of the reference, normalized and not empty.
        hypothesis: text of the page, normalized.
    Returns:
        The part for each line, stripped of white space.

    >>> parts_by_line(["a fine day", "in May"], "a finer day n May")
    ('a finer day', 'n May')
    """
    whole = " ".join(references)
    starts = list(accumulate(len(reference) + 1 for reference in references[:-1]))
    cuts = [0]
    operations = iter(Levenshtein.opcodes(whole, hypothesis))
    operation = next(operations, None)
    for start in starts:
        while operation is not None and operation.src_end <= start:
            operation = next(operations, None)
        if operation is None:
            cuts.append(len(hypothesis))
        else:
            inside = start - operation.src_start
            cuts.append(min(operation.dest_start + inside, operation.dest_end))
    cuts.append(len(hypothesis))
    return tuple(hypothesis[a:b].strip() for a, b in zip(cuts, cuts[1:]))


def differences(reference: str, hypothesis: str) -> Tuple[Tuple[Piece, ...], Tuple[Piece, ...]]:
    """Divide both texts into equal and different pieces, by an alignment with the fewest edits.

    >>> differences("day", "dry")
    ((('d', False), ('a', True), ('y', False)), (('d', False), ('r', True), ('y', False)))
    """
    ours: List[Piece] = []
    theirs: List[Piece] = []
    for operation in Levenshtein.opcodes(reference, hypothesis):
        differs = operation.tag != "equal"
        ours.append((reference[operation.src_start : operation.src_end], differs))
        theirs.append((hypothesis[operation.dest_start : operation.dest_end], differs))
    return _joined(ours), _joined(theirs)


def _joined(pieces: Sequence[Piece]) -> Tuple[Piece, ...]:
    """Remove empty pieces, and join adjacent pieces of the same kind."""
    present = (piece for piece in pieces if piece[0])
    groups = groupby(present, key=lambda piece: piece[1])
    return tuple(("".join(text for text, _ in group), differs) for differs, group in groups)

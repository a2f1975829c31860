"""Layouts of forms, tables and cards, and the frequency of each layout."""

from __future__ import annotations

import math
from typing import Callable, Dict, Tuple

import numpy as np
from document_sheet import Face, Sheet
from ruled_papers import PAPERS, rule_paper
from running_text_layouts import (
    book,
    columns,
    hand_letter,
    margins,
    text_size,
    title_page,
    typed_letter,
)

from htrlib.document.geometry import Box


def filled_form(s: Sheet) -> None:
    rng = s.rng
    left, right = margins(s, 0.03, 0.1)
    size = text_size(s)
    size = min(size, int(0.03 * s.width) + 6)
    face = s.face
    by_hand = rng.random() < 0.7
    typed = s.pick(s.stock.type_faces)
    hand = s.hand_font()
    base = rng.uniform(0.03, 0.08) * s.height + size
    for _ in range(int(rng.integers(1, 4))):
        big = int(size * rng.uniform(1, 2.4))
        text = s.phrase(1, 5)
        while big > 9 and face.sized(big).getlength(text.upper()) > 0.9 * (right - left):
            big = int(0.9 * big)
        s.text(
            text.upper() if rng.random() < 0.6 else text,
            face,
            big,
            (left + right) / 2,
            base,
            anchor="m",
        )
        base += 1.6 * big
    if rng.random() < 0.5:
        s.rule(left, base, right, base)
    base += 1.5 * size
    foot = 0.96 * s.height
    while base < foot:
        kind = rng.random()
        if kind < 0.55:
            pitch = size * rng.uniform(1.8, 3.2)
            for _ in range(int(rng.integers(1, 6))):
                base += pitch
                if base > foot:
                    break
                cells = int(rng.integers(1, 4))
                for k in range(cells):
                    x0 = left + k * (right - left) / cells
                    x1 = left + (k + 1) * (right - left) / cells - size
                    end = s.text(s.phrase(1, 3) + rng.choice([":", "", "."]), face, size, x0, base)
                    end += 0.4 * size
                    if end < x1 - 2 * size:
                        if rng.random() < 0.8:
                            s.rule(
                                end, base + 2, x1, base + 2, 1, 0.8, dash=rng.choice([0, 0, 2.0])
                            )
                        if rng.random() < 0.75:
                            _entry(
                                s,
                                by_hand,
                                hand,
                                typed,
                                size,
                                end + rng.uniform(0, 0.15) * (x1 - end),
                                base - rng.uniform(0, 0.25) * size,
                                0.75 * (x1 - end),
                            )
        elif kind < 0.75:
            base = s.paragraph(
                face,
                size,
                (left, base + 1.4 * size, right),
                int(rng.integers(1, 6)),
                leading=1.25,
                bottom=foot,
            )
        else:
            base = _table(
                s,
                left,
                base + size,
                right,
                min(foot, base + rng.uniform(5, 22) * size),
                size,
                face,
                by_hand,
                hand,
                typed,
            )
        base += rng.uniform(0.5, 1.5) * size
    if rng.random() < 0.3:
        s.frame(
            Box(left - size, 0.015 * s.height, right + size, 0.985 * s.height), rng.uniform(1, 3)
        )


def _entry(
    s: Sheet, by_hand: bool, hand, typed: Face, size: int, left: float, base: float, room: float
) -> None:
    rng = s.rng
    if room < 2 * size:
        return
    if by_hand:
        s.hand_line(2, left, base, rng.uniform(1.2, 2.2) * size, room * rng.uniform(0.3, 1.0), hand)
        return
    words, used = [], 0.0
    for word in s.words(6):
        used += (len(word) + 1) * typed.sized(size).getlength("n")
        if used > room:
            break
        words.append(word)
    s.text(" ".join(words), typed, size, left, base)


def _table(
    s: Sheet,
    left: float,
    top: float,
    right: float,
    bottom: float,
    size: int,
    face: Face,
    by_hand: bool,
    hand,
    typed: Face,
) -> float:
    rng = s.rng
    count = int(rng.integers(2, 8))
    edges = np.concatenate(([0.0], np.sort(rng.uniform(0.08, 1.0, count - 1)), [1.0]))
    edges = left + (right - left) * edges
    pitch = size * rng.uniform(1.3, 2.8)
    rows = int((bottom - top) / pitch)
    lined, walled = rng.random() < 0.6, rng.random() < 0.75
    filled = rng.random()
    for row in range(rows + 1):
        y = top + row * pitch
        if lined or row in (0, 1, rows):
            s.rule(left, y, right, y, 1, rng.uniform(0.7, 1))
        if row == rows:
            break
        base = y + 0.72 * pitch
        for x0, x1 in zip(edges, edges[1:]):
            room = x1 - x0 - 0.8 * size
            if room < 1.5 * size or rng.random() > (0.9 if row == 0 else 0.2 + 0.8 * filled):
                continue
            if row == 0 or rng.random() < 0.15:
                text = s.phrase(1, 2)
                if rng.random() < 0.3:
                    text = str(rng.integers(1, 10000))
                font = face.sized(size)
                while text and font.getlength(text) > room:
                    text = text[:-1]
                s.text(text, face, size, x0 + 0.4 * size, base)
            else:
                _entry(s, by_hand, hand, typed, size, x0 + 0.4 * size, base, room)
    if walled:
        for x in edges:
            s.rule(x, top, x, top + rows * pitch, 1, rng.uniform(0.7, 1))
    return top + rows * pitch


def card(s: Sheet) -> None:
    """Lay out an index card or a small note with a few lines of any kind."""
    rng = s.rng
    left, right = margins(s, 0.03, 0.12)
    size = max(11, int(math.exp(rng.uniform(math.log(14), math.log(52)))))
    pitch = size * rng.uniform(1.2, 2.2)
    base = rng.uniform(0.08, 0.25) * s.height + size
    kind = int(rng.integers(3))
    hand, typed = s.hand_font(), s.pick(s.stock.type_faces)
    if rng.random() < 0.4:
        rule_paper(s, str(rng.choice(PAPERS)), pitch, base)
    while base < 0.95 * s.height:
        which = kind if rng.random() < 0.85 else int(rng.integers(3))
        room = (right - left) * rng.uniform(0.1, 1.0)
        x = left + (rng.random() < 0.3) * rng.uniform(0, 1) * (right - left - room)
        if which == 0:
            s.hand_line(2, x, base, 1.5 * size, room, hand)
        else:
            face = typed if which == 1 else s.face
            text = ""
            for word in s.words(12):
                if text and face.sized(size).getlength(text + " " + word) > room:
                    break
                text = f"{text} {word}".strip()
            s.text(text, face, size, x, base)
        base += pitch * rng.choice([1, 1, 1, 2])


def ledger(s: Sheet) -> None:
    """Lay out a table over the whole page."""
    rng = s.rng
    left, right = margins(s, 0.02, 0.08)
    size = max(10, int(math.exp(rng.uniform(math.log(10), math.log(24)))))
    top = rng.uniform(0.02, 0.12) * s.height
    if rng.random() < 0.6:
        s.text(s.phrase(1, 5), s.face, int(1.4 * size), s.width / 2, top + 1.4 * size, anchor="m")
        top += 3 * size
    _table(
        s,
        left,
        top,
        right,
        0.97 * s.height,
        size,
        s.face,
        rng.random() < 0.65,
        s.hand_font(),
        s.pick(s.stock.type_faces),
    )


def two_hands(s: Sheet) -> None:
    """Lay out handwriting in two columns, or in blocks next to and below each other."""
    rng = s.rng
    left, right = margins(s, 0.02, 0.1)
    height = min(math.exp(rng.uniform(math.log(16), math.log(50))), 0.06 * s.width)
    font = s.hand_font()
    top = rng.uniform(0.03, 0.12) * s.height
    gap = rng.uniform(0.02, 0.08) * s.width
    split = left + (right - left) * rng.uniform(0.35, 0.65)
    for x0, x1 in ((left, split - gap / 2), (split + gap / 2, right)):
        y0 = top + rng.uniform(0, 0.1) * s.height * (rng.random() < 0.4)
        y1 = y0 + (0.95 * s.height - y0) * rng.uniform(0.3, 1.0)
        s.hand_block(Box(x0, y0, x1, y1), height, font=font, touching=rng.uniform(0, 0.5))
    if rng.random() < 0.3:
        s.rule(split, top, split, 0.95 * s.height)


def empty(s: Sheet) -> None:
    """Lay out a page without text: ruled paper, drawings, blots."""
    if s.rng.random() < 0.6:
        pitch = s.rng.uniform(18, 60)
        rule_paper(s, str(s.rng.choice(PAPERS)), pitch, pitch)
    if s.rng.random() < 0.6:
        s.drawing(Box(0.1 * s.width, 0.1 * s.height, 0.9 * s.width, 0.9 * s.height))


LAYOUTS: Dict[str, Tuple[float, Callable[[Sheet], None]]] = {
    "book": (0.17, book),
    "columns": (0.16, columns),
    "title": (0.05, title_page),
    "hand letter": (0.2, hand_letter),
    "typed letter": (0.13, typed_letter),
    "form": (0.1, filled_form),
    "card": (0.05, card),
    "ledger": (0.05, ledger),
    "two hands": (0.06, two_hands),
    "empty": (0.03, empty),
}

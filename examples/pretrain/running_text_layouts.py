"""Layouts of running text: books, columns, title pages, letters."""

from __future__ import annotations

import math
from typing import Tuple

from document_sheet import Face, Sheet
from ruled_papers import PAPERS, rule_paper

from htrlib.document.geometry import Box


def margins(s: Sheet, low: float = 0.03, high: float = 0.14) -> Tuple[float, float]:
    return s.rng.uniform(low, high) * s.width, s.width * (1 - s.rng.uniform(low, high))


def _body_face(s: Sheet) -> Face:
    return s.pick(s.stock.type_faces) if s.rng.random() < 0.12 else s.pick(s.stock.print_faces)


def book(s: Sheet, left: float = 0.0, right: float = 0.0) -> None:
    rng = s.rng
    if not right:
        left, right = margins(s, 0.05, 0.16)
    size = text_size(s)
    leading = rng.uniform(1.05, 1.5)
    face = s.pick(s.stock.print_faces)
    base = rng.uniform(0.04, 0.1) * s.height + size
    middle = (left + right) / 2
    if rng.random() < 0.7:
        s.text(
            str(rng.integers(1, 900)),
            face,
            size,
            left if rng.random() < 0.5 else right - 2 * size,
            base,
        )
        if rng.random() < 0.75:
            title = s.phrase(2, 5)
            s.text(
                title.upper() if rng.random() < 0.6 else title,
                face,
                max(8, int(size * rng.uniform(0.75, 1.0))),
                middle,
                base,
                anchor="m",
            )
        if rng.random() < 0.3:
            s.rule(left, base + 0.4 * size, right, base + 0.4 * size)
        base += size * rng.uniform(1.6, 3)
    bottom = s.height * (1 - rng.uniform(0.03, 0.12))
    if rng.random() < 0.35:
        base += size * rng.uniform(1, 5)
        for _ in range(int(rng.integers(1, 4))):
            big = int(size * rng.uniform(0.9, 2.4))
            title = s.phrase(1, 4)
            s.text(
                title.upper() if rng.random() < 0.5 else title.title(),
                s.pick(s.stock.print_faces) if rng.random() < 0.3 else face,
                big,
                middle,
                base,
                anchor="m",
                tracking=rng.uniform(0, 0.2) * big * (rng.random() < 0.3),
            )
            base += big * rng.uniform(1.3, 2)
        base += size
    notes = bottom
    if rng.random() < 0.2:
        notes = bottom - rng.integers(2, 7) * size
    verse = rng.random() < 0.15
    while base < notes - size:
        if verse:
            n = int(rng.integers(2, 9))
            shift = rng.uniform(0.05, 0.2) * (right - left)
            for _ in range(n):
                if base > notes - size:
                    break
                s.text(
                    s.phrase(4, 8),
                    face,
                    size,
                    left + shift + (rng.random() < 0.4) * 1.5 * size,
                    base,
                )
                base += leading * size
            base += size
            continue
        base = s.paragraph(
            face,
            size,
            (left, base, right),
            int(rng.integers(1, 14)),
            leading=leading,
            indent=1.5 * size * (rng.random() < 0.8),
            bottom=notes,
        )
        if rng.random() < 0.12:
            base += size * rng.uniform(0.5, 2)
        if rng.random() < 0.07 and base < notes - 3 * size:
            base += size * 0.5
            s.text(
                s.phrase(2, 6).title(),
                face,
                int(size * rng.uniform(0.9, 1.3)),
                middle,
                base,
                anchor="m",
            )
            base += 2 * size
        if rng.random() < 0.04 and base < notes - 10 * size:
            area = Box(left, base, right, min(notes - size, base + rng.uniform(5, 14) * size))
            s.drawing(area)
            base = area.bottom + 2 * size
    if notes < bottom:
        if rng.random() < 0.6:
            s.rule(left, notes, left + 0.3 * (right - left), notes)
        small = max(8, int(0.8 * size))
        s.paragraph(face, small, (left, notes + 1.4 * small, right), 6, leading=1.2, bottom=bottom)
    if rng.random() < 0.25:
        s.text(str(rng.integers(1, 900)), face, size, middle, bottom + 1.6 * size, anchor="m")


def text_size(s: Sheet) -> int:
    """The size of type such that lines are 9 to 40 pixels high."""
    return max(9, int(math.exp(s.rng.uniform(math.log(10), math.log(34)))))


def columns(s: Sheet) -> None:
    rng = s.rng
    left, right = margins(s, 0.02, 0.09)
    size = max(9, int(math.exp(rng.uniform(math.log(9), math.log(24)))))
    most = max(2, min(6, int((right - left) / (11 * size))))
    count = int(rng.integers(2, most + 1))
    gap = rng.uniform(0.8, 3.0) * size
    face = _body_face(s)
    leading = rng.uniform(1.02, 1.4)
    base = rng.uniform(0.03, 0.08) * s.height + size
    middle = (left + right) / 2
    if rng.random() < 0.6:
        big = int(size * rng.uniform(1.3, 4))
        title = s.phrase(1, 4)
        base += big
        s.text(
            title.upper() if rng.random() < 0.5 else title,
            s.pick(s.stock.print_faces),
            big,
            middle,
            base,
            anchor="m",
        )
        base += big * 0.5
        if rng.random() < 0.5:
            s.rule(left, base, right, base, rng.uniform(1, 3))
        base += 1.5 * size
    elif rng.random() < 0.6:
        s.text(s.phrase(1, 3), face, size, middle, base, anchor="m")
        s.text(str(rng.integers(1, 900)), face, size, right, base, anchor="r")
        base += 2 * size
    bottom = s.height * (1 - rng.uniform(0.02, 0.1))
    wide = (right - left - gap * (count - 1)) / count
    ruled = rng.random() < 0.5
    justified = rng.random() < 0.8 and face.kind == "printed"
    style = rng.random()
    for number in range(count):
        x0 = left + number * (wide + gap)
        y = base
        foot = bottom if rng.random() < 0.8 else base + (bottom - base) * rng.uniform(0.4, 1)
        if ruled and number:
            s.rule(x0 - gap / 2, base - size, x0 - gap / 2, bottom)
        while y < foot:
            if style < 0.12:  # a dictionary or a list
                y = s.paragraph(
                    face,
                    size,
                    (x0, y, x0 + wide),
                    int(rng.integers(1, 5)),
                    leading=leading,
                    hanging=1.2 * size,
                    bottom=foot,
                    justified=justified,
                )
            else:
                y = s.paragraph(
                    face,
                    size,
                    (x0, y, x0 + wide),
                    int(rng.integers(2, 16)),
                    leading=leading,
                    indent=size * (rng.random() < 0.8),
                    bottom=foot,
                    justified=justified,
                )
            if rng.random() < 0.15 and y < foot - 4 * size:
                big = int(size * rng.uniform(0.9, 1.8))
                y += 0.7 * big
                title = s.phrase(1, 3).upper()
                while big > 8 and s.face.sized(big).getlength(title) > wide:
                    big -= 1
                s.text(title, s.face, big, x0 + wide / 2, y, anchor="m")
                if rng.random() < 0.3:
                    s.rule(x0 + 0.3 * wide, y + 0.5 * size, x0 + 0.7 * wide, y + 0.5 * size)
                y += 1.7 * size
            if rng.random() < 0.06 and y < foot - 8 * size:
                s.drawing(Box(x0, y, x0 + wide, y + 5 * size))
                y += 6.5 * size


def title_page(s: Sheet) -> None:
    rng = s.rng
    base = rng.uniform(0.05, 0.15) * s.height
    middle = s.width / 2 + rng.normal(0, 0.02) * s.width
    while base < 0.93 * s.height:
        size = int(math.exp(rng.uniform(math.log(10), math.log(90))))
        face = s.pick(s.stock.print_faces)
        title = s.phrase(1, 6)
        if rng.random() < 0.6:
            title = title.upper()
        while size > 9 and face.sized(size).getlength(title) > 0.85 * s.width:
            size = int(size * 0.9)
        base += size * rng.uniform(1.1, 2.5)
        if base > 0.95 * s.height:
            break
        s.text(
            title,
            face,
            size,
            middle,
            base,
            anchor="m",
            tracking=0.1 * size * (rng.random() < 0.2 and len(title) < 18),
        )
        if rng.random() < 0.2:
            base += rng.uniform(0.5, 1.5) * size
            s.rule(middle - 0.1 * s.width, base, middle + 0.1 * s.width, base, rng.uniform(1, 3))
        if rng.random() < 0.12 and base < 0.88 * s.height:
            area = Box(
                0.3 * s.width,
                base + 5,
                0.7 * s.width,
                min(0.95 * s.height, base + rng.uniform(0.05, 0.2) * s.height),
            )
            s.drawing(area)
            base = area.bottom
        if rng.random() < 0.3:
            base += rng.uniform(0, 0.12) * s.height


def letterhead(s: Sheet, left: float, right: float) -> float:
    """Printed head of a letter; returns the row below it."""
    rng = s.rng
    base = rng.uniform(0.02, 0.06) * s.height
    middle = rng.choice(
        [(left + right) / 2, left + 0.25 * (right - left), right - 0.25 * (right - left)]
    )
    for number in range(int(rng.integers(1, 6))):
        size = int(rng.uniform(0.011, 0.045 if number < 2 else 0.02) * s.width) + 7
        face = s.pick(s.stock.print_faces)
        text = s.phrase(1, 6)
        if rng.random() < 0.6:
            text = text.upper()
        while size > 9 and face.sized(size).getlength(text) > 0.9 * (right - left):
            size = int(0.9 * size)
        base += size * 1.3
        s.text(text, face, size, middle, base, anchor="m")
        if rng.random() < 0.12:
            s.rule(left, base + 0.5 * size, right, base + 0.5 * size)
            base += 0.5 * size
    if rng.random() < 0.25:
        area = Box(left, 0.02 * s.height, left + 0.12 * s.width, 0.1 * s.height)
        s.drawing(area)
    if rng.random() < 0.4:
        size = int(0.012 * s.width) + 7
        y = base + rng.uniform(1, 3) * size
        s.text(s.phrase(1, 3), s.face, size, left, y)
        if rng.random() < 0.6:
            s.text(
                s.phrase(1, 3) + f", {rng.integers(1800, 1990)}", s.face, size, right, y, anchor="r"
            )
        base = y
    return base + rng.uniform(1, 4) * 0.012 * s.width + 12


def hand_letter(s: Sheet) -> None:
    rng = s.rng
    left, right = margins(s)
    top = rng.uniform(0.02, 0.12) * s.height
    if rng.random() < 0.4:
        top = letterhead(s, left, right)
    height = math.exp(rng.uniform(math.log(18), math.log(78)))
    height = min(height, 0.12 * s.width)
    ruled = rng.random() < 0.5
    full = 1.0 if rng.random() < 0.55 else rng.uniform(0.15, 1.0)
    bottom = top + (0.97 * s.height - top) * full
    start = left
    if rng.random() < 0.12:  # room for marginalia
        start = left + rng.uniform(0.15, 0.3) * s.width
        for _ in range(int(rng.integers(1, 4))):
            y = rng.uniform(top, max(top + 1, bottom - 3 * height))
            s.hand_block(
                Box(0.015 * s.width, y, start - 0.02 * s.width, y + rng.uniform(1, 5) * height),
                0.7 * height,
                most=4,
            )
    angle = 0.0 if ruled else rng.normal(0, 1.2)
    font = s.hand_font()
    first, pitch = s.hand_block(
        Box(start, top, right, max(top + 12, bottom)),
        height,
        ruled=ruled,
        angle=angle,
        font=font,
        touching=rng.uniform(0.2, 0.7),
    )
    if ruled:
        rule_paper(s, str(rng.choice(PAPERS, p=[0.35, 0.1, 0.22, 0.15, 0.1, 0.08])), pitch, first)
    if rng.random() < 0.15:
        s.text(
            str(rng.integers(1, 400)),
            s.face,
            10 + int(0.012 * s.width),
            rng.choice([0.5, 0.9]) * s.width,
            rng.choice([0.03, 0.985]) * s.height,
        )
    if rng.random() < 0.12:
        y = bottom + 0.6 * height
        s.hand_line(
            2,
            rng.uniform(0.2, 0.5) * s.width,
            min(y, s.height - height),
            height,
            0.4 * s.width,
            font,
        )
    if rng.random() < 0.15 and pitch > 1.3 * height:  # insertions between lines
        for _ in range(int(rng.integers(1, 4))):
            row = first + pitch * (int(rng.integers(1, 9)) - 0.48)
            s.hand_line(
                2, rng.uniform(left, right - 0.3 * s.width), row, 0.5 * height, 0.25 * s.width, font
            )
    if rng.random() < 0.15:
        for _ in range(int(rng.integers(1, 4))):
            line = s.lines[int(rng.integers(len(s.lines)))].line if s.lines else None
            if line and line.box.right + 40 < s.width * 0.97:
                s.filler(
                    line.box.right + 0.4 * height,
                    min(s.width * 0.97, line.box.right + rng.uniform(1.5, 6) * height),
                    line.box.bottom - 0.4 * line.box.height,
                    height,
                )


def typed_letter(s: Sheet) -> None:
    rng = s.rng
    left, right = margins(s, 0.06, 0.16)
    face = s.pick(s.stock.type_faces)
    top = letterhead(s, left, right) if rng.random() < 0.5 else rng.uniform(0.04, 0.12) * s.height
    size = max(10, int((right - left) / rng.uniform(45, 78) / 0.6))
    pitch = size * rng.choice([1.15, 1.25, 1.7, 2.2])
    base = top + size
    if rng.random() < 0.7:
        s.text(
            s.phrase(1, 2) + f" {rng.integers(1, 31)}, {rng.integers(1890, 1990)}",
            face,
            size,
            left + rng.uniform(0, 0.6) * (right - left),
            base,
        )
        base += pitch * rng.integers(1, 4)
    if rng.random() < 0.6:
        for _ in range(int(rng.integers(1, 5))):
            s.text(s.phrase(2, 5), face, size, left, base)
            base += size * 1.2
        base += pitch
    foot = s.height * (1 - rng.uniform(0.04, 0.25))
    while base < foot:
        base = s.paragraph(
            face,
            size,
            (left, base, right),
            int(rng.integers(2, 9)),
            leading=pitch / size,
            justified=False,
            indent=rng.choice([0, 3, 5]) * 0.6 * size,
            bottom=foot,
        )
        base += pitch * rng.choice([0, 1, 1])
        if rng.random() < 0.08:
            s.text(s.phrase(1, 4).upper(), face, size, (left + right) / 2, base, anchor="m")
            base += 1.5 * pitch
        if rng.random() < 0.06:
            for _ in range(int(rng.integers(2, 6))):
                s.text(s.phrase(1, 3), face, size, left + 2 * size, base)
                s.text(str(rng.integers(1, 9999)), face, size, right - 3 * size, base, anchor="r")
                base += 1.2 * size
    if base < 0.94 * s.height:
        x = left + rng.uniform(0.3, 0.6) * (right - left)
        s.text(s.phrase(2, 3) + ",", face, size, x, base)
        base += 1.5 * size
        s.hand_line(
            2,
            x,
            min(base + 2.5 * size, 0.95 * s.height),
            rng.uniform(2, 4) * size,
            0.3 * s.width,
            angle=rng.normal(0, 4),
        )
        if base + 5 * size < 0.97 * s.height:
            s.text(s.phrase(1, 3), face, size, x, base + 4.5 * size)
    for _ in range(int(rng.choice([0, 0, 1, 2, 4]))):  # corrections and notes by hand
        y = rng.uniform(0.05, 0.95) * s.height
        x = rng.choice([0.01 * s.width, rng.uniform(left, right - 0.2 * s.width)])
        s.hand_line(2, x, y, rng.uniform(1.1, 2.0) * size, 0.2 * s.width, angle=rng.normal(0, 3))

"""Three simulated people who label the sample pages.

They know what is written; but none draws a box as another does, one is hasty and one forgetful.
"""

from __future__ import annotations

import json
import re
from typing import Dict, Sequence, Tuple

import numpy as np

from htrlib.document.geometry import Box

Lines = Sequence[Tuple[str, Box]]

PEOPLE = ("careful", "hasty", "forgetful")


def answer(person: str, lines: Lines, seed: int = 0) -> str:
    """Return what one of them submits for a page, in the form of the labeling page.

    Args:
        person: one of `PEOPLE`.
        lines: the texts of the page and their boxes.
        seed: the same seed gives the same answer.
    """
    rng = np.random.default_rng((PEOPLE.index(person), seed))
    marks = [_mark(text, box, number, rng) for number, (text, box) in enumerate(lines, start=1)]
    if person == "hasty":
        for mark in marks[::2]:
            mark["text"] = re.sub(r"[,;:]", "", str(mark["text"]))  # and one slip of the finger
        marks[-1]["text"] = str(marks[-1]["text"]).replace("e", "r", 1)
    if person == "forgetful":
        del marks[int(rng.integers(len(marks)))]
    return json.dumps({"labels": json.dumps({"texts": marks}, ensure_ascii=False)})


def _mark(text: str, box: Box, number: int, rng: np.random.Generator) -> Dict[str, object]:
    left, top, right, bottom = np.array(box.as_tuple()) + rng.normal(0, 2, 4) + (-4, -4, 4, 4)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
    bb = [{"x": round(max(0.0, x), 1), "y": round(max(0.0, y), 1)} for x, y in corners]
    return {"text": text, "line_num": number, "type": "handwritten", "bb": bb}

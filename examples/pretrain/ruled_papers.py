"""Papers of all rulings, drawn for baselines that are known."""

from __future__ import annotations

import numpy as np
from document_sheet import Sheet


def rule_paper(sheet: Sheet, kind: str, pitch: float, first: float) -> None:
    """Rule a sheet for writing with baselines `pitch` apart."""
    rng, w, h = sheet.rng, sheet.width, sheet.height
    dark = rng.uniform(0.08, 0.6)
    thick = 1 + (rng.random() < 0.3) * (pitch > 26)
    start = first % pitch
    if kind == "lined":
        for y in np.arange(start + (pitch if rng.random() < 0.5 else 0), h, pitch):
            sheet.rule(0, y, w, y, thick, dark)
    elif kind == "dotted lines":
        for y in np.arange(start, h, pitch):
            sheet.rule(0, y, w, y, thick, dark, dash=rng.uniform(1.5, 4))
    elif kind == "squares":
        step = pitch / rng.choice([1, 2, 2, 3])
        for y in np.arange(start % step, h, step):
            sheet.rule(0, y, w, y, thick, dark)
        for x in np.arange(rng.uniform(0, step), w, step):
            sheet.rule(x, 0, x, h, thick, dark)
    elif kind == "seyes":
        step = pitch / 4
        for number, y in enumerate(np.arange(start, h, step)):
            sheet.rule(
                0,
                y,
                w,
                y,
                thick if number % 4 == 0 else 1,
                dark * (1.0 if number % 4 == 0 else 0.5),
            )
        for x in np.arange(rng.uniform(0, pitch), w, pitch):
            sheet.rule(x, 0, x, h, thick, dark)
    elif kind == "dots":
        step = pitch / rng.choice([1, 2])
        xs = np.arange(rng.uniform(0, step), w, step)
        for y in np.arange(start % step, h, step):
            for x in xs:
                r = thick * 0.7
                sheet.draw_rules.ellipse([x - r, y - r, x + r, y + r], fill=int(sheet.dark * dark))
    elif kind == "music":
        space = pitch / rng.uniform(3, 7)
        y = start
        while y < h:
            for k in range(5):
                sheet.rule(0, y + k * space, w, y + k * space, 1, dark)
            y += max(5 * space + pitch, 2 * pitch)
    if rng.random() < 0.35:
        x = rng.uniform(0.06, 0.2) * w
        for k in range(1 + (rng.random() < 0.3)):
            sheet.rule(x + 5 * k, 0, x + 5 * k, h, thick, min(1.0, dark * 1.4))


PAPERS = ("lined", "dotted lines", "squares", "seyes", "dots", "music")

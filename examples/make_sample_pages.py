"""Render the sample pages of examples/data from the bundled fonts, with what they say beside them.

python examples/make_sample_pages.py
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from htrlib.synthesis.handwriting import BUNDLED_FONTS, HandwritingStyle, draw_line, load_fonts
from htrlib.synthesis.placement import Placement, Turn, place
from htrlib.synthesis.printing import PrintedLayer

FOLDER = Path(__file__).parent / "data"
WIDTH, HEIGHT = 1240, 1600
MIDDLE = (WIDTH / 2, HEIGHT / 2)
STYLE = HandwritingStyle(space=0.28, space_jitter=0.03, word_lift=0.012, word_size=0.02)
HASTY = HandwritingStyle(
    space=0.16, space_jitter=0.06, word_lift=0.04, word_size=0.08, letter_lift=0.03
)

LETTER = """
14 May
Dear Ida,
the ferry left at six, as it does on every
grey morning, and I stood at the rail with
your parcel under my coat. Nobody asked
what was in it. By noon the fog had gone:
gulls quarrelled over the fishing boats,
and the far side grew green, then yellow,
then near.
The house is smaller than we remember it.
Two windows are new, the pear tree is not.
I shall stay until the 28th, mend the gate
and write again when the roof is dry.
Yours, Joan
""".strip().splitlines()

PRINTED = (
    "Every clock in the workshop told a different time, and the old man liked it so. A visitor, "
    "he said, may choose the hour that suits him; only the cat, who dines at five, insists on "
    "one of them being right."
)
HARD = """
Harbour Street, 3 November 1887
My dear Margaret, your letter of the 19th reached
me only on Tuesday, the mail coach having lost a
wheel near Kilbride. Uncle Jos. is no better, he
coughs the whole night & will not see Dr Quigley,
whom he calls a horse thief. I have sold the bay
mare for £14 10s. & paid the schoolmaster what we
owed him since Michaelmas. Agnes hopes to wed in
spring, if young Farquhar gets his place with the
railway, but I doubt it. Send me, if you can, two
yards of the grey worsted and a pkt. of needles.
Ever yr. affectionate sister, H. Wyndham
""".strip().splitlines()
FORM = """
Every clock in the workshop told a
different time, and the old man liked
it so. A visitor, he said, may choose
the hour that suits him; only the cat,
who dines at five, insists on one of
them being right.
""".strip().splitlines()

Row = Tuple[str, float, float]  # text, left edge and baseline on the upright page


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    letter = PrintedLayer(WIDTH, HEIGHT, Turn())
    rows = [(text, 130.0, 310.0 + 84 * number) for number, text in enumerate(LETTER[1:])]
    rows[-1] = (LETTER[-1], 760.0, rows[-1][2] + 20)
    rows.insert(0, (LETTER[0], 880.0, 190.0))
    save("letter", letter, rows, font="kalam", height=62, turn=Turn(-0.8, MIDDLE), seed=1)

    form = PrintedLayer(WIDTH, HEIGHT, Turn(1.0, MIDDLE))
    header(form)
    rows = [(text, 110.0, 510.0 + 104 * number) for number, text in enumerate(FORM)]
    save("form", form, rows, font="caveat", height=72, turn=Turn(1.4, MIDDLE), seed=2)
    hard()


def hard() -> None:
    """Write a slanted page in haste, fade it, let the back shine through, and scan it badly."""
    rng = np.random.default_rng(3)
    rows = [(text, 90.0, 230.0 + 92 * number) for number, text in enumerate(HARD)]
    ink = written("hard", rows, "caveat", 54, Turn(-1.2, MIDDLE), 0.45, HASTY, rng)
    back = written("hard", rows[::-1], "caveat", 54, Turn(0.9, MIDDLE), 0.45, HASTY, rng)
    clouds = Image.fromarray(rng.uniform(0.25, 1.0, (7, 6)).astype(np.float32))
    fading = np.asarray(clouds.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    shine = np.asarray(Image.fromarray(back[:, ::-1]).filter(ImageFilter.GaussianBlur(2)))
    grain = np.asarray(Image.fromarray(rng.normal(0, 14, (HEIGHT // 2, WIDTH // 2)).astype("f4")))
    paper = np.linspace(205, 165, HEIGHT, dtype=np.float32)[:, np.newaxis] + np.zeros(WIDTH)
    page = paper * (1 - 0.6 * fading * (ink / 255)) * (1 - 0.22 * (shine / 255))
    small = Image.fromarray(page.astype(np.float32)).reduce(2)
    page = np.clip(np.asarray(small) + grain, 0, 255)
    picture = Image.fromarray(np.asarray(np.round(page / 17) * 17, np.uint8))
    picture.save(FOLDER / "hard.png", optimize=True)
    (FOLDER / "hard.txt").write_text("\n".join(HARD) + "\n", encoding="utf-8")


def header(layer: PrintedLayer) -> None:
    """Print on the form, above and below the writing."""
    layer.text("Handwriting sample", None, 34, 90, 120, 0.9)
    layer.text("B07-112", None, 34, 1010, 120, 0.9)
    layer.rule((80, 150), (1160, 150), 3, 0.8)
    layer.paragraph(PRINTED.split(), None, 30, (90, 190, 1150), 5, 0.9, leading=1.45)
    layer.rule((80, 365), (1160, 365), 3, 0.8)
    layer.rule((80, 1290), (1160, 1290), 3, 0.8)
    end = layer.text("Name:", None, 30, 90, 1380, 0.9)
    layer.rule((end + 15, 1384), (720, 1384), 2, 0.8)


def save(
    name: str,
    printed: PrintedLayer,
    rows: Sequence[Row],
    font: str,
    height: int,
    turn: Turn,
    seed: int,
) -> None:
    """Write a page by hand and store it as a picture, its lines as text."""
    rng = np.random.default_rng(seed)
    ink = written(name, rows, font, height, turn, 0.05, STYLE, rng)
    picture = Image.fromarray(scan(ink, printed.darkness, rng))
    picture.save(FOLDER / f"{name}.png", optimize=True)
    lines: List[str] = [text for text, _, _ in rows]
    (FOLDER / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def written(
    name: str,
    rows: Sequence[Row],
    font: str,
    height: int,
    turn: Turn,
    slant: float,
    style: HandwritingStyle,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Return (HEIGHT, WIDTH) uint8 the ink of lines in a bundled font; 0 is none."""
    characters = sorted(set("".join(text for text, _, _ in rows)))
    (face,) = (f for f in load_fonts(BUNDLED_FONTS, characters) if f.path.name.startswith(font))
    ink = np.zeros((HEIGHT, WIDTH), np.uint8)
    bend_x = tuple(np.linspace(0, WIDTH, 9))
    for text, left, base in rows:
        drawn = draw_line(text, face, height, rng, style)
        bend = tuple(rng.normal(0, 0.02 * height, len(bend_x)))
        at = Placement(left + rng.normal(0, 6), base, turn, slant, bend_x, bend)
        piece = place(drawn.ink, drawn.baseline, at)
        if piece is None or not piece.fits(WIDTH, HEIGHT):
            raise SystemExit(f"{name}: the line {text!r} does not fit the page")
        piece.draw_on(ink)
    return ink


def scan(
    ink: NDArray[np.uint8], printed: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Ink and print on paper with a few specks, in the 16 grays that keep the file small."""
    shade = np.linspace(246, 238, WIDTH, dtype=np.float32)[np.newaxis]
    page = shade * (1 - 0.85 * (ink / np.float32(255))) * (1 - printed / np.float32(255))
    for y, x in rng.integers(8, (HEIGHT - 8, WIDTH - 8), (40, 2)):
        page[y : y + rng.integers(1, 4), x : x + rng.integers(1, 4)] = rng.uniform(60, 180)
    return np.asarray(np.round(page / 17) * 17, np.uint8)


if __name__ == "__main__":
    argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0]).parse_args()
    main()

"""Render synthetic pages for the labelers and the word detector, as pictures and PAGE XML.

python render_pages.py --fonts FONTS --texts TEXTS --count 500 --out runs/pages
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from held_out import HELD_OUT_TEXTS, held_out
from texts import CHARACTERS, read_words
from tqdm import tqdm

from htrlib import data
from htrlib.data.handwriting import load_fonts
from htrlib.data.rendered import sample_of
from htrlib.data.synthetic import render_page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    fonts = load_fonts(args.fonts, [c for c in CHARACTERS if c != " "])
    fonts = tuple(font for font in fonts if not held_out(font.path))
    words = read_words(
        [p for p in sorted(args.texts.glob("*.txt")) if p.stem not in HELD_OUT_TEXTS]
    )
    for seed in tqdm(range(args.count)):
        page = render_page(words, fonts, np.random.default_rng(seed))
        data.write_page_xml(data.Dataset((sample_of(page, f"{seed:05d}"),)), args.out)


if __name__ == "__main__":
    main()

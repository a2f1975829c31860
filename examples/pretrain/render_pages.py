"""Render synthetic pages for all networks, as pictures and PAGE XML.

python render_pages.py --data ../../../shared/data --count 500 --out runs/pages
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import List, Sequence

import numpy as np
from held_out import HELD_OUT_TEXTS, fonts_below
from labeled import load_labeled
from texts import CHARACTERS, mixed_words, read_words
from tqdm import tqdm

from htrlib import data
from htrlib.data.synthetic_pages import sample_of
from htrlib.synthesis.pages import render_page

WORDS = 1_000_000
FRENCH = ("copiste", "testaments")


def words(root: Path) -> List[str]:
    """What is written: of books, and of the `train` pages but for the consent that many copied."""
    books = sorted((root / "text").glob("*.txt"))
    english = read_words([book for book in books if book.stem not in HELD_OUT_TEXTS])
    french = [
        word
        for name in FRENCH
        for page in load_labeled(root, name, "train").pages
        for line in page.lines
        if "consent" not in line.tags
        for word in line.text.split()
        if not set(word) - set(CHARACTERS)
    ]
    return mixed_words(english, french, WORDS, seed=0)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="fonts/, text/ and collections")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="number of the first page")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments or None)
    fonts = fonts_below(args.data / "fonts")
    text = words(args.data)
    for seed in tqdm(range(args.first, args.first + args.count)):
        page = render_page(text, fonts, np.random.default_rng(seed))
        data.write_page_xml(data.Dataset((sample_of(page, f"{seed:05d}"),)), args.out)


if __name__ == "__main__":
    main()

"""Extract quotations of French and English writers from two old dictionaries.

    apt-get download stardict-xmlittre dict-gcide
    dpkg-deb -x stardict-xmlittre_*.deb packages; dpkg-deb -x dict-gcide_*.deb packages
    python dictionary_quotes.py --littre packages/usr/share/stardict/dic/XMLittre.dict.dz \
        --gcide packages/usr/share/dictd/gcide.dict.dz --out runs/quotes

Writes `littre.txt` (of Littré's dictionary of French, 1863-1877, public domain: 17th to 19th
century) and `gcide.txt` (of Webster's of 1913 and its additions, GPL), a quotation a paragraph, in
random order. No text of them becomes part of a bundle, only statistics.
"""

from __future__ import annotations

import argparse
import gzip
import re
from pathlib import Path
from typing import Iterator, List, Sequence

import numpy as np

SHORTEST = 40  # characters of a quotation
MOST = 8_000_000  # characters of a file; with all 14 million a model grows and is no better

_SECTION = re.compile(r"(<b><big>.*?</big></b>|<i><small>)")
_OLD_FRENCH = ("HISTORIQUE", "TYMOLOGIE")  # sections of an entry, of the language before 1600
_QUOTED = re.compile(r'<span foreground="#0000CD">(.*?)</span>', re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_INDENTED = re.compile(r"\n\n((?: {9,}.*\n)+)")
_WITH_AUTHOR = re.compile(r"(.*?)\s*--\s?[A-Z][\w .]*\.?$")
_NOT_TEXT = re.compile(r"[{}|_\[\]]|\.\.\.")


def littre_quotes(text: str) -> Iterator[str]:
    """Return the quotations in Littré's entries, except those in their histories."""
    wanted = True
    for part in _SECTION.split(text):
        if part.startswith("<b><big>"):
            wanted = not any(title in part for title in _OLD_FRENCH)
        elif part == "<i><small>":  # the next entry
            wanted = True
        elif wanted:
            yield from (_TAG.sub("", quote) for quote in _QUOTED.findall(part))


def gcide_quotes(text: str) -> Iterator[str]:
    """Return the quotations in Webster's entries that name an author, without the name."""
    for paragraph in _INDENTED.findall(text):
        quoted = _WITH_AUTHOR.match(" ".join(paragraph.split()))
        if quoted:
            yield quoted.group(1)


def distinct(quotes: Iterator[str]) -> List[str]:
    """Return unique quotations of suitable length in random order, up to `MOST` characters."""
    folded = (" ".join(quote.split()) for quote in quotes)
    kept = list(dict.fromkeys(q for q in folded if len(q) >= SHORTEST and not _NOT_TEXT.search(q)))
    shuffled = [kept[index] for index in np.random.default_rng(0).permutation(len(kept))]
    ends = np.cumsum([len(quote) for quote in shuffled])
    return shuffled[: int(np.searchsorted(ends, MOST))]


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--littre", type=Path, required=True, help="XMLittre.dict.dz")
    parser.add_argument("--gcide", type=Path, required=True, help="gcide.dict.dz")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments or None)
    args.out.mkdir(parents=True, exist_ok=True)
    for path, read in ((args.littre, littre_quotes), (args.gcide, gcide_quotes)):
        text = gzip.decompress(path.read_bytes()).decode("utf-8", errors="replace")
        name = "littre" if read is littre_quotes else "gcide"
        (args.out / f"{name}.txt").write_text("\n\n".join(distinct(read(text))), encoding="utf-8")


if __name__ == "__main__":
    main()

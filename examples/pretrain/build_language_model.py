"""Build a character language model from books, transcripts, quotations and word lists.

    python build_language_model.py english.lm --books TEXT_FOLDER \
        --transcripts inkbench/pages.json --quotes quotes/gcide.txt --words-of en
    python build_language_model.py french.lm --transcripts copiste/pages.json \
        testaments/pages.json --quotes quotes/littre.txt --words-of fr
    python build_language_model.py other.lm --languages it es de nl

Books are text files as Project Gutenberg and NLTK distribute them; those that `held_out.py` names
are left out, and the model's bits per character on these are printed. `dictionary_quotes.py` makes
the quotations.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from pathlib import Path
from typing import Iterable, Iterator, List, Optional, Sequence

import numpy as np
from held_out import HELD_OUT_TEXTS
from texts import folded

from htrlib import data
from htrlib.data.samples import PageSample
from htrlib.language import NGramModel, words
from htrlib.language.estimation import estimate
from htrlib.language.files import load_model, save_model
from htrlib.language.mixing import mix
from htrlib.language.text import read_paragraphs

ORDER = 6
MIN_COUNTS = (20, 1)  # of characters, and of all longer n-grams
RARER = (5, 1)  # the same in transcripts alone, which are short
WORDS = 25_000  # of a language of which there is no running text
KNOWN = 60_000  # words of a language that the model knows, beside those of the texts
CAPITALS = 5  # of so many paragraphs one is repeated in capitals: so are forms filled in

_AFTER_BOOK = re.compile(
    r"End of (the )?Project Gutenberg|Typographical errors corrected by the etext transcriber"
)
_NOT_TEXT = re.compile(
    r"Produced by .*(Proofread|Volunteer|volunteer|Widger|Boss)|\[Illustration|\[Project Gutenberg"
)
_MARKS = re.compile(r"[_*|{}\\<>=~\ufffd]|\{pg \d+\}")


def book_paragraphs(path: Path) -> Iterator[str]:
    """Return the paragraphs of a book without the transcribers' additions."""
    for paragraph in read_paragraphs(path):
        if _AFTER_BOOK.match(paragraph):
            return
        if not _NOT_TEXT.match(paragraph):
            cleaned = " ".join(_MARKS.sub("", paragraph).split())
            if cleaned:
                yield cleaned


def transcribed_paragraphs(path: Path) -> Iterator[str]:
    """The `train` pages of a pages.json, each as one paragraph: its transcript, or else its lines.

    Left out are the consent that many volunteers copied, titles, and lines with struck or illegible
    words.
    """
    stated = json.loads(path.read_text(encoding="utf-8"))
    for page in data.load("pages_json", path, split="train").pages:
        whole = stated[page.source].get("transcript")
        lines = whole.splitlines() if whole else _clean_lines(page)
        paragraph = " ".join(text for text in map(folded, lines) if text)
        if paragraph:
            yield paragraph


def _clean_lines(page: PageSample) -> List[str]:
    return [
        line.text
        for line in page.lines
        if not {"consent", "unusable"} & set(line.tags)
        and not re.search(r"[<>]|wikitexte|\[\.*\]", line.text)
    ]


def word_paragraphs(language: str) -> Iterator[str]:
    """Return frequent words of a language (`wordfreq`) in random order, for their spelling."""
    from print_texts import salad

    rng = np.random.default_rng(0)
    for _ in range(WORDS // 50):
        yield " ".join(salad(language, rng, 50))


def listed_words(language: str) -> List[str]:
    """Return the most frequent words of a language (`wordfreq`)."""
    from wordfreq import top_n_list

    return [word for entry in top_n_list(language, KNOWN) for word in words.words_of(entry)]


def with_words(model: NGramModel, more: Iterable[str]) -> NGramModel:
    """Return a model that knows more words."""
    return NGramModel(model.vocabulary, model.levels, model.words.union(more))


def bits_per_character(model: NGramModel, texts: Iterable[str]) -> float:
    """Return the model's mean bits per character of the texts."""
    scores = np.concatenate([model.character_scores(text, begin=True) for text in texts])
    return -float(scores.mean()) / math.log(2)


def quoted_paragraphs(path: Path) -> Iterator[str]:
    """Return the quotations in a file, one per paragraph."""
    return map(folded, path.read_text(encoding="utf-8").split("\n\n"))


def with_capitals(paragraphs: Sequence[str]) -> List[str]:
    """Return the paragraphs, and some of them once more in capitals."""
    return [*paragraphs, *(paragraph.upper() for paragraph in paragraphs[::CAPITALS])]


def run(
    texts: Sequence[Path],
    output: Path,
    order: int = ORDER,
    transcripts: Sequence[Path] = (),
    languages: Sequence[str] = (),
    quotes: Sequence[Path] = (),
    words_of: Optional[str] = None,
    transcribed: float = 0.0,
) -> float:
    """Build the model; return its bits per character on the held-out books, or NaN without any.

    Args:
        transcribed: share of a second model, which is estimated from the transcripts alone. Among
            many more quotations, what is particular to such pages would hardly count.
    """
    held_out = [p for path in texts if path.stem in HELD_OUT_TEXTS for p in book_paragraphs(path)]
    rest = [p for path in texts if path.stem not in HELD_OUT_TEXTS for p in book_paragraphs(path)]
    written = [p for path in transcripts for p in transcribed_paragraphs(path)]
    rest += written
    rest += [p for path in quotes for p in quoted_paragraphs(path)]
    rest += [p for language in languages for p in word_paragraphs(language)]
    model = estimate(with_capitals(rest), order, MIN_COUNTS)
    if transcribed:
        model = mix(model, estimate(with_capitals(written), order, RARER), 1 - transcribed)
    save_model(with_words(model, listed_words(words_of) if words_of else ()), output)
    return bits_per_character(load_model(output), held_out) if held_out else math.nan


def main(argv: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--books", type=Path, help="folder of .txt files")
    parser.add_argument("--order", type=int, default=ORDER)
    parser.add_argument(
        "--transcripts", type=Path, nargs="*", default=(), help="pages.json: their train pages too"
    )
    parser.add_argument(
        "--languages", nargs="*", default=(), help="codes: their frequent words too"
    )
    parser.add_argument(
        "--quotes", type=Path, nargs="*", default=(), help="files of dictionary_quotes.py"
    )
    parser.add_argument(
        "--transcribed", type=float, default=0.0, help="share of a model of the transcripts alone"
    )
    parser.add_argument("--words-of", metavar="CODE", help="a language whose words it knows")
    args = parser.parse_args(argv)
    texts = sorted(args.books.glob("*.txt")) if args.books else []
    sources = args.transcripts, args.languages, args.quotes, args.words_of, args.transcribed
    bits = run(texts, args.output, args.order, *sources)
    print(f"{args.output.stat().st_size / 1e6:.2f} MB, {bits:.3f} bits per held-out character")
    return 0


if __name__ == "__main__":
    sys.exit(main())

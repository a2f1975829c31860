"""Synthetic pages as a data set: rendered once for what is on them, and again when looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.data.label_text import clean_text
from htrlib.data.samples import (
    Dataset,
    LabeledLine,
    LabeledWord,
    PageSample,
    Picture,
    Problem,
)
from htrlib.document.geometry import Size
from htrlib.errors import AnnotationError, ConfigError, DatasetError
from htrlib.synthesis.handwriting import HandwritingFont, load_fonts
from htrlib.synthesis.pages import PageConfig, SyntheticLine, SyntheticPage, render_page


@dataclass(frozen=True, eq=False)
class _Series:
    """Pages that differ in their number alone."""

    words: Tuple[str, ...]
    fonts: Tuple[HandwritingFont, ...]
    seed: int
    config: PageConfig

    def render(self, number: int) -> SyntheticPage:
        rng = np.random.default_rng((self.seed, number))
        return render_page(self.words, self.fonts, rng, self.config)


@dataclass(frozen=True)
class _Picture:
    """The picture of one page, rendered when it is asked for."""

    series: _Series
    number: int

    def __call__(self) -> NDArray[np.uint8]:
        return self.series.render(self.number).image


def load(
    path: Union[str, Path],
    *,
    text: Union[str, Path],
    pages: int = 100,
    seed: int = 0,
    config: Optional[PageConfig] = None,
) -> Dataset:
    """Pages of synthetic handwriting; the same ones for the same fonts, text and seed.

    Every page is rendered here, for its lines, and once more whenever its picture is loaded, so
    that no pictures are held; `htrlib.synthesis.pages.render_pages` renders those used once.

    Args:
        path: folder of fonts, .ttf, .otf or .woff.
        text: file of running text in UTF-8; a page starts anywhere in it.
        pages: how many.
        seed: of all that is drawn at random.
        config: which pages; letters, forms and sheets of many widths by default.
    Raises:
        ConfigError: there are no pages to render.
        AnnotationError: the text cannot be read or holds no word.
        DatasetError: the folder has no fonts, or they cannot draw the text.
    """
    if pages < 1:
        raise ConfigError(f"at least one page is rendered, found pages={pages}")
    words = _words(Path(text))
    if not Path(path).is_dir():
        raise DatasetError(f"{path}: expected a folder of fonts")
    fonts = load_fonts(Path(path), sorted(set("".join(words))))
    series = _Series(words, fonts, seed, config or PageConfig())
    samples = tuple(
        sample_of(series.render(number), f"{seed}-{number:05d}", _Picture(series, number))
        for number in range(pages)
    )
    return Dataset(samples, _undrawn(words, fonts, str(text)))


def _words(path: Path) -> Tuple[str, ...]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"text cannot be read: {error}", path) from None
    words = tuple(clean_text(text).split())
    if not words:
        raise AnnotationError("expected running text, found no word", path)
    return words


def sample_of(page: SyntheticPage, source: str, image: Optional[Picture] = None) -> PageSample:
    """A rendered page as a sample.

    Args:
        page: its picture is held, unless there is another way to it.
        source: what messages call it.
        image: that other way.
    """
    height, width = page.image.shape
    return PageSample(
        image=image or (lambda: page.image),
        size=Size(width, height),
        source=source,
        lines=tuple(_line(line) for line in page.lines),
        paragraph=page.paragraph,
    )


def _line(line: SyntheticLine) -> LabeledLine:
    words: List[LabeledWord] = []
    if len(line.words) == len(line.text.split()):  # ink that is all covered has no box
        words += map(LabeledWord, line.text.split(), line.words)
    return LabeledLine(line.text, line.line, tuple(words))


def _undrawn(
    words: Tuple[str, ...], fonts: Tuple[HandwritingFont, ...], source: str
) -> Tuple[Problem, ...]:
    """Report characters that no font has; pages omit words with them."""
    drawn = {character for font in fonts for character in font.characters}
    missing = "".join(sorted(set("".join(words)) - drawn))
    if not missing:
        return ()
    return (Problem("characters that no font can draw", source, missing),)

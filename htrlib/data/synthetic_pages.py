"""Synthetic pages as a data set: rendered once for their labels, and again for their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.data.annotation_text import read_text
from htrlib.data.label_text import clean_text
from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset, LabeledLine, LabeledWord, PageSample, Picture
from htrlib.document.geometry import Size
from htrlib.errors import AnnotationError, ConfigError, DatasetError
from htrlib.synthesis.handwriting import HandwritingFont, load_fonts
from htrlib.synthesis.pages import PageConfig, SyntheticLine, SyntheticPage, render_page


@dataclass(frozen=True, eq=False)
class _Series:
    """Pages that differ only in their number."""

    words: Tuple[str, ...]
    fonts: Tuple[HandwritingFont, ...]
    seed: int
    config: PageConfig

    def render(self, number: int) -> SyntheticPage:
        rng = np.random.default_rng((self.seed, number))
        return render_page(self.words, self.fonts, rng, self.config)


@dataclass(frozen=True)
class _Picture:
    """The picture of one page, rendered on demand."""

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
    """Load pages of synthetic handwriting, which depend only on fonts, text and seed.

    Every page is rendered here for its lines, and again whenever its picture is loaded, so that no
    pictures are kept in memory. Use `htrlib.synthesis.pages.render_pages` for pages used only once.

    Args:
        path: folder of fonts, .ttf, .otf or .woff.
        text: file of running text in UTF-8; each page starts at a random point in it.
        pages: number of pages.
        seed: random seed.
        config: kinds of pages; by default letters, forms and sheets of many widths.
    Raises:
        ConfigError: the number of pages is not positive.
        AnnotationError: the text cannot be read or contains no word.
        DatasetError: the folder has no fonts, or they cannot draw the text.
    """
    if pages < 1:
        raise ConfigError(f"pages must be at least 1, found {pages}")
    words = _words(Path(text))
    if not Path(path).is_dir():
        raise DatasetError(f"{path}: expected a folder of fonts (.ttf, .otf or .woff), found none")
    fonts = load_fonts(Path(path), sorted(set("".join(words))))
    series = _Series(words, fonts, seed, config or PageConfig())
    samples = tuple(
        sample_of(series.render(number), f"{seed}-{number:05d}", _Picture(series, number))
        for number in range(pages)
    )
    return Dataset(samples, _undrawn(words, fonts, str(text)))


def _words(path: Path) -> Tuple[str, ...]:
    words = tuple(clean_text(read_text(path)).split())
    if not words:
        raise AnnotationError("expected running text, found no word", path)
    return words


def sample_of(page: SyntheticPage, source: str, image: Optional[Picture] = None) -> PageSample:
    """Turn a rendered page into a sample.

    Args:
        page: rendered page, whose picture is kept unless `image` is given.
        source: name of the sample in messages.
        image: another way to load the picture.
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
    if len(line.words) == len(line.text.split()):  # ink that is completely covered has no box
        words += map(LabeledWord, line.text.split(), line.words)
    return LabeledLine(line.text, line.line, tuple(words))


def _undrawn(
    words: Tuple[str, ...], fonts: Tuple[HandwritingFont, ...], source: str
) -> Tuple[Problem, ...]:
    """Report characters missing in all fonts; pages omit words with them."""
    drawn = {character for font in fonts for character in font.characters}
    missing = "".join(sorted(set("".join(words)) - drawn))
    if not missing:
        return ()
    return (Problem("characters that no font can draw", source, missing),)

"""Reading options. All their defaults are here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple, Union

from htrlib.decoding.defaults import BEAM_WIDTH, METHODS
from htrlib.document.kinds import KINDS
from htrlib.errors import ConfigError
from htrlib.images.page_selection import ALL_PAGES, DPI, PageSelection

if TYPE_CHECKING:
    from htrlib.language.ngram import NGramModel

PARAGRAPH, LINES, TEXT = STAGES = ("paragraph", "lines", "text")
AUTO, AS_GIVEN = ORIENTATIONS = ("auto", "as-given")
PAGE, LINE = CONTENTS = ("page", "line")
BUNDLED = "bundled"

LanguageModelLike = Union["NGramModel", str, Path, None]


@dataclass(frozen=True)
class ReadingOptions:
    """Options for reading a page.

    Attributes:
        stage: the last stage that runs: "paragraph", "lines" or "text".
        kinds: of the lines to read: "handwritten", "typewritten", "printed", or several of them;
            None reads all text, where the bundle tells kinds apart.
        orientation: "auto" turns pages that are light on dark, tilted, on their side or upside
            down, and takes the squares out of squared paper; results are in pixels of the page
            as given. "as-given" leaves pages as they are.
        decoder: "beam", or "greedy": the best path, without a language model.
        beam_width: how many readings beam search follows.
        language_model: "bundled", a model or the path of one, or None for none.
        characters: give the characters of each line with their places and confidences too.
        alternatives: how many further readings of each line to give.
        pages: which pages of a file, as "3", "2-5" or "1,4-"; None is all.
        dpi: dots per inch at which the pages of a PDF are drawn.
        what: "page", or "line": each picture is one line or word, whatever looks like a second one.
    Raises:
        ConfigError: a value is none of these.
    """

    stage: str = TEXT
    kinds: Union[str, Tuple[str, ...], None] = None
    orientation: str = AUTO
    decoder: str = "beam"
    beam_width: int = BEAM_WIDTH
    language_model: LanguageModelLike = BUNDLED
    characters: bool = False
    alternatives: int = 0
    pages: Optional[str] = None
    dpi: int = DPI
    what: str = PAGE

    def __post_init__(self) -> None:
        if isinstance(self.kinds, str):
            object.__setattr__(self, "kinds", (self.kinds,))
        for name, value, known in (
            ("stage", self.stage, STAGES),
            ("what", self.what, CONTENTS),
            ("orientation", self.orientation, ORIENTATIONS),
            ("decoder", self.decoder, METHODS),
            *(("kind", kind, KINDS) for kind in self.kinds or ()),
        ):
            if value not in known:
                raise ConfigError(f"{name} is one of {', '.join(known)}, found {value!r}")
        for name, number, least in (
            ("beam_width", self.beam_width, 1),
            ("alternatives", self.alternatives, 0),
            ("dpi", self.dpi, 1),
        ):
            if number < least:
                raise ConfigError(f"{name} is at least {least}, found {number}")
        _ = self.selection

    @property
    def selection(self) -> PageSelection:
        """The pages of a file that are read."""
        return ALL_PAGES if self.pages is None else PageSelection.parse(self.pages)

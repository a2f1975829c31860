"""Reading options. All their defaults are here."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
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
        stage: the last stage to run: "paragraph", "lines" or "text".
        kinds: kinds of lines to read, of "handwritten", "typewritten" and "printed"; None reads all
            text, if the bundle distinguishes kinds.
        orientation: "auto" corrects pages that are light on dark, tilted, on their side or upside
            down, takes out the squares or dots of paper, smooths dithered scans, and reads text at
            a right angle to the rest; results are in pixels of the page as given. "as-given" leaves
            pages as they are.
        decoder: "beam", or "greedy": the best path, without a language model.
        beam_width: number of hypotheses in beam search.
        language_model: "bundled", a model, the path of one, or None for no model.
        characters: also return each line's characters with their positions and confidences.
        alternatives: number of further hypotheses to return for each line.
        pages: pages of a file, such as "3", "2-5" or "1,4-"; None means all.
        dpi: resolution at which the pages of a PDF are rendered.
        what: "page", or "line" to read each picture as one line or word.
    Raises:
        ConfigError: a value is invalid.
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
        if self.kinds is not None:
            kinds = (self.kinds,) if isinstance(self.kinds, str) else tuple(self.kinds)
            if not kinds:
                raise ConfigError(f"kinds must be among {', '.join(KINDS)}, or None; found none")
            object.__setattr__(self, "kinds", tuple(dict.fromkeys(kinds)))
        for name, value, known in (
            ("stage", self.stage, STAGES),
            ("what", self.what, CONTENTS),
            ("orientation", self.orientation, ORIENTATIONS),
            ("decoder", self.decoder, METHODS),
            *(("kind", kind, KINDS) for kind in self.kinds or ()),
        ):
            if value not in known:
                raise ConfigError(f"{name} must be one of {', '.join(known)}, found {value!r}")
        for name, number, least in (
            ("beam_width", self.beam_width, 1),
            ("alternatives", self.alternatives, 0),
            ("dpi", self.dpi, 1),
        ):
            if not isinstance(number, Integral):
                raise ConfigError(f"{name} must be a whole number, found {number!r}")
            if number < least:
                raise ConfigError(f"{name} must be at least {least}, found {number}")
        _ = self.selection

    @property
    def selection(self) -> PageSelection:
        """The pages of a file to read."""
        return ALL_PAGES if self.pages is None else PageSelection.parse(self.pages)

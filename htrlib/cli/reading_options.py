"""Options shared by the commands that read pages."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple

from htrlib.cli.engine_options import add_engine_options
from htrlib.decoding.defaults import BEAM_WIDTH, METHODS
from htrlib.document.kinds import KINDS
from htrlib.images.page_selection import DPI
from htrlib.reading.options import AUTO, BUNDLED, LINE, ORIENTATIONS, PAGE, ReadingOptions

if TYPE_CHECKING:
    from htrlib.reading.pipeline import Recognizer

NONE = "none"


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the model and what runs it."""
    parser.add_argument(
        "--bundle", help="name or directory of the model (default: HTRLIB_BUNDLE, or else english)"
    )
    parser.add_argument("--device", help="cpu, gpu or gpu:N (default: a GPU if there is one)")
    add_engine_options(parser)


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `ReadingOptions`."""
    add_model_options(parser)
    add_content_options(parser)
    parser.add_argument(
        "--decoder",
        choices=METHODS,
        default=METHODS[0],
        help="beam search with the language model, or the best path (default: %(default)s)",
    )
    parser.add_argument(
        "--beam-width",
        type=int,
        default=BEAM_WIDTH,
        metavar="N",
        help="number of hypotheses in beam search (default: %(default)s)",
    )
    parser.add_argument(
        "--language-model",
        default=BUNDLED,
        metavar=f"PATH|{NONE}",
        help="a model built by `htr lm build`, or none (default: the bundle's)",
    )


def add_content_options(parser: argparse.ArgumentParser, default: Optional[str] = AUTO) -> None:
    """Add the options for what the pictures show.

    Args:
        default: orientation; None leaves it to a server.
    """
    parser.add_argument(
        "--kinds",
        type=parse_kinds,
        metavar="KIND,...",
        help=f"read only these lines: {', '.join(KINDS)} (default: all text)",
    )
    parser.add_argument(
        "--single-line",
        action="store_true",
        help="each picture is one line or word: find no second line in it",
    )
    fallback = default or "as the server does"
    parser.add_argument(
        "--orientation",
        choices=ORIENTATIONS,
        default=default,
        help=f"rotate pages upright, or read them as given (default: {fallback})",
    )


def import_recognizer(place: Optional[str]) -> Optional[Recognizer]:
    """Import the recognizer named by --recognizer, also from the current folder.

    Raises:
        ConfigError: it cannot be imported.
    """
    from htrlib.reading.own_recognizer import load_recognizer  # here, since it takes half a second

    if place is not None:
        sys.path.insert(0, str(Path.cwd()))
    return load_recognizer(place)


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for the pages of a file and their resolution."""
    parser.add_argument(
        "--pages", metavar="LIST", help="pages of each file, such as 3, 2-5 or 1,4- (default: all)"
    )
    parser.add_argument(
        "--dpi",
        type=int,
        default=DPI,
        help="resolution for rendering PDF pages (default: %(default)s)",
    )


def reading_options(parsed: argparse.Namespace) -> ReadingOptions:
    """Create the reading options from the arguments.

    Raises:
        ConfigError: a value is out of its range.
    """
    model = parsed.language_model
    return ReadingOptions(
        kinds=parsed.kinds,
        what=LINE if parsed.single_line else PAGE,
        orientation=parsed.orientation,
        decoder=parsed.decoder,
        beam_width=parsed.beam_width,
        language_model=None if model == NONE else model,
        pages=getattr(parsed, "pages", None),
        dpi=getattr(parsed, "dpi", DPI),
    )


def parse_kinds(text: str) -> Tuple[str, ...]:
    """Parse kinds of lines separated by commas."""
    kinds = tuple(part.strip() for part in text.split(",") if part.strip())
    if not kinds or set(kinds) - set(KINDS):
        raise argparse.ArgumentTypeError(f"must be among {', '.join(KINDS)}; found {text!r}")
    return kinds

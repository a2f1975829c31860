"""`htr review`: look at what was read, correct it and label in a browser."""

from __future__ import annotations

import argparse
from pathlib import Path

from htrlib.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Open a page in the browser that shows the pictures and PDFs of a folder, reads them in "
        "the background, and takes corrections. Each page's text is a PAGE XML file beside its "
        "picture. Needs htrlib[review]. docs/review.md is a walk through it."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder of pictures and PDFs")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="folder for the PAGE XML files (default: beside the pictures)",
    )
    parser.add_argument(
        "--bundle",
        help="name or directory of the model (default: the one trained on the folder and chosen "
        "there, or english)",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; another than this computer's own asks everyone for a token "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--port", type=int, default=8080, help="0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--base-path",
        default="/",
        metavar="PATH",
        help="path before all addresses, behind a proxy (default: %(default)s)",
    )
    parser.add_argument("--token", help="that everyone needs (default: a new one where needed)")
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="pages read at once (default: one a core but one)"
    )
    parser.add_argument(
        "--no-browser", dest="browser", action="store_false", help="print the address alone"
    )
    parser.set_defaults(run=run_parsed)


def run_parsed(parsed: argparse.Namespace) -> int:
    """Serve until SIGTERM or Control-C."""
    try:
        from htrlib.review.server import ReviewConfig, serve
    except ImportError as error:
        if error.name != "aiohttp":
            raise
        raise ConfigError("htr review needs aiohttp: pip install 'htrlib[review]'") from error
    if parsed.jobs is not None and parsed.jobs < 1:
        raise ConfigError(f"--jobs {parsed.jobs}: at least one page is read at a time")
    serve(
        ReviewConfig(
            folder=parsed.folder,
            output=parsed.output,
            host=parsed.host,
            port=parsed.port,
            base_path=parsed.base_path,
            token=parsed.token,
            bundle=parsed.bundle,
            jobs=parsed.jobs,
            browser=parsed.browser,
        ),
        lambda text: print(text, flush=True),
    )
    return 0

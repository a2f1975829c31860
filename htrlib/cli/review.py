"""`htr review`: look at results, correct them and label pages in a browser."""

from __future__ import annotations

import argparse

from htrlib.cli.inputs import path_argument
from htrlib.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Open a browser page that shows the pictures and PDFs of a folder, reads them in the "
        "background, and saves corrections. The text of each page is stored in a PAGE XML file "
        "next to its picture. Needs htrlib[review]. docs/review.md is a walkthrough."
    )
    parser.add_argument(
        "folder", type=path_argument, metavar="FOLDER", help="folder of pictures and PDFs"
    )
    parser.add_argument(
        "--output",
        type=path_argument,
        metavar="DIR",
        help="folder for the PAGE XML files (default: next to the pictures)",
    )
    parser.add_argument(
        "--bundle",
        help="name or directory of the model (default: the one trained and chosen in the browser, "
        "or else HTRLIB_BUNDLE, or english)",
    )
    _add_server_options(parser)
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="number of pages read at once (default: cores minus one, at most 4)",
    )
    parser.add_argument(
        "--no-browser",
        dest="browser",
        action="store_false",
        help="print the address without opening a browser",
    )
    parser.set_defaults(run=run_parsed)


def _add_server_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; others than this computer's own require a token "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=8080,
        help="port to listen on; 0 chooses a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--base-path",
        default="/",
        metavar="PATH",
        help="path prefix behind a proxy (default: %(default)s)",
    )
    parser.add_argument("--token", help="access token (default: a new one, if required)")


def run_parsed(parsed: argparse.Namespace) -> int:
    """Serve until SIGTERM or Control-C."""
    try:
        from htrlib.review.server import ReviewConfig, serve
    except ImportError as error:
        if error.name != "aiohttp":
            raise
        raise ConfigError("htr review needs aiohttp: pip install 'htrlib[review]'") from error
    if parsed.jobs is not None and parsed.jobs < 1:
        raise ConfigError(f"--jobs must be at least 1, found {parsed.jobs}")
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

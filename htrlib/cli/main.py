"""The `htr` command: each module of commands adds its own."""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import Optional, Sequence

import htrlib
from htrlib.cli import aws, data, evaluate, lm, serve, train, transcribe
from htrlib.errors import HtrError

OK, PARTLY, FAILED, INTERRUPTED = 0, 1, 2, 130


def build_parser() -> argparse.ArgumentParser:
    """The parser; its result has the function to call in `run`."""
    parser = argparse.ArgumentParser(prog="htr", description="Read handwriting from pictures.")
    parser.add_argument("--version", action="version", version=f"htrlib {htrlib.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for module in (transcribe, train, evaluate, data, lm, serve, aws):
        module.add_parser(commands)
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run one command; return its exit status.

    0: all went well; 1: some inputs could not be read; 2: nothing could be done.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # results are UTF-8 in every locale; a file name that is no text is escaped as in JSON
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    parsed = build_parser().parse_args(arguments)
    try:
        status: int = parsed.run(parsed)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever reads the results has enough of them
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (HtrError, OSError) as error:
        print(f"htr: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED

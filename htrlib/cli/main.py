"""The `htr` command. Each command has a module that adds its arguments."""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from importlib import import_module
from typing import Collection, Optional, Sequence

from htrlib._version import __version__
from htrlib.errors import HtrError, os_error_text

OK, PARTLY, FAILED, INTERRUPTED = 0, 1, 2, 130

COMMANDS = {
    "transcribe": "read pages from pictures and PDFs",
    "review": "look at pages, correct and label them in a browser",
    "train": "train a network on labeled data",
    "adapt": "adapt the recognizer to pages without labels",
    "evaluate": "measure how well a bundle reads labeled data",
    "bundle": "list, check and export bundles",
    "info": "show versions, engines, devices and bundles",
    "data": "report on labeled data and convert it",
    "lm": "build and evaluate character language models",
    "serve": "serve a model over HTTP",
    "aws": "label, train, deploy and read with Amazon SageMaker",
}


def build_parser(names: Collection[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """Build the parser. Its result has the function to call in `run`.

    Args:
        names: the commands whose modules are imported for their arguments. A server does not need
            those of evaluation and data, which take time and memory.
    """
    parser = argparse.ArgumentParser(
        prog="htr", description="Read handwriting and print from pictures and PDFs."
    )
    parser.add_argument("--version", action="version", version=f"htrlib {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name in names:
            import_module(f"htrlib.cli.{name}").add_arguments(command)
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run a command and return its exit status.

    0: success; 1: some inputs could not be read; 2: failure.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # results are UTF-8 in every locale; undecodable file names are escaped as in JSON
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    # Of damaged pictures Pillow warns in words of its own, with lines of its code.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    arguments = sys.argv[1:] if arguments is None else arguments
    named = [argument for argument in arguments if not argument.startswith("-")][:1]
    try:
        parsed = build_parser(named).parse_args(arguments)
        status: int = parsed.run(parsed)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of the results closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except HtrError as error:
        print(f"htr: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"htr: {os_error_text(error)}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return _interrupted()
    except ImportError as error:
        if not _is_due_to_interrupt(error):
            raise
        return _interrupted()


def _interrupted() -> int:
    print("htr: interrupted", file=sys.stderr)
    return INTERRUPTED


def _is_due_to_interrupt(error: BaseException) -> bool:
    """Return whether Control-C stopped the import of a package, which then calls itself broken."""
    cause = error.__cause__ or error.__context__
    return isinstance(error, KeyboardInterrupt) or (
        cause is not None and _is_due_to_interrupt(cause)
    )

"""`htr serve`: run the container's server locally, without root or Docker."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from htrlib.cli.engine_options import add_engine_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Read pictures over HTTP, as the container does on SageMaker: POST a picture to "
        "/invocations. Needs Java and the packages of htrlib[serve]. docs/serving.md describes "
        "requests, answers and limits."
    )
    parser.add_argument(
        "--bundle",
        help="name or directory of the model (default: what is in /opt/ml/model, else "
        "HTRLIB_BUNDLE, else english)",
    )
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="serve several models, which POST /models loads from subdirectories of DIR",
    )
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, help="port to listen on; 0 chooses a free one (default: 8080)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="number of worker processes (default: one per CPU, at most 8; with --models one per "
        "model)",
    )
    add_engine_options(parser)
    parser.add_argument(
        "--jobs",
        type=Path,
        metavar="DIR",
        help="also accept requests that are answered later (POST /jobs), and keep them in DIR",
    )
    parser.set_defaults(run=run_parsed)


def run_parsed(parsed: argparse.Namespace) -> int:
    """Serve until SIGTERM or Control-C."""
    from htrlib.serving.config import configure
    from htrlib.serving.server import serve

    if parsed.recognizer is not None:  # the workers import its module from the current folder
        there = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(Path.cwd()), there)))
    return serve(
        configure(
            os.environ,
            bundle=parsed.bundle,
            models=parsed.models,
            host=parsed.host,
            port=parsed.port,
            workers=parsed.workers,
            engine=parsed.engine,
            recognizer=parsed.recognizer,
            jobs=parsed.jobs,
        )
    )

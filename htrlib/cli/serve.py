"""`htr serve`: the server of the container on a developer's machine, without root or Docker."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Answer pictures over HTTP, as the container does on SageMaker: POST a picture "
        "to /invocations. Needs Java and the packages of htrlib[serve]. docs/serving.md has the "
        "requests, answers and limits."
    )
    parser.add_argument("--bundle", help="name or directory of the model (default: english)")
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="serve several models instead, loaded by POST /models from directories below this one",
    )
    parser.add_argument("--host", help="address to listen at (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen at (default: 8080)")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="processes that read (default: one a CPU)"
    )
    parser.add_argument(
        "--engine",
        help="what runs the networks: onnx, onnx-float32, onnx-float16 or mxnet (default: the "
        "fastest that is installed)",
    )
    parser.add_argument(
        "--recognizer",
        metavar="MODULE:FUNCTION",
        help="recognize lines with a Python function instead of the model's (docs/extending.md)",
    )
    parser.set_defaults(run=run_parsed)


def run_parsed(parsed: argparse.Namespace) -> int:
    """Serve until SIGTERM or Control-C."""
    from htrlib.serving.config import configure
    from htrlib.serving.server import serve

    if parsed.recognizer is not None:  # the workers look for its module where this was started
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
        )
    )

"""Options for what runs the networks, shared by the server and the commands that read pages."""

from __future__ import annotations

import argparse


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for what runs the networks, or replaces the recognizer."""
    parser.add_argument(
        "--engine",
        help="what runs the networks: onnx, onnx-float32, onnx-float16 or mxnet "
        "(default: HTRLIB_ENGINE, or else the fastest that is installed)",
    )
    parser.add_argument(
        "--recognizer",
        metavar="MODULE:FUNCTION",
        help="recognize lines with your own Python function (docs/extending.md)",
    )

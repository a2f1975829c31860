"""The options of the commands that read pages."""

from __future__ import annotations

import argparse

from htrlib.decoding.defaults import BEAM_WIDTH, METHODS
from htrlib.reading.options import BUNDLED, ReadingOptions

NONE = "none"


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Add what decides how pages are read."""
    parser.add_argument("--bundle", help="name or directory of the model (default: english)")
    parser.add_argument("--device", help="cpu, gpu or gpu:N (default: a GPU if there is one)")
    parser.add_argument(
        "--engine",
        help="what runs the networks: onnx, onnx-float32, onnx-float16 or mxnet (default: the "
        "fastest that is installed)",
    )
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
        help="readings that beam search follows (default: %(default)s)",
    )
    parser.add_argument(
        "--language-model",
        default=BUNDLED,
        metavar=f"PATH|{NONE}",
        help="a model of `htr lm build`, or none (default: the bundle's)",
    )


def reading_options(parsed: argparse.Namespace) -> ReadingOptions:
    """How the arguments say that pages are read.

    Raises:
        ConfigError: a value is out of its range.
    """
    model = parsed.language_model
    return ReadingOptions(
        decoder=parsed.decoder,
        beam_width=parsed.beam_width,
        language_model=None if model == NONE else model,
    )

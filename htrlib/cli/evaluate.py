"""`htr evaluate`: measure how well a bundle reads labeled data."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, Optional, Sequence, Tuple, TypeVar

from htrlib.bundle import load_bundle
from htrlib.cli import datasets
from htrlib.cli.reading_options import add_model_options, import_recognizer
from htrlib.engines.device import parse_device
from htrlib.errors import ConfigError
from htrlib.evaluation.measuring import LINES, PAGES, Evaluation, evaluate_lines, evaluate_pages
from htrlib.evaluation.report import to_dict, to_text
from htrlib.evaluation.worst_lines import write_worst_lines
from htrlib.progress import progress

Page = TypeVar("Page")


def _to_json(evaluation: Evaluation) -> str:
    return json.dumps(to_dict(evaluation), ensure_ascii=False, indent=2) + "\n"


_FORMATS: Dict[str, Callable[[Evaluation], str]] = {"text": to_text, "json": _to_json}


@dataclass(frozen=True)
class EvaluateConfig:
    """Data, model and output of an evaluation.

    Attributes:
        data: format and path of the data.
        images: folder of the images, if the format does not imply it.
        split: use only this split of the data.
        options: other options of the format, "name=value" each.
        unit: "lines" at their labeled positions, or whole "pages".
        format: "text" or "json".
        worst: an HTML file for the worst lines.
        bundle: name or path, or None for the default.
        device: "cpu", "gpu" or "gpu:N", or None for the default.
        engine: name of the engine, or None for the fastest one.
        recognizer: `module:function` that recognizes lines, or None for the bundle's.
        seed: random seed of the intervals.
    """

    data: Tuple[str, str]
    images: Optional[str] = None
    split: Optional[str] = None
    options: Tuple[str, ...] = ()
    unit: str = PAGES
    format: str = "text"
    worst: Optional[Path] = None
    bundle: Optional[str] = None
    device: Optional[str] = None
    engine: Optional[str] = None
    recognizer: Optional[str] = None
    seed: int = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Read labeled data and compare the results with the labels. Results go to standard "
        "output, progress and errors to standard error. The exit status is 1 if a page could not "
        "be read."
    )
    parser.add_argument(
        "--data",
        nargs=2,
        metavar=("FORMAT", "PATH"),
        required=True,
        help="format (page_xml, alto, csv, ...), and annotation file or folder",
    )
    datasets.add_options(parser)
    _add_unit(parser)
    add_model_options(parser)
    parser.add_argument(
        "--format", choices=sorted(_FORMATS), default="text", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--worst",
        type=Path,
        metavar="FILE.html",
        help="also write the worst lines with their images",
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="random seed of the intervals (default: %(default)s)"
    )
    parser.set_defaults(run=_run_parsed)


def _add_unit(parser: argparse.ArgumentParser) -> None:
    unit = parser.add_mutually_exclusive_group()
    unit.add_argument(
        "--pages",
        dest="unit",
        action="store_const",
        const=PAGES,
        default=PAGES,
        help="find the lines, and compare whole pages (default)",
    )
    unit.add_argument(
        "--lines",
        dest="unit",
        action="store_const",
        const=LINES,
        help="read the lines at their labeled positions",
    )


def _run_parsed(parsed: argparse.Namespace) -> int:
    return run(
        EvaluateConfig(
            data=tuple(parsed.data),
            images=parsed.images,
            split=parsed.split,
            options=tuple(parsed.option),
            unit=parsed.unit,
            format=parsed.format,
            worst=parsed.worst,
            bundle=parsed.bundle,
            device=parsed.device,
            engine=parsed.engine,
            recognizer=parsed.recognizer,
            seed=parsed.seed,
        )
    )


def run(config: EvaluateConfig) -> int:
    """Read the data, print the results, and return the exit status.

    Raises:
        ConfigError: the folder for the worst lines does not exist.
        ConfigError, DatasetError: see `htrlib.cli.datasets.load` and `evaluate_pages`.
        BundleError, DeviceError: see `Bundle.engine`.
        OSError: the worst lines cannot be written.
    """
    from htrlib.reading.pipeline import Pipeline  # here, to keep `htr --help` fast

    parse_device(config.device)
    if config.worst is not None:
        _check_writable(config.worst)  # now, not after reading all pages
    pipeline = Pipeline(
        recognize_lines=import_recognizer(config.recognizer),
        bundle=load_bundle(config.bundle),
        engine=config.engine,
        device=config.device,
    )
    format, path = config.data
    dataset = datasets.load(
        format, path, images=config.images, split=config.split, options=config.options
    )
    evaluate = evaluate_lines if config.unit == LINES else evaluate_pages
    evaluation = evaluate(dataset, pipeline, seed=config.seed, progress=_told)
    left_out = [problem for problem in evaluation.problems if problem.skipped == "page"]
    left_out += evaluation.unread
    for problem in left_out:
        print(f"htr: left out, {problem}", file=sys.stderr)
    print(_FORMATS[config.format](evaluation), end="", flush=True)
    if config.worst is not None:
        write_worst_lines(config.worst, evaluation)
    return int(bool(left_out))


def _check_writable(path: Path) -> None:
    if not path.parent.is_dir():
        raise ConfigError(f"{path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; give a file")


def _told(pages: Sequence[Page]) -> Iterator[Page]:
    return progress(pages, "reading pages", len(pages))

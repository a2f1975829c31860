"""`htr adapt`: teach the recognizer pages that have no labels."""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, Optional, Tuple

from htrlib.bundle import load_bundle
from htrlib.cli import train, transcribe
from htrlib.cli.inputs import STANDARD_STREAM, find_inputs, path_argument
from htrlib.cli.reading_options import parse_kinds
from htrlib.cli.result_files import NumberedFiles, ResultFiles
from htrlib.data.page_places import PagePlace
from htrlib.document.kinds import KINDS
from htrlib.errors import ConfigError
from htrlib.images.page_selection import DPI

CONFIDENCE = 0.6
"""Of the words of a line on average. A limit of 0.5 teaches about as much."""

EPOCHS, MINUTES = 8, 30
SETTINGS = {"batch_columns": "6144", "dropout": "0.15", "language_model": "keep"}
"""Options of the training. Texts that the language model helped to read would teach it nothing."""

FORMAT = "page"


@dataclass(frozen=True)
class AdaptConfig:
    """Input, model and output of `htr adapt`.

    Attributes:
        paths: files, and folders of files, to learn from.
        output: the new bundle.
        directory: folder for readings, checkpoints and logs.
        init: bundle to start from.
        confidence: mean confidence of the words of a line from which on it is trained on.
        kinds: kinds of lines to train on, or None for all.
        epochs: passes over these lines.
        minutes: maximum training time.
        device: "cpu", "gpu" or "gpu:N", or None for the default.
        jobs: number of pictures read at once, or None for one per core, at most 8.
        recursive: read subfolders too.
    """

    paths: Tuple[Path, ...]
    output: Path
    directory: Path
    init: str = "english"
    confidence: float = CONFIDENCE
    kinds: Optional[Tuple[str, ...]] = None
    epochs: int = EPOCHS
    minutes: float = MINUTES
    device: Optional[str] = None
    jobs: Optional[int] = None
    recursive: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Teach the recognizer the hands of pages without labels: read the pages, train on the "
        "lines that were read with confidence, and write a new bundle. This pays off with a "
        "hundred or more pages by a few hands. Ctrl-C stops after the current step; repeat the "
        "command to resume."
    )
    parser.add_argument(
        "paths", nargs="+", type=path_argument, metavar="PATH", help="picture, PDF or folder"
    )
    parser.add_argument("--recursive", action="store_true", help="read subfolders too")
    parser.add_argument(
        "--init", default="english", help="bundle to start from (default: %(default)s)"
    )
    parser.add_argument(
        "--output", type=path_argument, required=True, metavar="DIR", help="the new bundle"
    )
    parser.add_argument(
        "--run",
        dest="run_directory",
        type=Path,
        metavar="DIR",
        help="folder for readings, checkpoints and logs (default: OUTPUT.training)",
    )
    _add_settings(parser)
    parser.add_argument("--device", help="cpu, gpu or gpu:N (default: a GPU if there is one)")
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="number of pictures read at once (default: one per core, at most 8)",
    )
    parser.set_defaults(run=_run_parsed)


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options of which lines are trained on, and how long."""
    parser.add_argument(
        "--confidence",
        type=_share,
        default=CONFIDENCE,
        metavar="N",
        help="train on lines whose words have at least this mean confidence, 0 to 1 "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--kinds",
        type=parse_kinds,
        metavar="KIND,...",
        help=f"train on these lines only: {', '.join(KINDS)} (default: all text)",
    )
    parser.add_argument(
        "--epochs",
        type=int,
        default=EPOCHS,
        metavar="N",
        help="maximum number of passes over these lines (default: %(default)s)",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=MINUTES,
        metavar="N",
        help="maximum training time, without reading (default: %(default)s)",
    )


def _run_parsed(parsed: argparse.Namespace) -> int:
    return run(
        AdaptConfig(
            paths=tuple(parsed.paths),
            output=parsed.output,
            directory=train.directory_of(parsed),
            init=parsed.init,
            confidence=parsed.confidence,
            kinds=parsed.kinds,
            epochs=parsed.epochs,
            minutes=parsed.minutes,
            device=parsed.device,
            jobs=parsed.jobs,
            recursive=parsed.recursive,
        )
    )


def run(config: AdaptConfig) -> int:
    """Read, train, write the bundle, and return the exit status.

    Raises:
        ConfigError: standard input is among the paths, or a value is out of its range.
        DatasetError: no line is read with confidence.
        BundleError, DeviceError, TrainingError: see `train.run`.
    """
    # here, since it configures MXNet for training
    from htrlib.formats.sure_lines import load_sure_lines
    from htrlib.training.config import TrainerConfig
    from htrlib.training.trainer import Trainer

    if STANDARD_STREAM in config.paths:
        raise ConfigError("- is read once, and training needs its pictures again: name a file")
    limits = {"epochs": str(config.epochs), "minutes": str(config.minutes)}
    settings = TrainerConfig.from_dict({**SETTINGS, **limits})
    train.check_apart(config.output, config.directory)
    readings = _readings(config)
    _drop_outdated(readings)
    status = transcribe.run(readings)
    lines = load_sure_lines(_pages(readings), config.confidence)
    lines = lines.of_kinds(None if config.kinds is None else ",".join(config.kinds))
    count = len(lines.lines)
    print(f"{count} lines are read with a confidence of {config.confidence:g} or more", flush=True)
    trainer = Trainer(
        "line-recognition",
        config=settings,
        init=config.init,
        directory=config.directory,
        device=config.device,
    )
    return train.fit(trainer, lines, None, config.output) or status


def _readings(config: AdaptConfig) -> transcribe.TranscribeConfig:
    """The reading of pages that have not been read with this bundle: of all kinds of lines.

    Bundles of one name and pages of other folders have other results.
    """
    bundle = load_bundle(config.init)
    paths = (str(Path(path).resolve()) for path in config.paths)
    read = "\n".join([str(bundle.checksum("line-recognition")), *paths])
    name = re.sub(r"\W+", "-", bundle.label)
    folder = f"{name}-{hashlib.sha256(os.fsencode(read)).hexdigest()[:8]}"
    return transcribe.TranscribeConfig(
        paths=config.paths,
        formats=(FORMAT,),
        output=config.directory / "readings" / folder,
        bundle=config.init,
        device=config.device,
        jobs=config.jobs,
        recursive=config.recursive,
        skip_existing=True,
    )


def _pages(config: transcribe.TranscribeConfig) -> Dict[str, PagePlace]:
    """The pages that were read; those of files that cannot be read are missing."""
    pages = {}
    for path, number, xml in _found(config):
        page = path.name if number is None else f"{path.name}/{number:04d}"
        name = xml.relative_to(config.output or Path()).as_posix()
        pages[name] = PagePlace(page, path, number or 1, xml)
    return pages


def _drop_outdated(config: transcribe.TranscribeConfig) -> None:
    """Remove what was read of files that have changed since."""
    for path, _, xml in _found(config):
        if xml.stat().st_mtime_ns < path.stat().st_mtime_ns:
            xml.unlink()


def _found(config: transcribe.TranscribeConfig) -> Iterator[Tuple[Path, Optional[int], Path]]:
    """Yield the file, the number, and the result of each page that was read."""
    files = ResultFiles(config.output or Path(), config.formats, DPI)
    numbered = NumberedFiles()
    for entry in find_inputs(config.paths, recursive=config.recursive, numbered=True):
        for number, xml in sorted(files.pages(entry, numbered)):
            yield entry.path, number, xml


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1; found {text!r}")
    return value

"""`htr transcribe`: pictures of handwriting to text, JSON and pictures to look at."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Union

from tqdm import tqdm

from htrlib.cli.reading_options import (
    add_page_options,
    add_reading_options,
    import_recognizer,
    reading_options,
)
from htrlib.cli.told_warnings import Told
from htrlib.document.results import DocumentResult, PageResult
from htrlib.engines.device import parse_device
from htrlib.errors import ConfigError, ImageError
from htrlib.formats.json_format import to_json
from htrlib.formats.overlay import draw_overlay
from htrlib.formats.text import to_text
from htrlib.images.loading import iter_page_outcomes, iter_pages
from htrlib.images.suffixes import IMAGE_SUFFIXES
from htrlib.reading.options import ReadingOptions

Result = Union[PageResult, DocumentResult]

_OVERLAY = ".overlay.png"


@dataclass(frozen=True)
class _Format:
    write: Callable[[Result], str]
    suffix: str


_FORMATS: Dict[str, _Format] = {
    "text": _Format(to_text, ".txt"),
    "json": _Format(to_json, ".json"),
}


@dataclass(frozen=True)
class TranscribeConfig:
    """What to read, with what, and where the results go.

    Attributes:
        paths: files, and folders whose pictures are read.
        format: "text" or "json".
        output: a folder for one file per input, or None: results go to standard output.
        overlay: also draw pictures, into `output` or else into the current directory.
        bundle: name or path, or None for the default.
        device: "cpu", "gpu" or "gpu:N", or None for the default.
        engine: what runs the networks, or None for the fastest there is.
        recognizer: `module:function` that recognizes lines, or None for the bundle's.
        reading: how pages are read.
        jobs: how many pictures are read at once, or None: one a core.
    """

    paths: Tuple[Path, ...]
    format: str = "text"
    output: Optional[Path] = None
    overlay: bool = False
    bundle: Optional[str] = None
    device: Optional[str] = None
    engine: Optional[str] = None
    recognizer: Optional[str] = None
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    jobs: Optional[int] = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Read pictures of handwriting. Results go to standard output, or with "
        "--output to one file per picture; progress and errors go to standard error. The exit "
        "status is 1 if a picture could not be read."
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="a picture, or a folder of pictures"
    )
    parser.add_argument(
        "--format",
        choices=sorted(_FORMATS),
        default="text",
        help="text: a row per written line; json: an object per picture (default: %(default)s)",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="write files into this folder")
    parser.add_argument(
        "--overlay",
        action="store_true",
        help=f"also draw NAME{_OVERLAY}: the page with its lines and what they say",
    )
    add_page_options(parser)
    add_reading_options(parser)
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="pictures read at once, by threads or, with MXNet, by processes of half a gigabyte "
        "each (default: one a core, at most 8)",
    )
    parser.set_defaults(run=_run_parsed)


def _run_parsed(parsed: argparse.Namespace) -> int:
    return run(
        TranscribeConfig(
            paths=tuple(parsed.paths),
            format=parsed.format,
            output=parsed.output,
            overlay=parsed.overlay,
            bundle=parsed.bundle,
            device=parsed.device,
            engine=parsed.engine,
            recognizer=parsed.recognizer,
            reading=reading_options(parsed),
            jobs=parsed.jobs,
        )
    )


def run(config: TranscribeConfig) -> int:
    """Read all inputs, tell of those that cannot be read, and return the exit status.

    Raises:
        ConfigError: two inputs would write the same file.
        BundleError, DeviceError: as for `Bundle.engine`.
        OSError: a folder cannot be listed, or a result cannot be written.
    """
    # here, for `htr --help` does without what reads pages
    from htrlib.bundle import load_bundle
    from htrlib.reading.parallel import jobs_at_once, read_files
    from htrlib.reading.pipeline import Pipeline

    parse_device(config.device)
    inputs = [picture for path in config.paths for picture in _pictures(path)]
    jobs = jobs_at_once(config.jobs, len(inputs))
    _check_names(inputs, config)
    bundle = load_bundle(config.bundle)
    engine = bundle.engine(config.engine, config.device)
    pipeline = Pipeline(
        recognize_lines=import_recognizer(config.recognizer),
        bundle=bundle,
        engine=engine,
        options=config.reading,
    )
    if config.output is not None:
        config.output.mkdir(parents=True, exist_ok=True)
    told = Told()
    # disable=None: no bar where standard error is no terminal
    with tqdm(total=len(inputs), unit="file", disable=len(inputs) < 2 or None) as progress:
        outcomes = read_files(inputs, pipeline, engine, jobs)
        for number, (path, result) in enumerate(outcomes):
            progress.update()
            if isinstance(result, ImageError):
                told.fail(result)
                continue
            told.warn(path, result)
            _deliver(path, result, config, heading=_heading(path, number, len(inputs), config))
    told.count()
    return int(told.failed > 0)


def _pictures(path: Path) -> List[Path]:
    """The pictures of a folder by name, or else the path itself, and reading it says why not."""
    if not path.is_dir():
        return [path]
    pictures = (
        file
        for file in path.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.endswith(_OVERLAY)
    )
    return sorted(pictures) or [path]


def _check_names(inputs: Sequence[Path], config: TranscribeConfig) -> None:
    """Refuse before reading what would write one result over another."""
    if config.output is None and not config.overlay:
        return
    firsts: Dict[str, Path] = {}
    for path in inputs:
        first = firsts.setdefault(path.stem, path)
        if first != path:
            raise ConfigError(
                f"{first} and {path} would write the same files {path.stem}.*; rename one, or read "
                "them with different --output"
            )


def _deliver(path: Path, result: Result, config: TranscribeConfig, heading: str) -> None:
    """Write one input's result where it goes."""
    form = _FORMATS[config.format]
    text = form.write(result)
    if config.output is None:
        tqdm.write(heading + text, file=sys.stdout, end="")
    else:
        file = config.output / f"{path.stem}{form.suffix}"
        file.write_text(text, encoding="utf-8", errors="backslashreplace")
    if config.overlay:
        _draw(path, result, config.output or Path(), config.reading.dpi)


def _heading(path: Path, number: int, count: int, config: TranscribeConfig) -> str:
    """Which of several files the rows after it come from; JSON says so itself."""
    if count == 1 or config.format != "text":
        return ""
    return f"{chr(10) * (number > 0)}==> {path} <==\n"


def _draw(path: Path, result: Result, folder: Path, dpi: int) -> None:
    """Draw one picture per page; the pages are read again, so that one at a time is held."""
    if isinstance(result, PageResult):
        draw_overlay(next(iter_pages(path, dpi=dpi)), result).save(
            folder / f"{path.stem}{_OVERLAY}"
        )
        return
    read = {page.number: page for page in result.pages}
    for outcome in iter_page_outcomes(path, dpi=dpi):
        if outcome.page is not None and outcome.number in read:
            file = folder / f"{path.stem}-{outcome.number}{_OVERLAY}"
            draw_overlay(outcome.page, read[outcome.number]).save(file)

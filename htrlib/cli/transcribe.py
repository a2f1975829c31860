"""`htr transcribe`: read pictures and PDFs, and write text, JSON and other formats."""

from __future__ import annotations

import argparse
import contextlib
import errno
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterator, Optional, Sequence, Tuple, Union

from tqdm import tqdm

from htrlib.cli.inputs import (
    STANDARD_INPUT,
    STANDARD_STREAM,
    Input,
    Shard,
    find_inputs,
    passed_over,
    path_argument,
    shard_of,
    spool_standard_input,
)
from htrlib.cli.reading_options import (
    add_page_options,
    add_reading_options,
    import_recognizer,
    reading_options,
)
from htrlib.cli.result_files import ResultFiles, check_apart, check_new
from htrlib.cli.run_messages import FileCounts, report_passed_over
from htrlib.engines.device import parse_device
from htrlib.errors import ConfigError, HtrError, ImageError, os_error_text
from htrlib.formats.saving import FORMATS, Result, WriteOptions, to_bytes
from htrlib.images.suffixes import PDF, SUFFIXES
from htrlib.progress import Heartbeat
from htrlib.reading.options import ReadingOptions

OVERLAY = "overlay"

ResultOrError = Union[Result, ImageError]

_OF_THE_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
"""Errors in writing that are due to a file's name: those of other inputs can be written."""


@dataclass(frozen=True)
class TranscribeConfig:
    """Input, model and output of `htr transcribe`.

    Attributes:
        paths: files, and folders of files, to read.
        formats: names of `htrlib.formats.FORMATS`.
        output: folder for one file per input, or None for standard output.
        overlay: also draw overlays, in `output` or else in the current directory.
        bundle: name or path, or None for the default.
        device: "cpu", "gpu" or "gpu:N", or None for the default.
        engine: name of the engine, or None for the fastest one.
        recognizer: `module:function` that recognizes lines, or None for the bundle's.
        reading: reading options.
        jobs: number of pictures read at once, or None for one per core.
        flow: join lines into paragraphs, in formats of running text.
        recursive: read subfolders too.
        skip_existing: skip inputs whose results exist.
        overwrite: replace existing results.
        shard: the part of the inputs to read, or None for all.
    """

    paths: Tuple[Path, ...]
    formats: Tuple[str, ...] = ("text",)
    output: Optional[Path] = None
    overlay: bool = False
    bundle: Optional[str] = None
    device: Optional[str] = None
    engine: Optional[str] = None
    recognizer: Optional[str] = None
    reading: ReadingOptions = field(default_factory=ReadingOptions)
    jobs: Optional[int] = None
    flow: bool = False
    recursive: bool = False
    skip_existing: bool = False
    overwrite: bool = False
    shard: Optional[Shard] = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Read pictures and PDFs. Results go to standard output (-), or with --output to one file "
        "per input; progress and errors go to standard error. The exit status is 1 if an input "
        "could not be read."
    )
    parser.add_argument(
        "paths", nargs="+", type=path_argument, metavar="PATH", help="picture, PDF or folder"
    )
    parser.add_argument(
        "--format",
        type=_formats,
        default=("text",),
        metavar="NAME,...",
        help=f"one or more of {', '.join(FORMATS)} (default: text; see docs/formats.md)",
    )
    parser.add_argument(
        "--output", type=path_argument, metavar="DIR", help="write files to this folder"
    )
    parser.add_argument(
        "--overlay",
        action="store_true",
        help="also draw NAME.overlay.png: the page with its lines and their text",
    )
    parser.add_argument(
        "--flow", action="store_true", help="join lines into paragraphs in text and Markdown"
    )
    _add_batch_options(parser)
    add_page_options(parser)
    add_reading_options(parser)
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="number of pictures read at once, in threads or, with MXNet, in processes of half a "
        "gigabyte each (default: one per core, at most 8)",
    )
    parser.set_defaults(run=_run_parsed)


def _add_batch_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--recursive", action="store_true", help="read subfolders too")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument(
        "--skip-existing",
        action="store_true",
        help="skip inputs whose results exist, to resume an interrupted run",
    )
    existing.add_argument("--overwrite", action="store_true", help="replace existing results")
    parser.add_argument(
        "--shard",
        metavar="N/COUNT",
        help="read one part of the inputs, such as 3/10, for array jobs",
    )


def _formats(text: str) -> Tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in FORMATS:
            raise argparse.ArgumentTypeError(f"must be one of {', '.join(FORMATS)}; found {name!r}")
    return names


def _run_parsed(parsed: argparse.Namespace) -> int:
    return run(
        TranscribeConfig(
            paths=tuple(parsed.paths),
            formats=parsed.format,
            output=None if parsed.output == STANDARD_STREAM else parsed.output,
            overlay=parsed.overlay,
            bundle=parsed.bundle,
            device=parsed.device,
            engine=parsed.engine,
            recognizer=parsed.recognizer,
            reading=reading_options(parsed),
            jobs=parsed.jobs,
            flow=parsed.flow,
            recursive=parsed.recursive,
            skip_existing=parsed.skip_existing,
            overwrite=parsed.overwrite,
            shard=None if parsed.shard is None else Shard.parse(parsed.shard),
        )
    )


def run(config: TranscribeConfig) -> int:
    """Read all inputs, report those that cannot be read, and return the exit status.

    Raises:
        ConfigError: results exist already, or a format cannot be written to standard output.
        BundleError, DeviceError: see `Bundle.engine`.
        OSError: a folder cannot be listed, or a result cannot be written.
    """
    parse_device(config.device)
    _check_output(config)
    _check_not_read_again(config)
    with _inputs(config) as (inputs, spooled):
        for folder in filter(Path.is_dir, config.paths):
            report_passed_over(folder, passed_over(folder, recursive=config.recursive))
        files = _result_files(config)
        counts = FileCounts()
        if files is not None:
            if config.skip_existing:
                wanted = tuple(entry for entry in inputs if not files.complete(entry))
                counts.skipped = len(inputs) - len(wanted)
                inputs = wanted
            elif not config.overwrite:
                check_new(files, inputs)
            check_apart(files, inputs)
        return _read(config, inputs, files, spooled, counts)


def _outcomes(
    config: TranscribeConfig, paths: Sequence[Path]
) -> Iterator[Tuple[Path, ResultOrError]]:
    """Read files, and yield the result of each, or why it cannot be read.

    Those that are printed come in the order of the files; others are written once they are there.
    """
    # here, to keep `htr --help` fast
    from htrlib.bundle import load_bundle
    from htrlib.reading.parallel import jobs_at_once, read_files
    from htrlib.reading.pipeline import Pipeline

    jobs = jobs_at_once(config.jobs, len(paths))
    bundle = load_bundle(config.bundle)
    engine = bundle.engine(config.engine, config.device)
    pipeline = Pipeline(
        recognize_lines=import_recognizer(config.recognizer),
        bundle=bundle,
        engine=engine,
        options=config.reading,
    )
    return read_files(paths, pipeline, engine, jobs, in_order=config.output is None)


def _read(
    config: TranscribeConfig,
    inputs: Sequence[Input],
    files: Optional[ResultFiles],
    spooled: Path,
    counts: FileCounts,
) -> int:
    entries = {entry.path: entry for entry in inputs}
    outcomes = _outcomes(config, tuple(entries))
    if config.output is not None:
        config.output.mkdir(parents=True, exist_ok=True)
    pages = 0
    heartbeat = Heartbeat("reading", len(inputs), "files")
    # disable=None: no bar if standard error is not a terminal
    with tqdm(total=len(inputs), unit="file", disable=len(inputs) < 2 or None) as progress:
        for number, (path, result) in enumerate(outcomes):
            entry = entries[path]
            if path == spooled:
                path, result = Path(STANDARD_INPUT), _from_standard_input(path, result)
            progress.update()
            heartbeat.beat(number + 1)
            if isinstance(result, ImageError):
                counts.fail(result)
                continue
            if files is not None and not _write(files, entry, result, counts):
                continue
            pages += len(result.pages)
            elapsed = progress.format_dict["elapsed"] or 1.0
            progress.set_postfix_str(f"{pages / elapsed:.1f} pages/s", refresh=False)
            counts.warn(path, result)
            if config.output is None:
                heading = _heading(path, number, len(inputs), config)
                tqdm.write(heading + _text(entry, result, config), file=sys.stdout, end="")
    counts.count()
    return int(counts.failed > 0)


def _write(files: ResultFiles, entry: Input, result: Result, counts: FileCounts) -> bool:
    """Write a result; report and return False if it or its file's name cannot be written."""
    try:
        files.write(entry, result)
    except ImageError as error:  # formats with the picture read the file again
        counts.fail(error)
        return False
    except OSError as error:
        if error.errno not in _OF_THE_NAME:
            raise
        counts.fail(HtrError(os_error_text(error)))
        return False
    return True


def _check_output(config: TranscribeConfig) -> None:
    if config.output is not None:
        if config.output.exists() and not config.output.is_dir():
            raise ConfigError(f"--output {config.output}: is a file; name a folder")
        return
    binary = [name for name in config.formats if FORMATS[name].needs_picture]
    if len(config.formats) > 1 or binary:
        raise ConfigError(f"--format {','.join(config.formats)} writes files; add --output DIR")


def _check_not_read_again(config: TranscribeConfig) -> None:
    """Refuse to write files that a next run would read.

    Raises:
        ConfigError: PDFs would be written into a folder that is searched for them.
    """
    suffixes = {FORMATS[name].suffixes[0] for name in config.formats}
    if config.output is None or not suffixes & set(SUFFIXES[PDF]):
        return
    output = config.output.resolve()
    for folder in filter(Path.is_dir, config.paths):
        searched = folder.resolve()
        if searched == output or (config.recursive and searched in output.parents):
            raise ConfigError(
                f"--output {config.output}: is searched for pages, and the PDFs written there "
                "would be read by the next run; name another folder"
            )


@contextlib.contextmanager
def _inputs(config: TranscribeConfig) -> Iterator[Tuple[Tuple[Input, ...], Path]]:
    """Find the inputs of this run, and the file to which standard input is saved."""
    with tempfile.TemporaryDirectory() as folder:
        spooled = Path(folder, STANDARD_INPUT)
        if STANDARD_STREAM in config.paths:
            spool_standard_input(spooled)
        paths = [spooled if path == STANDARD_STREAM else path for path in config.paths]
        formats = (*config.formats, *((OVERLAY,) if config.overlay else ()))
        numbered = any(FORMATS[name].one_page for name in formats)
        inputs = find_inputs(paths, recursive=config.recursive, numbered=numbered)
        yield (inputs if config.shard is None else shard_of(inputs, config.shard)), spooled


def _from_standard_input(spooled: Path, result: ResultOrError) -> ResultOrError:
    """Name standard input in a result or an error, and not the file to which it was saved."""
    from htrlib.document.packed_pages import PackedPages
    from htrlib.document.results import DocumentResult, PageResult

    if isinstance(result, ImageError):
        return ImageError(str(result).replace(str(spooled), STANDARD_INPUT))
    if isinstance(result, PageResult):
        return replace(result, source=STANDARD_INPUT)
    pages = PackedPages(replace(page, source=STANDARD_INPUT) for page in result.pages)
    errors = tuple(error.replace(str(spooled), STANDARD_INPUT) for error in result.errors)
    return DocumentResult(pages, STANDARD_INPUT, errors)


def _result_files(config: TranscribeConfig) -> Optional[ResultFiles]:
    """Return the files to write; None if everything goes to standard output."""
    formats = config.formats if config.output is not None else ()
    if config.overlay and OVERLAY not in formats:
        formats = (*formats, OVERLAY)
    if not formats:
        return None
    first = config.reading.selection.first
    folder, keep = config.output or Path(), config.skip_existing
    return ResultFiles(folder, formats, config.reading.dpi, config.flow, first, keep)


def _text(entry: Input, result: Result, config: TranscribeConfig) -> str:
    """Format a result for standard output; one-page formats follow each other."""
    form = FORMATS[config.formats[0]]
    options = WriteOptions(entry.path, config.reading.dpi, config.flow)
    parts = result.pages if form.one_page else (result,)
    return "".join(to_bytes(part, form, options).decode("utf-8", "replace") for part in parts)


def _heading(path: Path, number: int, count: int, config: TranscribeConfig) -> str:
    """Return a heading that names the file, if there are several; JSON names it itself."""
    if count == 1 or config.formats != ("text",):
        return ""
    return f"{chr(10) * (number > 0)}==> {path} <==\n"

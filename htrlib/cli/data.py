"""`htr data inspect` and `htr data convert`: report on labeled data and convert it."""

from __future__ import annotations

import argparse
import random
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from tqdm import tqdm

from htrlib.cli import datasets
from htrlib.data import FORMATS, WRITERS, Dataset, LineSample, PageSample, Problem
from htrlib.data.pictures import file_stems
from htrlib.errors import ConfigError, ImageError
from htrlib.evaluation.inspection import draw_line, draw_page, stacked

_EXAMPLES = 3  # of each kind of problem
_LABELS = ".labels.png"  # behind a page's name: the page's own picture may lie in the folder
_SHEET = "lines.png"


@dataclass(frozen=True)
class Source:
    """Labeled data.

    Attributes:
        format: one of `htrlib.data.FORMATS`.
        path: annotation file or folder.
        images: folder of the images, if the format does not imply it.
        split: use only this split.
        options: other options of the format, "name=value" each.
    """

    format: str
    path: str
    images: Optional[str] = None
    split: Optional[str] = None
    options: Tuple[str, ...] = ()

    def load(self) -> Dataset:
        """Load it. Raises as `htrlib.data.selecting.select`."""
        return datasets.load(
            self.format, self.path, images=self.images, split=self.split, options=self.options
        )


@dataclass(frozen=True)
class InspectConfig:
    """Data to report on, and how many samples of it to draw.

    Attributes:
        source: the data.
        samples: number of samples to draw.
        output: folder for the drawings.
        seed: chooses the samples.
    """

    source: Source
    samples: int = 0
    output: Path = Path()
    seed: int = 0


@dataclass(frozen=True)
class ConvertConfig:
    """Data to convert.

    Attributes:
        source: the data.
        to: one of `htrlib.data.WRITERS`.
        output: folder to write; for ground_truth, the manifest.
    """

    source: Source
    to: str
    output: Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    _add_inspector(actions)
    _add_converter(actions)


def _add_inspector(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    inspector = actions.add_parser(
        "inspect",
        help="report what the data holds and what was skipped, and draw samples",
        description="Report on standard output what the data holds, what was skipped and why. "
        "Draw samples with their boxes and texts.",
    )
    _add_source(inspector)
    inspector.add_argument(
        "--samples",
        type=int,
        default=InspectConfig.samples,
        metavar="N",
        help=f"draw N samples: NAME{_LABELS} for a page, {_SHEET} for all single lines",
    )
    inspector.add_argument(
        "--output",
        type=Path,
        default=InspectConfig.output,
        metavar="DIR",
        help="folder for the drawings (default: the current one)",
    )
    inspector.add_argument(
        "--seed",
        type=int,
        default=InspectConfig.seed,
        help="chooses the samples (default: %(default)s)",
    )
    inspector.set_defaults(run=_inspect_parsed)


def _add_converter(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    converter = actions.add_parser(
        "convert",
        help="convert data to another format",
        description="Convert data to another format. Standard error lists what the format cannot "
        "hold, and the problems of the data. The exit status is 1 if a page could not be used.",
    )
    _add_source(converter)
    converter.add_argument("to", metavar="TO", choices=list(WRITERS), help=", ".join(WRITERS))
    converter.add_argument(
        "output", type=Path, metavar="OUTPUT", help="folder; for ground_truth, the manifest"
    )
    converter.set_defaults(run=_convert_parsed)


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("path", metavar="PATH", help="annotation file or folder")
    datasets.add_options(parser)


def _source(parsed: argparse.Namespace) -> Source:
    return Source(
        parsed.format, parsed.path, parsed.images, parsed.split, options=tuple(parsed.option)
    )


def _inspect_parsed(parsed: argparse.Namespace) -> int:
    return inspect(InspectConfig(_source(parsed), parsed.samples, parsed.output, parsed.seed))


def _convert_parsed(parsed: argparse.Namespace) -> int:
    return convert(ConvertConfig(_source(parsed), parsed.to, parsed.output))


def inspect(config: InspectConfig) -> int:
    """Print a report, draw samples, and return the exit status.

    Raises:
        ConfigError: the number of samples is negative.
        ConfigError, DatasetError: see `htrlib.cli.datasets.load`.
    """
    if config.samples < 0:
        raise ConfigError(f"--samples must be at least 0, found {config.samples}")
    dataset = config.source.load()
    report = dataset.report()
    print(report)
    for row in _examples(report.problems):
        print(row)
    sys.stdout.flush()
    return _draw(dataset, config.samples, config.seed, config.output)


def convert(config: ConvertConfig) -> int:
    """Write the data in the other format, and return the exit status: 1 if a page was unusable.

    Raises:
        ConfigError: the output is where the data is.
        ConfigError, DatasetError: see `htrlib.cli.datasets.load`.
    """
    source, output = Path(config.source.path).resolve(), config.output.resolve()
    folders = () if config.to == "ground_truth" else output.parents
    is_beside = source.parent == output and source.is_file()
    if source in (output, *folders) or is_beside:
        raise ConfigError(
            f"{config.output} belongs to the data, whose labels could be replaced; name another "
            "output"
        )
    dataset = config.source.load()
    for page in dataset.pages:
        if isinstance(page.image, Path) and page.image.resolve().parent == output:
            raise ConfigError(
                f"{config.output} holds the data's pictures, which could be replaced; name another "
                "output"
            )
    lacking = WRITERS[config.to](dataset, config.output)
    for problem in (*dataset.problems, *lacking):
        print(f"htr: {'left out' if problem.skipped else 'kept'}, {problem}", file=sys.stderr)
    return int(any(problem.skipped == "page" for problem in dataset.problems))


def _examples(problems: Sequence[Problem]) -> Iterator[str]:
    """The first few problems of each kind, after a blank row."""
    kinds: Dict[str, List[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.reason, []).append(problem)
    for reason, found in kinds.items():
        yield f"\n{reason}, for example"
        for problem in found[:_EXAMPLES]:
            yield f"  {problem.source}" + (f": {problem.detail}" if problem.detail else "")


def _draw(dataset: Dataset, count: int, seed: int, folder: Path) -> int:
    """Draw samples at random, in the order of the data; return the exit status."""
    if not count:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    numbers = sorted(random.Random(seed).sample(range(len(dataset)), min(count, len(dataset))))
    chosen = [dataset[number] for number in numbers]
    pages = [sample for sample in chosen if isinstance(sample, PageSample)]
    failed = False
    # disable=None: no bar where standard error is no terminal
    for page, stem in zip(tqdm(pages, unit="page", disable=None), file_stems(pages)):
        try:
            draw_page(page).save(folder / f"{stem}{_LABELS}")
        except ImageError as error:
            failed = True
            tqdm.write(f"htr: {error}", file=sys.stderr)
    rows = []
    for line in (sample for sample in chosen if isinstance(sample, LineSample)):
        try:
            rows.append(draw_line(line))
        except ImageError as error:
            failed = True
            print(f"htr: {error}", file=sys.stderr)
    if rows:
        stacked(rows).save(folder / _SHEET)
    return int(failed)

"""`htr data inspect` and `htr data convert`: look at labeled data, bring it to another format."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Sequence

from tqdm import tqdm

from htrlib.cli import datasets
from htrlib.data import WRITERS, Dataset, LineSample, PageSample, Problem
from htrlib.data.pictures import file_stems
from htrlib.errors import ConfigError, ImageError
from htrlib.evaluation.inspection import draw_line, draw_page, stacked

_EXAMPLES = 3  # of each kind of problem
_LABELS = ".labels.png"  # behind a page's name: the page's own picture may lie in the folder
_SHEET = "lines.png"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)

    inspect = actions.add_parser(
        "inspect",
        help="tell what is there, what was left out and why, and draw samples",
        description="Tell what is there and what was left out and why, on standard output, and "
        "draw samples with their boxes and texts.",
    )
    _add_source(inspect)
    inspect.add_argument(
        "--samples",
        type=int,
        default=0,
        metavar="N",
        help=f"draw N samples: NAME{_LABELS} for a page, {_SHEET} for all single lines",
    )
    inspect.add_argument(
        "--output", type=Path, metavar="DIR", help="where pictures go (default: here)"
    )
    inspect.add_argument(
        "--seed", type=int, default=0, help="which samples are drawn (default: %(default)s)"
    )
    inspect.set_defaults(run=run, act=_inspect)

    convert = actions.add_parser(
        "convert",
        help="write it in another format",
        description="Write data in another format. What that cannot hold is told on standard "
        "error.",
    )
    _add_source(convert)
    convert.add_argument("to", metavar="TO", choices=list(WRITERS), help=", ".join(WRITERS))
    convert.add_argument(
        "output", type=Path, metavar="OUTPUT", help="folder, or of ground_truth the manifest"
    )
    convert.set_defaults(run=run, act=_convert)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit status."""
    status: int = args.act(args)
    return status


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("format", metavar="FORMAT", help="page_xml, alto, csv, ...")
    parser.add_argument("path", metavar="PATH", help="annotation file or folder")
    datasets.add_options(parser)


def _source(args: argparse.Namespace) -> Dataset:
    return datasets.load(
        args.format, args.path, images=args.images, split=args.split, options=tuple(args.option)
    )


def _inspect(args: argparse.Namespace) -> int:
    if args.samples < 0:
        raise ConfigError(f"--samples is 0 or more, found {args.samples}")
    dataset = _source(args)
    report = dataset.report()
    print(report)
    for row in _examples(report.problems):
        print(row)
    sys.stdout.flush()
    return _draw(dataset, args.samples, args.seed, args.output or Path())


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


def _convert(args: argparse.Namespace) -> int:
    problems = WRITERS[args.to](_source(args), args.output)
    for problem in problems:
        print(f"htr: left out, {problem}", file=sys.stderr)
    return 0

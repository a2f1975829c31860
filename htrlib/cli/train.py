"""`htr train`: train a network of a bundle on labeled data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, List, Tuple

from htrlib.bundle import check_replaceable
from htrlib.cli import datasets

if TYPE_CHECKING:
    from htrlib.data import Dataset
    from htrlib.training.request import TrainingJob
    from htrlib.training.trainer import Trainer

TASKS = ("line-recognition", "line-segmentation", "line-segmentation-ssd", "paragraph")
_DONE, _INTERRUPTED = 0, 130
_NUMBERS = {
    "epochs": "passes over the training data, at most (default: 30)",
    "minutes": "of training, at most, those of earlier runs included",
    "patience": "epochs without a better validation score before it stops (default: 8)",
    "learning-rate": "at its peak (default: 0.0006)",
    "batch-columns": "input columns in a batch (default: 9216)",
    "workers": "processes that prepare batches (default: half the cores)",
    "seed": "of everything random (default: 1)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Train a network of a bundle, and write a bundle with the result. Ctrl-C or "
        "SIGTERM stops after the step under way; the same command goes on from there."
    )
    parser.add_argument("task", choices=TASKS, metavar="TASK", help=", ".join(TASKS))
    _add_data(parser)
    parser.add_argument(
        "--init", default="english", help='bundle to start from, or "none" (default: %(default)s)'
    )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the new bundle")
    parser.add_argument(
        "--run",
        dest="run_directory",
        type=Path,
        metavar="DIR",
        help="checkpoints and logs (default: OUTPUT.training)",
    )
    _add_settings(parser)
    parser.set_defaults(run=_run_parsed)


def _add_data(parser: argparse.ArgumentParser) -> None:
    """What to learn from."""
    for name, text in (("train", "to learn from"), ("validation", "to choose the best by")):
        parser.add_argument(
            f"--{name}",
            nargs=2,
            metavar=("FORMAT", "PATH"),
            action="append",
            default=[],
            required=name == "train",
            help=f"data {text}: page_xml, alto, csv, ..., and the annotation file or folder; can "
            "be repeated",
        )
    datasets.add_options(parser)
    parser.add_argument("--validation-images", metavar="DIR", help="of the validation data")
    parser.add_argument(
        "--validation-split",
        metavar="SPLIT",
        help="of the validation data, or of the training data where there is no --validation",
    )
    parser.add_argument(
        "--share",
        type=float,
        default=0.9,
        help="of the data to learn from, where no validation data is given (default: %(default)s)",
    )
    parser.add_argument(
        "--by", choices=("page", "writer"), default="page", help="what stays together then"
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """How to train."""
    parser.add_argument("--device", help="cpu, gpu, gpu:N, or several with commas")
    for name, text in _NUMBERS.items():
        parser.add_argument(f"--{name}", metavar="N", help=text)
    parser.add_argument(
        "--charset",
        choices=("extend", "keep", "data"),
        help="add new characters, keep those of --init, or take those of the data "
        "(default: extend)",
    )
    parser.add_argument(
        "--language-model",
        choices=("learn", "keep"),
        help="add the texts of the data to that of --init, or leave it as it is (default: learn)",
    )
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="another option of the training, as dropout=0.2; can be repeated",
    )


def _run_parsed(parsed: argparse.Namespace) -> int:
    # Here, since it sets MXNet up for training.
    from htrlib.training.request import TrainingJob

    settings = {
        name.replace("-", "_"): value
        for name in (*_NUMBERS, "charset", "language-model")
        for value in [getattr(parsed, name.replace("-", "_"))]
        if value is not None
    }
    output = parsed.output.resolve()
    return run(
        TrainingJob(
            task=parsed.task,
            train=_sources(parsed.train),
            directory=parsed.run_directory or output.with_name(f"{output.name}.training"),
            validation=_sources(parsed.validation),
            init=parsed.init,
            share=parsed.share,
            by=parsed.by,
            images=parsed.images,
            split=parsed.split,
            validation_images=parsed.validation_images,
            validation_split=parsed.validation_split,
            options=datasets.pairs(parsed.option, "--option"),
            device=parsed.device,
            settings={**settings, **datasets.pairs(parsed.set, "--set")},
        ),
        parsed.output,
    )


def run(job: TrainingJob, output: Path) -> int:
    """Train, write the bundle, and return the exit status.

    Raises:
        ConfigError, DatasetError, BundleError, DeviceError: as for `training.request.prepare`.
        TrainingError: the directory holds another training, or the loss is no number.
    """
    from htrlib.training import distributed
    from htrlib.training.request import prepare

    check_replaceable(output)  # now, and not after hours
    trainer, train, validation = prepare(job)
    with distributed.joined():
        return _train(trainer, train, validation, output)


def _train(trainer: Trainer, train: Dataset, validation: Dataset, output: Path) -> int:
    result = trainer.fit(train, validation)
    if result.reason == "interrupted":
        print(f"stopped after {result.steps} steps; the same command goes on from there")
        return _INTERRUPTED
    share = trainer.save(output)
    if not trainer.first:
        return _DONE
    if share is not None:
        print(f"language model: {share:.0%} of it from the texts of the data")
    best = "" if result.best is None else f", best validation score {result.best:.4f}"
    print(f"{output}: {result.steps} steps, {result.minutes:.1f} minutes{best}")
    return _DONE


def _sources(values: List[List[str]]) -> Tuple[Tuple[str, str], ...]:
    return tuple((format, path) for format, path in values)

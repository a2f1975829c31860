"""`htr train`: train a network of a bundle on labeled data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, List, Optional, Tuple

from htrlib.bundle import check_replaceable, load_bundle
from htrlib.cli import datasets
from htrlib.cli.training_options import add_training_options, training_settings
from htrlib.engines.port import NETWORKS
from htrlib.errors import ConfigError, NonFiniteLossError

if TYPE_CHECKING:
    from htrlib.bundle import Bundle
    from htrlib.data import Dataset
    from htrlib.training.request import TrainingJob
    from htrlib.training.trainer import Trainer, TrainingResult

_DONE, _INTERRUPTED = 0, 130


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Train one network of a bundle on labeled data, and write a new bundle. Ctrl-C, "
        "SIGTERM or SIGHUP stops after the current step; repeat the command to resume."
    )
    parser.add_argument("task", choices=NETWORKS, metavar="TASK", help=", ".join(NETWORKS))
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
        help="folder for checkpoints and logs (default: OUTPUT.training)",
    )
    _add_settings(parser)
    parser.set_defaults(run=_run_parsed)


def _add_data(parser: argparse.ArgumentParser) -> None:
    """Add the options that name the data."""
    for name, text in (("train", "training"), ("validation", "validation")):
        parser.add_argument(
            f"--{name}",
            nargs=2,
            metavar=("FORMAT", "PATH"),
            action="append",
            default=[],
            required=name == "train",
            help=f"{text} data: its format (page_xml, alto, csv, ...) and the annotation file or "
            "folder; can be repeated",
        )
    datasets.add_options(parser)
    parser.add_argument(
        "--validation-images", metavar="DIR", help="image folder of the validation data"
    )
    parser.add_argument(
        "--validation-split",
        metavar="SPLIT",
        help="use only this split of the validation data; without --validation, validate on this "
        "split of the training data",
    )
    parser.add_argument(
        "--share",
        type=float,
        default=0.9,
        help="without validation data, fraction of the data to train on (default: %(default)s)",
    )
    parser.add_argument(
        "--by",
        choices=("page", "writer"),
        default="page",
        help="keep the lines of a page or of a writer on one side of that split "
        "(default: %(default)s)",
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options of the training itself."""
    parser.add_argument("--device", help="cpu, gpu, gpu:N, or several with commas")
    add_training_options(parser)
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="any of the options above by its Python name, as dropout=0.2; can be repeated",
    )


def _run_parsed(parsed: argparse.Namespace) -> int:
    # Here, since it configures MXNet for training.
    from htrlib.training.request import TrainingJob

    return run(
        TrainingJob(
            task=parsed.task,
            train=_sources(parsed.train),
            directory=directory_of(parsed),
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
            settings={**training_settings(parsed), **datasets.pairs(parsed.set, "--set")},
        ),
        parsed.output,
    )


def directory_of(parsed: argparse.Namespace) -> Path:
    """Return the directory of the training: the one given, or that beside the output."""
    output: Path = parsed.output.resolve()
    given: Optional[Path] = parsed.run_directory
    return given or output.with_name(f"{output.name}.training")


def run(job: TrainingJob, output: Path) -> int:
    """Train, write the bundle, and return the exit status.

    Raises:
        ConfigError, DatasetError, BundleError, DeviceError: see `training.request.prepare`.
        TrainingError: the directory belongs to another training run, or the loss is not finite.
    """
    from htrlib.training.request import prepare

    check_apart(output, job.directory)
    trainer, train, validation = prepare(job)
    return fit(trainer, train, validation, output)


def check_apart(output: Path, directory: Path) -> None:
    """Refuse, before hours of training, an output that could not be written.

    Raises:
        BundleError: the output exists and is not a bundle.
        ConfigError: the directory of the training is in it.
    """
    check_replaceable(output)
    whole, run_folder = output.resolve(), Path(directory).resolve()
    if whole in (run_folder, *run_folder.parents):
        raise ConfigError(
            f"--run {directory}: is in the folder of the bundle, which is replaced as a whole; "
            "name another folder"
        )


def fit(trainer: Trainer, train: Dataset, validation: Optional[Dataset], output: Path) -> int:
    """Train, write the bundle, and return the exit status. Raises as `run`."""
    from htrlib.training import distributed

    with distributed.joined():
        return _fit(trainer, train, validation, output)


def _fit(trainer: Trainer, train: Dataset, validation: Optional[Dataset], output: Path) -> int:
    try:
        result = trainer.fit(train, validation)
    except NonFiniteLossError:
        if trainer.result is not None:
            _save_best(trainer, trainer.result, output)
        raise
    if result.reason == "interrupted":
        print(f"stopped after {result.steps} steps; repeat the command to resume")
        _save_best(trainer, result, output)
        return _INTERRUPTED
    share = trainer.save(output)
    if not trainer.first:
        return _DONE
    if share is not None:
        print(f"language model: {share:.0%} of it from the texts of the data")
    _quantize(output, trainer.init)
    best = "" if result.best is None else f", best validation score {result.best:.4f}"
    print(f"{output}: {result.steps} steps, {result.minutes:.1f} minutes{best}")
    return _DONE


def _save_best(trainer: Trainer, result: TrainingResult, output: Path) -> None:
    """Write the best parameters so far, if any, without the steps that take minutes."""
    if result.best is not None:
        trainer.save(output, refit=False)
        if trainer.first:
            print(f"{output}: the best so far, validation score {result.best:.4f}")


def _quantize(output: Path, init: Optional[Bundle]) -> None:
    """Add 8-bit networks to the bundle, or print how to if a package is missing."""
    from htrlib.graph_export import add_int8_graphs, can_quantize

    if can_quantize():
        add_int8_graphs(load_bundle(output), init)
    else:
        print(
            "for faster reading on CPUs: pip install 'htrlib[export]', then htr bundle export "
            f"{output}"
        )


def _sources(values: List[List[str]]) -> Tuple[Tuple[str, str], ...]:
    return tuple((format, path) for format, path in values)

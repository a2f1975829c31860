"""`htr train`: train a network of a bundle on labeled data."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from htrlib.bundle import check_replaceable
from htrlib.cli import datasets
from htrlib.data import Dataset
from htrlib.data.samples import concatenate
from htrlib.device import parse_device
from htrlib.errors import ConfigError

TASKS = ("line-recognition", "line-segmentation", "line-segmentation-ssd", "paragraph")
_DONE, _INTERRUPTED = 0, 130
_NUMBERS = {
    "epochs": "passes over the training data, at most (default: 30)",
    "minutes": "of training, at most, those of earlier runs included",
    "patience": "epochs without a better validation score before it stops (default: 8)",
    "learning-rate": "at its peak (default: 0.0006)",
    "batch-columns": "input columns in a batch (default: 6144)",
    "workers": "processes that prepare batches (default: half the cores)",
    "seed": "of everything random (default: 1)",
}


@dataclass(frozen=True)
class TrainConfig:
    """What to train, on what, and where it goes.

    Attributes:
        task: the network.
        train: format and path of each data set to learn from.
        validation: of those to choose the best by; without any, part of the others.
        output: the bundle to write.
        init: bundle to start from, or "none".
        run: directory of checkpoints and logs; None is the output's name with ".training".
        share: of the data to learn from, where no validation data is given.
        by: what stays together then, "page" or "writer".
        images: folder of the pictures, where it is not the format's own.
        split: only what the data puts into this split.
        validation_images: the same, of the validation data.
        validation_split: the same, of the validation data.
        options: others of the format, "name=value" each.
        device: "cpu", "gpu" or "gpu:N"; several with commas; None is what there is.
        settings: of `TrainerConfig`, by name.
    """

    task: str
    train: Tuple[Tuple[str, str], ...]
    output: Path
    validation: Tuple[Tuple[str, str], ...] = ()
    init: str = "english"
    run: Optional[Path] = None
    share: float = 0.9
    by: str = "page"
    images: Optional[str] = None
    split: Optional[str] = None
    validation_images: Optional[str] = None
    validation_split: Optional[str] = None
    options: Tuple[str, ...] = ()
    device: Optional[str] = None
    settings: Tuple[Tuple[str, str], ...] = ()


def add_parser(commands: Any) -> None:
    """Add the command to the subparsers of `htr`."""
    parser = commands.add_parser(
        "train",
        help="train a network on labeled data",
        description="Train a network of a bundle, and write a bundle with the result. Ctrl-C or "
        "SIGTERM stops after the step under way; the same command goes on from there.",
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
    parser.add_argument("--validation-split", metavar="SPLIT", help="of the validation data")
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
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="another option of the training, as dropout=0.2; can be repeated",
    )


def _run_parsed(parsed: argparse.Namespace) -> int:
    settings: Dict[str, str] = {}
    for name in (*_NUMBERS, "charset"):
        value = getattr(parsed, name.replace("-", "_"))
        if value is not None:
            settings[name.replace("-", "_")] = value
    for text in parsed.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--set takes NAME=VALUE, found {text!r}")
        settings[name] = value
    return run(
        TrainConfig(
            task=parsed.task,
            train=_pairs(parsed.train),
            output=parsed.output,
            validation=_pairs(parsed.validation),
            init=parsed.init,
            run=parsed.run_directory,
            share=parsed.share,
            by=parsed.by,
            images=parsed.images,
            split=parsed.split,
            validation_images=parsed.validation_images,
            validation_split=parsed.validation_split,
            options=tuple(parsed.option),
            device=parsed.device,
            settings=tuple(settings.items()),
        )
    )


def run(config: TrainConfig) -> int:
    """Train, write the bundle, and return the exit status.

    Raises:
        ConfigError: an option cannot work.
        DatasetError: there is nothing to learn from.
        BundleError, DeviceError: as for `Trainer`.
        TrainingError: the directory holds another training, or the loss is no number.
    """
    # Here, since they set MXNet up for training.
    from htrlib.training.config import TrainerConfig
    from htrlib.training.trainer import Trainer

    trainer_config = TrainerConfig.from_dict(dict(config.settings))
    devices = None if config.device is None else config.device.split(",")
    for device in devices or ():
        parse_device(device)
    check_replaceable(config.output)  # now, and not after hours
    train, validation = _data(config)
    name = config.output.resolve().name
    trainer = Trainer(
        config.task,
        config=trainer_config,
        init=None if config.init == "none" else config.init,
        directory=config.run or config.output.resolve().with_name(f"{name}.training"),
        device=devices,
    )
    result = trainer.fit(train, validation)
    if result.reason == "interrupted":
        print(f"stopped after {result.steps} steps; the same command goes on from there")
        return _INTERRUPTED
    trainer.save(config.output)
    best = "" if result.best is None else f", best validation score {result.best:.4f}"
    print(f"{config.output}: {result.steps} steps, {result.minutes:.1f} minutes{best}")
    return _DONE


def _data(config: TrainConfig) -> Tuple[Dataset, Dataset]:
    """The data to learn from, and that to choose the best by."""
    train = concatenate(
        datasets.load(
            format, path, images=config.images, split=config.split, options=config.options
        )
        for format, path in config.train
    )
    if not config.validation:
        return train.split(config.share, by=config.by, seed=1)
    validation = concatenate(
        datasets.load(
            format,
            path,
            images=config.validation_images or config.images,
            split=config.validation_split,
            options=config.options,
        )
        for format, path in config.validation
    )
    return train, validation


def _pairs(values: List[List[str]]) -> Tuple[Tuple[str, str], ...]:
    return tuple((format, path) for format, path in values)

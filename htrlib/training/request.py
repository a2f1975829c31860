"""A training request, as the command line or a job describes it in names, paths and strings."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping, Optional, Tuple

from htrlib.data import Dataset
from htrlib.data.samples import concatenate
from htrlib.data.selecting import select
from htrlib.engines.device import parse_device
from htrlib.errors import ConfigError
from htrlib.training.config import TrainerConfig
from htrlib.training.trainer import TASKS, Trainer

FROM_SCRATCH = "none"
DEFAULT_INIT = "english"


@dataclass(frozen=True)
class TrainingJob:
    """Task, data and settings of a training run.

    Attributes:
        task: name of the task.
        train: format and path of each training data set.
        directory: directory for checkpoints and logs.
        validation: format and path of each validation data set. If there are none,
            `validation_split` of the training data is used, or else a part of it.
        init: bundle to start from, or "none".
        share: fraction of the data to train on if there is no validation data.
        by: "page" or "writer": what that division keeps together.
        images: folder of the pictures, if it is not the format's default.
        split: use only this split of the training data.
        validation_images: `images` for the validation data.
        validation_split: `split` for the validation data.
        options: further options of the format.
        device: "cpu", "gpu" or "gpu:N", several separated by commas; None is the default.
        settings: options of `TrainerConfig` by name.
    """

    task: str
    train: Tuple[Tuple[str, str], ...]
    directory: Path
    validation: Tuple[Tuple[str, str], ...] = ()
    init: str = DEFAULT_INIT
    share: float = 0.9
    by: str = "page"
    images: Optional[str] = None
    split: Optional[str] = None
    validation_images: Optional[str] = None
    validation_split: Optional[str] = None
    options: Mapping[str, str] = field(default_factory=dict)
    device: Optional[str] = None
    settings: Mapping[str, str] = field(default_factory=dict)


def prepare(job: TrainingJob, pictures: Optional[Path] = None) -> Tuple[Trainer, Dataset, Dataset]:
    """Return the trainer, the training data and the validation data.

    Args:
        pictures: see `Trainer`.
    Raises:
        ConfigError: an option is invalid.
        DatasetError: there is no training data.
        BundleError, DeviceError: see `Trainer`.
    """
    config = TrainerConfig.from_dict(job.settings)
    devices = None if job.device is None else job.device.split(",")
    for device in devices or ():
        parse_device(device)
    train, validation = _data(job)
    trainer = Trainer(
        job.task,
        config=config,
        init=None if job.init == FROM_SCRATCH else job.init,
        directory=job.directory,
        pictures=pictures,
        device=devices,
    )
    return trainer, train, validation


def _data(job: TrainingJob) -> Tuple[Dataset, Dataset]:
    train = concatenate(
        select(format, path, images=job.images, split=job.split, options=job.options)
        for format, path in job.train
    )
    if not job.validation and job.validation_split is None:
        return _divided(train, job)
    if not job.validation:
        train = _without_split(train, job)
    images = job.validation_images or job.images
    validation = concatenate(
        select(format, path, images=images, split=job.validation_split, options=job.options)
        for format, path in job.validation or job.train
    )
    return train, validation


def _divided(train: Dataset, job: TrainingJob) -> Tuple[Dataset, Dataset]:
    """Hold a part of the data out for validation: of the samples that the task can learn from."""
    task = TASKS.get(job.task)
    useful = train if task is None else train.filter(task.learns_from)
    _, second = (useful or train).split(job.share, by=job.by, seed=1)
    held = {id(sample) for sample in second}
    return train.filter(lambda sample: id(sample) not in held), second


def _without_split(train: Dataset, job: TrainingJob) -> Dataset:
    """Exclude from the training data the split used for validation."""
    if job.split == job.validation_split:
        raise ConfigError(
            f"the split {job.split!r} cannot be used for both training and validation"
        )
    if job.split is not None:
        return train
    rest = train.filter(lambda sample: sample.split != job.validation_split)
    if len(rest) == len(train) or not rest:
        raise ConfigError(
            f"the split {job.validation_split!r} is for validation, and the data names no other "
            "split to train on; name one with split"
        )
    names = sorted({sample.split for sample in rest if sample.split is not None})
    if len(names) > 1:
        raise ConfigError(
            f"the split {job.validation_split!r} is for validation, and the data has several "
            f"others ({', '.join(names)}); name the one to train on with split"
        )
    return rest

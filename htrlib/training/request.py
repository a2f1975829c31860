"""A training as a command or a job describes it: names, paths and texts."""

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
from htrlib.training.trainer import Trainer

FROM_SCRATCH = "none"
DEFAULT_INIT = "english"


@dataclass(frozen=True)
class TrainingJob:
    """Task, data and settings of a training run.

    Attributes:
        task: the network.
        train: format and path of each data set to learn from.
        directory: of checkpoints and logs.
        validation: data sets to choose the best by; without any, those to learn from if
            `validation_split` names a split of them, or else part of what is learned from.
        init: bundle to start from, or "none".
        share: of the data to learn from, where no validation data is given.
        by: what stays together then, "page" or "writer".
        images: folder of the pictures, where it is not the format's own.
        split: only what the data puts into this split.
        validation_images: the same, of the validation data.
        validation_split: the same, of the validation data.
        options: others of the format.
        device: "cpu", "gpu" or "gpu:N"; several with commas; None is what there is.
        settings: of `TrainerConfig`, by name.
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
    """The trainer, the data to learn from, and that to choose the best by.

    Args:
        pictures: as `Trainer` takes it.
    Raises:
        ConfigError: an option cannot work.
        DatasetError: there is nothing to learn from.
        BundleError, DeviceError: as for `Trainer`.
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
        return train.split(job.share, by=job.by, seed=1)
    if not job.validation:
        train = _without_split(train, job)
    images = job.validation_images or job.images
    validation = concatenate(
        select(format, path, images=images, split=job.validation_split, options=job.options)
        for format, path in job.validation or job.train
    )
    return train, validation


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
            f"the split {job.validation_split!r} is to choose the best, and the data does not tell "
            "what else there is to learn from; name that with split"
        )
    return rest

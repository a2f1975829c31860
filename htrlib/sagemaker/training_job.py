"""The container's `train`: run a training described by SageMaker's files.

`python -m htrlib.sagemaker.training_job [--root DIRECTORY]`. Below the root, `/opt/ml`::

    input/config/hyperparameters.json    strings by name: task, format, init, TrainerConfig options
    input/config/inputdataconfig.json    the channels
    input/config/resourceconfig.json     the hosts
    input/data/CHANNEL/                  train, validation, images, init
    checkpoints/                         a training found here is resumed
    model/                               the resulting bundle, and history.json
    output/failure                       the reason for a failure

All files are optional, so a folder of data is enough on your own machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Sequence

from htrlib.archives import unpack
from htrlib.bundle import CHECKSUMS, check_replaceable, load_bundle
from htrlib.data.finding import find
from htrlib.engines.port import LINES, PARAGRAPHS, RECOGNIZER
from htrlib.errors import ConfigError, HtrError

if TYPE_CHECKING:
    from htrlib.training.request import TrainingJob
    from htrlib.training.trainer import Trainer

ROOT = Path("/opt/ml")
CHANNELS = ("train", "validation", "images", "init")
OTHER_NAMES = {"training": "train"}  # SageMaker's default name of a channel
HISTORY = "history.json"  # next to the bundle: the metrics of each epoch, for a learning curve
ARCHIVE = "model.tar.gz"  # result of a training job, which another one may start from
WHOLE = (RECOGNIZER, LINES, PARAGRAPHS)  # networks needed to read a page
OPTION = "option."  # prefix of options of the data's format
OF_OTHERS = ("sagemaker_", "_")  # prefix of hyperparameters that SageMaker's tools add
SIGNALS = (signal.SIGTERM, signal.SIGINT)
_JOB_NAME = "TRAINING_JOB_NAME"


@dataclass(frozen=True)
class Folders:
    """The directories that SageMaker uses."""

    root: Path = ROOT

    @property
    def config(self) -> Path:
        return self.root / "input" / "config"

    @property
    def data(self) -> Path:
        return self.root / "input" / "data"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def model(self) -> Path:
        return self.root / "model"

    @property
    def failure(self) -> Path:
        return self.root / "output" / "failure"


class _StoppedError(BaseException):
    """SIGTERM or Ctrl-C arrived outside of a training step; must not be handled as an error."""


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Train, and return the exit status: 0, or 1 with the reason in `output/failure`."""
    description = "Run a training described by SageMaker's files."
    parser = argparse.ArgumentParser(prog="train", description=description)
    parser.add_argument("--root", type=Path, default=ROOT, help="default: %(default)s")
    folders = Folders(parser.parse_args(arguments).root)
    before = {number: signal.signal(number, _stop) for number in SIGNALS}
    try:
        folders.failure.unlink(missing_ok=True)  # of an earlier training
        run(folders)
        return 0
    except (_StoppedError, KeyboardInterrupt):
        _say("stopped when no step was under way; the same goes on from the last checkpoint")
        return 0
    except (HtrError, OSError) as error:
        _fail(folders, str(error))
    except MemoryError:
        _fail(folders, "out of memory; take a machine with more, or a lower batch_columns")
    except Exception as error:
        traceback.print_exc()
        _fail(folders, f"an error of htrlib itself, {type(error).__name__}: {error}; see the log")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 1


def run(folders: Folders) -> None:
    """Train, and write the bundle.

    SIGTERM stops after the current step and writes the best bundle so far. The training resumes if
    the checkpoints are restored.

    Raises:
        ConfigError: a hyperparameter or a channel is invalid.
        DatasetError: there is no usable training data.
        BundleError: the initial bundle is damaged, or lacks a network.
        TrainingError: see `Trainer.fit`.
    """
    with tempfile.TemporaryDirectory(prefix="htrlib-") as scratch:
        job = read_job(folders, Path(scratch))
        check_replaceable(folders.model)
        _check_whole(job)
        # Imported here, because it takes seconds and mistakes should be reported first.
        from htrlib.training import distributed
        from htrlib.training.request import prepare

        trainer, train, validation = prepare(job, pictures=Path(scratch))
        with distributed.joined(folders.config / distributed.RESOURCES.name) as machines:
            result = trainer.fit(train, validation)
            if machines.rank == 0:
                _leave_bundle(trainer, folders.model, Path(scratch), result.reason)


def read_job(folders: Folders, scratch: Path) -> TrainingJob:
    """Read the training request from the files.

    Args:
        scratch: directory for unpacking an archived bundle.
    Raises:
        ConfigError: a hyperparameter, a channel or a file is invalid.
        BundleError: the channel `init` does not contain a bundle.
    """
    from htrlib.training.request import DEFAULT_INIT, TrainingJob

    values = _hyperparameters(folders.config / "hyperparameters.json")
    channels = _channels(folders)
    if "train" not in channels:
        raise ConfigError(
            f"the channel train with the training data is missing; found "
            f"{', '.join(sorted(channels)) or 'none'} in {folders.data}"
        )
    format = values.pop("format", None)
    train = find(channels["train"], format)
    validation = find(channels["validation"], format) if "validation" in channels else ()
    init = values.pop("init", DEFAULT_INIT)
    options = {
        name[len(OPTION) :]: values.pop(name) for name in list(values) if name.startswith(OPTION)
    }
    return TrainingJob(
        task=values.pop("task", RECOGNIZER),
        train=train,
        directory=folders.checkpoints,
        validation=validation,
        init=str(_bundle(channels["init"], scratch)) if "init" in channels else init,
        share=_fraction(values.pop("share", "0.9")),
        by=values.pop("by", "page"),
        images=_images(channels, train),
        split=values.pop("split", None),
        validation_images=_images(channels, validation),
        validation_split=values.pop("validation_split", None),
        options=options,
        device=values.pop("device", None),
        settings=values,
    )


def _hyperparameters(path: Path) -> Dict[str, str]:
    """Return htrlib's hyperparameters. SageMaker's Python library quotes strings as JSON."""
    values: Dict[str, str] = {}
    for name, value in _read(path).items():
        if not isinstance(value, str):
            raise ConfigError(f"{path}: hyperparameter {name} must be a string, found {value!r}")
        if name.startswith(OF_OTHERS):
            continue
        if value.startswith('"'):
            with contextlib.suppress(ValueError):
                value = str(json.loads(value))
        values[name if name.startswith(OPTION) else name.replace("-", "_")] = value
    return values


def _channels(folders: Folders) -> Dict[str, Path]:
    """Return the folder of each channel."""
    described = _read(folders.config / "inputdataconfig.json")
    for name, channel in described.items():
        _check_channel(name, channel)
    there = {path.name for path in folders.data.glob("*") if path.is_dir()}
    channels: Dict[str, Path] = {}
    for name in sorted({*described, *there}):
        known = OTHER_NAMES.get(name, name)
        if known not in CHANNELS:
            raise ConfigError(
                f"unknown channel {name!r}; rename it to one of {', '.join(CHANNELS)}"
            )
        if known in channels:
            raise ConfigError(
                f"the channels {known} and {name} both have the data of {known}; put all of it "
                "into one of them"
            )
        if name not in there:
            raise ConfigError(f"the channel {name} has no folder {folders.data / name}")
        channels[known] = folders.data / name
    return channels


def _check_channel(name: str, channel: Any) -> None:
    mode = channel.get("TrainingInputMode", "File") if isinstance(channel, dict) else None
    if mode not in ("File", "FastFile"):
        raise ConfigError(f"the channel {name} has the input mode {mode}; use File or FastFile")
    if channel.get("S3DistributionType", "FullyReplicated") != "FullyReplicated":
        raise ConfigError(
            f"the channel {name} is {channel['S3DistributionType']}; each host needs all of the "
            "data, so use FullyReplicated"
        )


def _images(channels: Mapping[str, Path], sources: Sequence[Any]) -> Optional[str]:
    """Return the folder of the pictures: their channel, or that of S3 manifests.

    None for manifests in several folders, each of which has its pictures beside it.
    """
    if "images" in channels:
        return str(channels["images"])
    folders = {str(Path(path).parent) for format, path in sources if format == "ground_truth"}
    return folders.pop() if len(folders) == 1 else None


def _bundle(folder: Path, scratch: Path) -> Path:
    """Find the bundle in a channel: at its top, or in the archive of another training job."""
    archive = folder / ARCHIVE
    if (folder / CHECKSUMS).is_file() or not archive.is_file():
        return folder
    unpacked = unpack(archive, scratch / "init")
    found = next(unpacked.rglob(CHECKSUMS), None)  # it may be in a subfolder of the archive
    return unpacked if found is None else found.parent


def _check_whole(job: TrainingJob) -> None:
    """Check that the result will be able to read pages.

    Raises:
        ConfigError: a network would be missing.
    """
    from htrlib.training.request import FROM_SCRATCH

    if job.init == FROM_SCRATCH:
        raise ConfigError(
            "init=none trains a single network, which cannot be served; start from a bundle, with "
            "charset=data to replace its characters"
        )
    bundle = load_bundle(job.init)
    missing = set(WHOLE) - {job.task, *bundle.config["networks"]}
    if missing:
        raise ConfigError(
            f"the initial bundle {bundle.label} lacks {', '.join(sorted(missing))}, so the result "
            "could not read pages; start from a complete bundle"
        )


def _leave_bundle(trainer: Trainer, model: Path, scratch: Path, reason: str) -> None:
    """Write the bundle; skip slow steps after SIGTERM, since SIGKILL follows in two minutes."""
    from htrlib.graph_export import add_int8_graphs, can_quantize

    name = os.environ.get(_JOB_NAME, "model")
    fresh = scratch / "bundle"
    try:
        trainer.save(fresh, name=name, refit=reason != "interrupted")
        if trainer.first and reason != "interrupted" and can_quantize():
            add_int8_graphs(load_bundle(fresh), trainer.init)
    except _StoppedError:
        reason = "interrupted"
        trainer.save(fresh, name=name, refit=False)
    for number in SIGNALS:  # the rest is fast
        signal.signal(number, signal.SIG_IGN)
    model.mkdir(parents=True, exist_ok=True)
    for old in model.iterdir():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)  # a model's code
        else:
            old.unlink()
    from htrlib.training.logs import ENTRIES  # imported here, because it takes seconds

    history = _history(trainer.directory / ENTRIES)
    (fresh / HISTORY).write_text(json.dumps(history, indent=1), encoding="utf-8")
    # Copy file by file, since SageMaker's folder may be a mount and cannot be renamed; checksums
    # come last, so that an incomplete copy is not a bundle.
    for path in sorted(fresh.iterdir(), key=lambda path: path.name == CHECKSUMS):
        shutil.copyfile(path, model / path.name)
    _say(f"{model}: {name}, ended by {reason}")


def _history(log: Path) -> List[Dict[str, Any]]:
    """Return the epochs of a training from the log in its checkpoints: each one's last entry."""
    epochs: Dict[int, Dict[str, Any]] = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else ():
        with contextlib.suppress(ValueError):  # an incomplete last line
            entry = json.loads(line)
            if entry.get("event") == "epoch":
                epochs[entry["epoch"]] = {k: v for k, v in entry.items() if k != "event"}
    return [epochs[number] for number in sorted(epochs)]


def _read(path: Path) -> Dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path} does not contain a JSON object")
    return value


def _fraction(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"share must be a number between 0 and 1, found {text!r}") from None


def _stop(number: int, frame: object) -> None:
    raise _StoppedError


def _fail(folders: Folders, reason: str) -> None:
    """Write the reason where SageMaker expects it; it shows the first 1,024 characters."""
    sys.stderr.write(f"train: {reason}\n")  # escapes bytes that are not text
    with contextlib.suppress(OSError):  # also on standard error
        folders.failure.parent.mkdir(parents=True, exist_ok=True)
        folders.failure.write_text(reason, encoding="utf-8", errors="backslashreplace")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run_and_exit() -> None:
    """Run `main` and exit the process."""
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # at a regular exit, MXNet would wait for machines that have failed


if __name__ == "__main__":
    run_and_exit()

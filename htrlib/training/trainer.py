"""`Trainer`, the public interface of training."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Type, Union

import numpy as np

from htrlib.bundle import Bundle, load_bundle, write_bundle
from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset
from htrlib.decoding.decoding_options import (
    DecodingOptions,
    bundled_models,
    bundled_options,
)
from htrlib.decoding.model_choice import fitting_text
from htrlib.engines.memory import keep_memory
from htrlib.engines.mxnet.framework import mx
from htrlib.engines.mxnet.runner import context
from htrlib.errors import ConfigError, NonFiniteLossError, TrainingError
from htrlib.language import NGramModel
from htrlib.language.files import save_model
from htrlib.stages.recognition import LOOK_AGAIN_BELOW
from htrlib.training import CPU_PARTS, distributed, tuning
from htrlib.training.charsets import CharsetChange
from htrlib.training.config import TrainerConfig
from htrlib.training.directory_lock import locked
from htrlib.training.distributed import Machines
from htrlib.training.language import learn_language
from htrlib.training.learner import Learner
from htrlib.training.logs import Log
from htrlib.training.loop import LAST, Run
from htrlib.training.tasks.line_recognition import LineRecognitionTask
from htrlib.training.tasks.pixel_labeling import LineSegmentationTask, ParagraphTask
from htrlib.training.tasks.task import Parameters, Task
from htrlib.training.tasks.word_detection import WordDetectionTask

TASKS: Dict[str, Type[Task]] = {
    task.name: task
    for task in (ParagraphTask, LineSegmentationTask, WordDetectionTask, LineRecognitionTask)
}
LANGUAGE_MODEL = "language.lm"
TUNING_LINES = 120  # maximum number of validation lines to which decoding is fitted


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training run.

    Attributes:
        reason: reason to stop: "epochs", "minutes", "patience", "interrupted", or "loss" after a
            `NonFiniteLossError`.
        epochs: completed epochs.
        steps: number of steps, including resumed runs.
        minutes: training time, including resumed runs.
        best: best validation score or None: character error rate for the recognizer, loss for the
            other networks.
        problems: problems of the data, with what was left out.
        charset: change of the charset; None for networks without one.
    """

    reason: str
    epochs: int
    steps: int
    minutes: float
    best: Optional[float]
    problems: Tuple[Problem, ...]
    charset: Optional[CharsetChange]


class Trainer:
    """Trains one network of a bundle.

    Args:
        task: "line-recognition", "paragraph", "line-segmentation" or "line-segmentation-ssd".
        config: training options.
        init: name or path of the bundle to start from, which supplies all other parts of the
            result; None trains from scratch, and the result has only this network.
        directory: directory for checkpoints and logs, by default `training-TASK` in the current
            directory. A training found there is resumed.
        pictures: directory for pictures cut from the data, a cache; by default `directory`.
        device: "cpu", "gpu", "gpu:N", or several of them; None is all GPUs, or else the CPU.
        network: settings of the architecture that differ from the default; only from scratch.
    Raises:
        ConfigError: the task does not exist.
        BundleError: `init` cannot be read.

    Attributes:
        first: True on the machine that writes the results; set by `fit`.
        result: result of the last `fit`.

    >>> trainer = Trainer("line-recognition", init="english")   # doctest: +SKIP
    >>> trainer.fit(train, validation)                          # doctest: +SKIP
    >>> trainer.save("my-bundle")                               # doctest: +SKIP
    """

    def __init__(
        self,
        task: str,
        *,
        config: Optional[TrainerConfig] = None,
        init: Union[str, Path, Bundle, None] = None,
        directory: Union[str, Path, None] = None,
        pictures: Union[str, Path, None] = None,
        device: Union[str, Sequence[str], None] = None,
        network: Optional[Mapping[str, Any]] = None,
    ) -> None:
        if task not in TASKS:
            raise ConfigError(f"unknown task {task!r}; choose {', '.join(sorted(TASKS))}")
        self.config = config or TrainerConfig()
        self.init = None if init is None else load_bundle(init)
        self.directory = Path(directory or f"training-{task}")
        self._pictures = Path(pictures or self.directory)
        self._devices = _devices(device)
        self._task_name, self._network = task, dict(network or {})
        self._task: Optional[Task] = None
        self._parameters: Parameters = {}
        self.first = True
        self.result: Optional[TrainingResult] = None

    def fit(self, train: Dataset, validation: Optional[Dataset] = None) -> TrainingResult:
        """Train, or resume the training in the directory.

        SIGTERM, SIGHUP or one Ctrl-C stops it after the current step and writes a checkpoint.
        Repeating the call resumes from there and takes the same steps as an uninterrupted run.

        Args:
            train: training data.
            validation: data that selects the best parameters and decides when to stop; without it,
                the last parameters are kept.
        Raises:
            DatasetError: there is no usable training data.
            NonFiniteLossError: the loss is not finite; the last checkpoint is kept, and if there
                is a validation score, `save` writes the best parameters.
            TrainingError: another training runs in the directory, the directory holds a training
                with other data or options, or MXNet fails.
        """
        keep_memory()
        machines = distributed.join()
        self.first = machines.rank == 0
        self.directory.mkdir(parents=True, exist_ok=True)
        self._task, self.result = None, None
        with locked(self.directory) if self.first else contextlib.nullcontext():
            return self._train(train, validation, machines)

    def _keep(self, task: Task, run: Run, reason: str) -> TrainingResult:
        """Keep the best parameters of a run, and return its result."""
        self._task, self._parameters = task, run.best()
        progress = run.progress
        self.result = TrainingResult(
            reason,
            progress.epoch,
            progress.step,
            progress.minutes,
            progress.best,
            task.problems,
            task.charset_change,
        )
        return self.result

    def _train(
        self, train: Dataset, validation: Optional[Dataset], machines: Machines
    ) -> TrainingResult:
        """Begin the run in the directory, or go on with it."""
        contexts = _contexts(self._devices)
        task = self._prepared(train, validation, machines, len(contexts))
        log = Log(self.directory if self.first else None)
        with _failures_told(), contextlib.closing(log):
            network = task.network(contexts)
            learner = Learner(network, task.loss, contexts, self.config, machines.reduce)
            run = Run(task, learner, machines, self.directory, self._devices[0], log)
            run.resume()
            log.tell(_summary(task, run.progress.step, self.directory))
            try:
                reason = run.train()
            except NonFiniteLossError:
                if run.progress.best is not None:
                    self._keep(task, run, "loss")
                raise
            return self._keep(task, run, reason)

    def save(
        self, directory: Union[str, Path], *, name: Optional[str] = None, refit: bool = True
    ) -> Optional[float]:
        """Write a complete bundle: the trained network and the other parts of `init`.

        With several machines, only the first one writes.

        Args:
            directory: directory of the bundle.
            name: name of the bundle; by default the directory's.
            refit: fit the weights and confidences of decoding to the validation lines, and mix the
                training texts into the language model, unless the options say to keep it.
        Returns:
            The weight of the training texts in the language model, or None if it is unchanged.
        Raises:
            TrainingError: nothing has been trained.
            BundleError: the directory exists and is not a bundle.
        """
        if self._task is None or self.result is None:
            raise TrainingError("nothing has been trained yet; call fit first")
        if not self.first:
            return None
        task, init = self._task, self.init
        charset = task.charset
        if charset is None:
            raise TrainingError(
                f"a bundle with only {task.name!r} has no charset; start from a bundle (init)"
            )
        directory = Path(directory)
        directory.resolve().parent.mkdir(parents=True, exist_ok=True)
        networks, parameters = self._other_networks(task.name)
        extra: Mapping[str, bytes] = {}
        decoding: Mapping[str, Any] = {}
        if init is not None:
            extra = {file: init.file(file).read_bytes() for file in init.extra_files}
            decoding = init.decoding
        networks[task.name] = task.numbers()
        parameters[task.name] = {
            key: np.asarray(value) for key, value in task.exported(self._parameters).items()
        }
        history = self._history()
        if refit and isinstance(task, LineRecognitionTask) and task.validates:
            extra, decoding, learned = self._refitted(task, extra, decoding)
            history.update(learned)
        if isinstance(task, LineRecognitionTask):
            decoding = _looking(decoding, once=self.config.augmentation is None)
        config = {
            "name": name or directory.resolve().name,
            "version": "1",
            "networks": networks,
            "decoding": decoding,
            "training": history,
        }
        write_bundle(directory, config, charset, parameters, extra)
        return history.get("share_of_language_model")

    def _prepared(
        self, train: Dataset, validation: Optional[Dataset], machines: Machines, contexts: int
    ) -> Task:
        """Prepare the task, and check that all machines have the same data."""
        count, parts = contexts * machines.count, contexts // len(self._devices)
        task = TASKS[self._task_name](self.config, self.init, self._network, count, parts)
        own = self._pictures
        if machines.rank:
            own = own / f"machine-{machines.rank}"  # in case they share a disk
        for directory in (self.directory, own):
            directory.mkdir(parents=True, exist_ok=True)
        task.prepare(train, validation, own)
        if machines.tell(task.fingerprint) != task.fingerprint:
            raise TrainingError(
                "this machine's data differs from the first machine's; each machine needs all of it"
            )
        return task

    def _other_networks(self, name: str) -> Tuple[Dict[str, Any], Dict[str, Any]]:
        """Return the configurations and parameters of the networks that are not trained."""
        init = self.init
        if init is None:
            return {}, {}
        others = sorted(set(init.config["networks"]) - {name})
        networks = {other: dict(init.network_config(other)) for other in others}
        return networks, {other: init.stored_parameters(other) for other in others}

    def _refitted(
        self, task: LineRecognitionTask, files: Mapping[str, bytes], decoding: Mapping[str, Any]
    ) -> Tuple[Mapping[str, bytes], Mapping[str, Any], Dict[str, float]]:
        """Return the bundle's other files, the fitted decoding section, and notes on the fit."""
        options, position = self._decoding_for(task.validation_texts)
        history = {}
        if self.config.language_model == "learn":
            learned = learn_language(
                task.training_texts, task.validation_texts, options.language_model
            )
            if learned is not None:
                options = replace(options, language_model=learned.model)
                files, decoding = _with_model(learned.model, position, files, decoding)
                history["share_of_language_model"] = round(learned.share, 4)
        lines = task.read_validation(self._parameters, self._devices[0], TUNING_LINES)
        decoding, _ = tuning.refit(list(lines), options, decoding)
        return files, decoding, history

    def _decoding_for(self, texts: Sequence[str]) -> Tuple[DecodingOptions, int]:
        """Return decoding options with the language model that fits the texts, and its index."""
        if self.init is None:
            return DecodingOptions(), 0
        options, models = bundled_options(self.init), bundled_models(self.init)
        if not models:
            return options, 0
        model = fitting_text(models, texts)
        return replace(options, language_model=model), models.index(model)

    def _history(self) -> Dict[str, Any]:
        """Describe the training, for the bundle's configuration."""
        history: Dict[str, Any] = {"network": self._task_name}
        if self.init is not None:
            history["init"] = self.init.label
        if self.result is not None:
            history["steps"] = self.result.steps
            if self.result.best is not None and self._task is not None:
                history[f"validation_{self._task.criterion}"] = round(self.result.best, 4)
        return history


@contextlib.contextmanager
def _failures_told() -> Iterator[None]:
    """Turn an MXNet failure into a one-line error with advice."""
    try:
        yield
    except mx.MXNetError as error:
        raise TrainingError(
            f"MXNet failed: {str(error).strip().splitlines()[-1]}; if memory ran out, use smaller "
            "batches (batch_columns, or batch_crops for pages)"
        ) from error


def _looking(decoding: Mapping[str, Any], once: bool) -> Mapping[str, Any]:
    """Have a recognizer that saw lines at one scale look at them once, and others as usual."""
    if once:
        return {**decoding, LOOK_AGAIN_BELOW: 0.0}
    if decoding.get(LOOK_AGAIN_BELOW) == 0.0:  # it was trained so before
        return {key: value for key, value in decoding.items() if key != LOOK_AGAIN_BELOW}
    return decoding


def _with_model(
    model: NGramModel, position: int, files: Mapping[str, bytes], decoding: Mapping[str, Any]
) -> Tuple[Dict[str, bytes], Dict[str, Any]]:
    """Return a bundle's other files and decoding section, with one language model replaced."""
    models = dict(decoding.get("language_models", {})) or {"language": LANGUAGE_MODEL}
    file = str(list(models.values())[position])
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, file)
        save_model(model, path)
        return {**files, file: path.read_bytes()}, {**decoding, "language_models": models}


def _devices(device: Union[str, Sequence[str], None]) -> List[str]:
    """Return the names of the devices to train on."""
    if isinstance(device, str):
        return [device]
    if device is not None:
        if not device:
            raise ConfigError("no device given; give at least one, or None for the default")
        return list(device)
    return [f"gpu:{number}" for number in range(mx.context.num_gpus())] or ["cpu"]


def _contexts(devices: Sequence[str]) -> List[Any]:
    """Return MXNet contexts for the devices; a lone CPU gets several."""
    if list(devices) == ["cpu"]:
        return [mx.cpu(number) for number in range(CPU_PARTS)]
    return [context(device) for device in devices]


def _summary(task: Task, steps: int, directory: Path) -> List[str]:
    """Return the lines to print before the first step."""
    lines = [task.describe()]
    if task.charset_change is not None:
        lines.append(f"charset: {task.charset_change}")
    alike: Dict[str, List[Problem]] = {}
    for problem in task.problems:
        key = f"{problem.reason}, {problem.skipped + ' left out' if problem.skipped else 'kept'}"
        alike.setdefault(key, []).append(problem)
    for key, problems in alike.items():
        detail = f" ({problems[0].detail})" if problems[0].detail else ""
        lines.append(f"{key}: {len(problems)}, such as {problems[0].source}{detail}")
    lines.append(
        f"going on after step {steps}, from {directory / LAST}"
        if steps
        else f"starting anew: there is no checkpoint in {directory}"
    )
    return lines

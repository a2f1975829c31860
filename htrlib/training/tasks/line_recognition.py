"""Train the line recognizer with CTC; validate by the character error rate."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from htrlib.data.label_text import is_right_to_left
from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset, LineSample, Sample
from htrlib.decoding.best_path import best_path
from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs
from htrlib.engines.cpu_features import has_bfloat16
from htrlib.engines.mxnet.framework import gluon
from htrlib.engines.mxnet.line_reading import read_lines
from htrlib.engines.mxnet.recognizer import LineRecognizer
from htrlib.engines.network_shapes import RecognizerConfig
from htrlib.engines.port import RECOGNIZER
from htrlib.errors import DatasetError
from htrlib.images.line_strips import MARGIN
from htrlib.metrics import ErrorRate, normalize
from htrlib.stages.recognition import log_probs_of
from htrlib.training.batches.lines import BatchPlan, LineBatches
from htrlib.training.batches.picture_file import Pictures
from htrlib.training.cache import cut_lines
from htrlib.training.charsets import change_charset, move_rows
from htrlib.training.language import running_texts
from htrlib.training.tasks.task import Parameters, Task

INPUT = {"height": 64, "max_width": 3072}
SOURCE_SCALE = 1.5  # stored rows per row of the network's input, for augmentation
SOURCE_MARGIN = 0.30  # margin above and below in line heights, for augmentation
EXTRA_HEAD = 0.1  # weight in the loss of a network that cannot read yet
ALIGNED = 1.75  # loss per label below which the network has found the alignment
EASY_SHARE = 0.25  # fraction of lines, the shortest, with which training from scratch starts
EASY_LEAST = 200
READ_TOGETHER = 64  # maximum number of validation lines


class LineRecognitionTask(Task):
    """Trains "line-recognition".

    Attributes:
        training_texts: running texts of the training data, page by page.
        validation_texts: running texts of the validation data.
    """

    name = RECOGNIZER
    criterion = "cer"

    training_texts: List[str]
    validation_texts: List[str]
    _batches: LineBatches
    _usable: List[int]
    _widths: Dict[bool, Tuple[int, ...]]
    _bfloat16 = False
    _validation: Optional[Pictures] = None
    _texts: Tuple[str, ...] = ()

    @classmethod
    def learns_from(cls, sample: Sample) -> bool:
        return bool(Dataset((sample,)).lines)

    def prepare(self, train: Dataset, validation: Optional[Dataset], directory: Path) -> None:
        lines = _lines(train, "training")
        self.training_texts = running_texts(train)
        self.validation_texts = [] if validation is None else running_texts(validation)
        old = None if self.init is None else self.init.charset
        change = change_charset(old, (line.text for line in lines), self.config.charset)
        self.charset_change = change
        problems = [*train.problems, *_leftward(lines)]
        known: List[LineSample] = []
        strange: List[LineSample] = []
        for line in lines:
            (strange if change.charset.unknown(line.text) else known).append(line)
        problems += _unknown(strange, change.charset, skipped="line")
        if not known:
            raise DatasetError(
                'all lines have characters outside the charset; use charset="extend"'
            )
        problems += self._take_in(known, change.charset, directory / "train.pictures")
        if validation is not None:
            written = _lines(validation, "validation")
            path = directory / "validation.pictures"
            height = int(self.numbers()["height"])
            self._validation = cut_lines(written, path, height, MARGIN, marked=False)
            self._texts = tuple(normalize(written[i].text) for i in self._validation.notes)
            problems += [*validation.problems, *self._validation.problems]
            problems += _unknown(written, change.charset, skipped="")
        self.problems = tuple(problems)

    def _take_in(self, lines: Sequence[LineSample], charset: Charset, path: Path) -> List[Problem]:
        """Cut the training lines; return the problems found."""
        height = int(self.numbers()["height"])
        changed = self.config.augmentation is not None
        rows, margin = (
            (round(SOURCE_SCALE * height), SOURCE_MARGIN) if changed else (height, MARGIN)
        )
        pictures = cut_lines(lines, path, rows, margin, marked=True)
        self._batches = LineBatches(
            pictures,
            tuple(charset.encode(lines[index].text) for index in pictures.notes),
            margin,
            height,
            self._shape().frame_width,
            int(self.numbers()["max_width"]),
            self.part_of(self.config.batch_columns),
            self.config.augmentation,
            self.config.seed,
            self.devices,
        )
        self._sources = tuple(lines[index].source for index in pictures.notes)
        self._usable, unusable = self._sifted()
        easy = sorted(self._usable, key=lambda index: len(self._batches.labels[index]))
        self._easy = easy[: max(EASY_LEAST, round(EASY_SHARE * len(easy)))]
        self._widths = {
            aligned: self._batches.widths(self._usable if aligned else self._easy)
            for aligned in (True, False)
        }
        return [*pictures.problems, *unusable]

    @property
    def charset(self) -> Optional[Charset]:
        return None if self.charset_change is None else self.charset_change.charset

    def describe(self) -> str:
        count = 0 if self._validation is None else len(self._validation)
        return f"{self.name}: {len(self._usable)} lines to train on, {count} to validate on"

    @property
    def fingerprint(self) -> str:
        validation = () if self._validation is None else self._validation.shapes
        batches = self._batches
        facts = (batches.labels, batches.pictures.shapes, self._usable, validation, self._texts)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def samples(self, plan: BatchPlan) -> Tuple[str, ...]:
        return tuple(self._sources[line] for line, _ in plan.rows)

    @property
    def source(self) -> LineBatches:
        return self._batches

    def plan(self, epoch: int, aligned: bool) -> List[BatchPlan]:
        lines = self._usable if aligned else self._easy
        return self._batches.plan(epoch, lines, self._widths[aligned])

    def usual(self) -> Dict[str, Any]:
        return {**asdict(RecognizerConfig(0)), **INPUT}

    def numbers(self) -> Dict[str, Any]:
        numbers = super().numbers()
        numbers.pop("width_multiple", None)  # in bundles of the time when lines were padded
        charset = self.charset
        return {**numbers, "num_classes": 1 if charset is None else len(charset) + 1}

    def build(self) -> Any:
        shape = self._shape()
        if self.config.dropout is not None:
            shape = replace(shape, dropout=self.config.dropout)
        return LineRecognizer(
            shape,
            height=int(self.numbers()["height"]),
            extra_head=self._extra_head > 0,
            bfloat16=self._bfloat16,
        )

    def network(self, contexts: List[Any]) -> Any:
        self._bfloat16 = _in_bfloat16(self.config.bfloat16, contexts)
        return super().network(contexts)

    @property
    def _extra_head(self) -> float:
        """Weight of the second head in the loss."""
        if self.config.extra_head is not None:
            return self.config.extra_head
        return EXTRA_HEAD if self.parent is None else 0.0

    def loss(self, network: Any) -> Any:
        return _CtcLoss(network, self._extra_head)

    def initial(self) -> Parameters:
        parameters = dict(super().initial())
        if self.parent is not None and self.charset is not None:
            rng = np.random.default_rng(self.config.seed)
            for name in ("head.weight", "head.bias"):
                parameters[name] = move_rows(
                    parameters[name], self.parent.charset, self.charset, rng
                )
        return parameters

    def exported(self, parameters: Parameters) -> Parameters:
        return {k: v for k, v in parameters.items() if not k.startswith("extra_head.")}

    def aligned(self, loss: float) -> bool:
        return loss < ALIGNED

    @property
    def validates(self) -> bool:
        return self._validation is not None

    def score(self, parameters: Parameters, device: Optional[str]) -> Dict[str, float]:
        characters, words = ErrorRate(), ErrorRate()
        for log_probs, text in self.read_validation(parameters, device):
            found = normalize(log_probs.charset.decode(best_path(log_probs.values).labels))
            characters.add(text, found)
            words.add(text.split(), found.split())
        return {"cer": characters.rate, "wer": words.rate}

    def read_validation(
        self, parameters: Parameters, device: Optional[str], most: Optional[int] = None
    ) -> Iterator[Tuple[LogProbs, str]]:
        """Recognize validation lines, and return the results with their references.

        Args:
            most: maximum number of lines, evenly spaced; None for all.
        """
        pictures, charset = self._validation, self.charset
        if pictures is None or charset is None:
            return
        reader = self.reader(parameters, device)
        count = len(pictures) if most is None else min(most, len(pictures))
        spread = np.linspace(0, len(pictures) - 1, count).round().astype(int).tolist()
        chosen = sorted(spread, key=lambda index: pictures.shapes[index][1])
        for start in range(0, len(chosen), READ_TOGETHER):
            members = chosen[start : start + READ_TOGETHER]
            inks = [pictures[index] for index in members]
            log_probs = log_probs_of(
                partial(read_lines, reader), inks, int(self.numbers()["max_width"])
            )
            for index, values in zip(members, log_probs):
                yield LogProbs(values, charset), self._texts[index]

    def _shape(self) -> RecognizerConfig:
        return RecognizerConfig.from_dict(self.numbers())

    def _sifted(self) -> Tuple[List[int], List[Problem]]:
        """Return the pictures that can be trained on, and the problems of the others."""
        usable, problems = [], []
        for index, source in enumerate(self._sources):
            width = self._batches.plain_width(index)
            if width > self._batches.max_width:
                reason, most = "line too wide for the network", self._batches.max_width
                detail = f"{width} columns, at most {most}"
            elif not self._batches.fits(index, width):
                reason = "line too narrow for its text"
                frames = -(-width // self._batches.frame_width)
                detail = f"{frames} frames, needs {self._batches.frames_needed(index)}"
            else:
                usable.append(index)
                continue
            problems.append(Problem(reason, source, detail, skipped="line"))
        if len(usable) < self.devices:
            first = f"; the first problem: {problems[0]}" if problems else ""
            raise DatasetError(
                f"{len(usable)} of {len(self._sources)} lines can be trained on, and at least "
                f"{self.devices} are needed (a batch has {self.devices} parts); label more "
                f"lines{first}"
            )
        return usable, problems


class _CtcLoss(gluon.HybridBlock):
    """Maps ink, frames, labels, lengths to (N,) losses per label, of one head or two."""

    def __init__(self, network: Any, extra_head: float) -> None:
        super().__init__()
        self.network = network
        self._extra_head = extra_head

    def hybrid_forward(self, F: Any, *inputs: Any) -> Any:  # noqa: N803 - Gluon names it so
        ink, frames, labels, lengths = inputs
        total = None
        found = self.network(F.cast(ink, "float32") / 255)
        heads = found if self._extra_head else (found,)
        for logits, weight in zip(heads, (1.0, self._extra_head)):
            loss = weight * F.CTCLoss(
                F.swapaxes(logits, 0, 1),
                labels,
                frames,
                lengths,
                use_data_lengths=True,
                use_label_lengths=True,
                blank_label="last",
            )
            total = loss if total is None else total + loss
        return total / lengths


def _in_bfloat16(asked: Optional[bool], contexts: Sequence[Any]) -> bool:
    """Return whether to compute in bfloat16: as asked or as the CPU can, and never on GPUs."""
    wanted = has_bfloat16() if asked is None else asked
    return wanted and all(context.device_type == "cpu" for context in contexts)


def _leftward(lines: Sequence[LineSample]) -> List[Problem]:
    """Note the lines of scripts that run from right to left: the frames run from left to right."""
    detail = "letters are learned in the order in which they stand from left to right"
    return [
        Problem("right-to-left text", line.source, detail)
        for line in lines
        if is_right_to_left(line.text)
    ]


def _lines(dataset: Dataset, what: str) -> Tuple[LineSample, ...]:
    lines = dataset.lines
    if not lines:
        raise DatasetError(f"the {what} data has no line with both a position and a text")
    return lines


def _unknown(lines: Sequence[LineSample], charset: Charset, skipped: str) -> List[Problem]:
    problems = []
    for line in lines:
        unknown = charset.unknown(line.text)
        if unknown:
            reason, detail = "characters outside the charset", "".join(unknown)
            problems.append(Problem(reason, line.source, detail, skipped))
    return problems

"""The page labelers' training: crops of pages, their pixels' labels."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

from htrlib.data.samples import Dataset, PageSample
from htrlib.errors import ConfigError, DatasetError
from htrlib.networks import build, gluon
from htrlib.networks.labeler import LabelerConfig, PageLabeler
from htrlib.networks.runner import run, set_parameters
from htrlib.stages.lines import REGION_AREA
from htrlib.stages.paragraph import PAGE_AREA
from htrlib.training.collecting import keep_pages
from htrlib.training.page_batches import CropPlan, PageBatches, scaled_line
from htrlib.training.tasks import Parameters, Task

VALIDATION_CROPS = 4  # of each page, the same ones each time
VALIDATION_SEED = 7


class LabelingTask(Task):
    """Trains "paragraph" or "line-segmentation"."""

    criterion = "loss"
    labels: int
    """Channels of the answer."""

    _batches: PageBatches
    _validation: Optional[PageBatches] = None
    _reader: Any = None

    def prepare(self, train: Dataset, validation: Optional[Dataset], directory: Path) -> None:
        if self.init is None:
            raise ConfigError(
                f"{self.name} is trained as a part of a bundle: name the one to start from (init)"
            )
        rows = self.config.batch_crops * self.devices
        pages = self._pages(train, "training")
        self._batches = self._read(
            pages, directory / "train.pictures", self.config.crops_per_page, rows, self.config.seed
        )
        self._sources = tuple(pages[index].source for index, _ in self._batches.pictures.notes)
        problems = [*train.problems, *self._batches.pictures.problems]
        if validation is not None:
            self._validation = self._read(
                self._pages(validation, "validation"),
                directory / "validation.pictures",
                VALIDATION_CROPS,
                self.config.batch_crops,
                VALIDATION_SEED,
            )
            problems += [*validation.problems, *self._validation.pictures.problems]
        self.problems = tuple(problems)

    def describe(self) -> str:
        count = 0 if self._validation is None else len(self._validation.pictures)
        pages = len(self._batches.pictures)
        return f"{self.name}: {pages} pages to train on, {count} to validate on"

    @property
    def fingerprint(self) -> str:
        facts = (self._batches.pictures.shapes, self._batches.lines)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def samples(self, plan: CropPlan) -> Tuple[str, ...]:
        return tuple(sorted({self._sources[page] for page, _ in plan.crops}))

    @property
    def source(self) -> PageBatches:
        return self._batches

    def plan(self, epoch: int, aligned: bool) -> List[CropPlan]:
        return self._batches.plan(epoch)

    def numbers(self) -> Dict[str, Any]:
        if self.init is not None and self.name in self.init.config["networks"]:
            numbers = dict(self.init.network_config(self.name))
            numbers.pop("file", None)
            return numbers
        return {**asdict(LabelerConfig(self.labels)), **self.architecture}

    def build(self) -> Any:
        return PageLabeler(LabelerConfig.from_dict(self.numbers()))

    def loss(self, network: Any) -> Any:
        return _PixelLoss(network)

    def initial(self) -> Parameters:
        there = self.init is not None and self.name in self.init.config["networks"]
        return super().initial() if there else {}

    @property
    def validates(self) -> bool:
        return self._validation is not None

    def score(self, parameters: Parameters, device: Optional[str]) -> Dict[str, float]:
        if self._validation is None:
            return {}
        if self._reader is None:
            self._reader = build(self.name, self.numbers())
            self._reader.hybridize()
        set_parameters(self._reader, parameters, device)
        loss, count, both, found, wanted = 0.0, 0, 0, 0, 0
        for plan in self._validation.plan(0):
            batch = self._validation.make(plan)
            logits = run(self._reader, batch["ink"] / np.float32(255.0))
            labels = batch["labels"] > 0
            loss += float(np.logaddexp(0.0, np.where(labels, -logits, logits)).sum())
            count += labels.size
            both += int((labels & (logits > 0)).sum())
            found += int((logits > 0).sum())
            wanted += int(labels.sum())
        return {"loss": loss / count, "f1": 2 * both / max(1, found + wanted)}

    def _pages(self, dataset: Dataset, what: str) -> Tuple[PageSample, ...]:
        pages = dataset.pages
        if not any(line.line is not None for page in pages for line in page.lines):
            raise DatasetError(f"the {what} data has no page with a line whose place is known")
        return pages

    def _read(
        self, pages: Tuple[PageSample, ...], path: Path, crops: int, rows: int, seed: int
    ) -> PageBatches:
        pictures = keep_pages(pages, path)
        lines = tuple(
            tuple(
                scaled_line(line.line, scale)
                for line in pages[index].lines
                if line.line is not None
            )
            for index, scale in pictures.notes
        )
        whole = self.labels == 1
        area = PAGE_AREA if whole else REGION_AREA
        return PageBatches(pictures, lines, whole, area, self.labels, crops, rows, seed)


class ParagraphTask(LabelingTask):
    """Marks what is written."""

    name = "paragraph"
    labels = 1


class LineSegmentationTask(LabelingTask):
    """Marks cores and areas of lines."""

    name = "line-segmentation"
    labels = 2


class _PixelLoss(gluon.HybridBlock):
    """Ink, labels -> (N,) mean loss of the pixels' labels."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.loss = gluon.loss.SigmoidBinaryCrossEntropyLoss()

    def hybrid_forward(self, F: Any, ink: Any, labels: Any) -> Any:  # noqa: N803 - Gluon's name
        logits = self.network(F.cast(ink, "float32") / 255)
        return self.loss(logits, F.cast(labels, "float32"))

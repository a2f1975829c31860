"""Shared parts of the tasks that train on square crops of pages."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections import Counter
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from htrlib.data.samples import Dataset, PageSample, Problem
from htrlib.errors import ConfigError, DatasetError
from htrlib.training.batches.pages import Counts, CropBatches, CropPlan
from htrlib.training.batches.picture_file import Pictures
from htrlib.training.cache import keep_pages
from htrlib.training.tasks.task import Task

VALIDATION_CROPS = 4  # of each page, the same ones each time
VALIDATION_SEED = 7


class PageTask(Task):
    """Learns from squares of pages, on which all lines must be labeled."""

    criterion = "loss"
    wanted: str
    """The required annotation of pages, for messages."""

    validation: Optional[CropBatches] = None
    _batches: CropBatches

    @abstractmethod
    def lacks(self, page: PageSample) -> str:
        """Why nothing can be learned from a page; empty where something can."""

    @abstractmethod
    def batches(
        self, pages: Sequence[PageSample], pictures: Pictures, crops: Counts, rows: int, seed: int
    ) -> CropBatches:
        """The batches of pictures, whose notes name the page and the scale."""

    def prepare(self, train: Dataset, validation: Optional[Dataset], directory: Path) -> None:
        if self.init is None:
            raise ConfigError(
                f"{self.name} is trained as a part of a bundle: name the one to start from (init)"
            )
        config = self.config
        rows = self.devices * self.part_of(config.batch_crops)
        pages, problems = self._usable(train, "training")
        path, crops = directory / "train.pictures", config.crops_per_page
        self._batches = self._kept(pages, path, crops, rows, config.seed)
        problems += self._batches.pictures.problems
        if validation is not None:
            pages, more = self._usable(validation, "validation")
            path, crops = directory / "validation.pictures", VALIDATION_CROPS
            rows = config.batch_crops
            self.validation = self._kept(pages, path, crops, rows, VALIDATION_SEED)
            problems += [*more, *self.validation.pictures.problems]
        self.problems = tuple(problems)

    def describe(self) -> str:
        count = 0 if self.validation is None else len(self.validation.pictures)
        pages = len(self._batches.pictures)
        return f"{self.name}: {pages} pages to train on, {count} to validate on"

    @property
    def fingerprint(self) -> str:
        parts = [self._batches] if self.validation is None else [self._batches, self.validation]
        facts = [(part.pictures.shapes, part.labels, part.crops) for part in parts]
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]

    def samples(self, plan: CropPlan) -> Tuple[str, ...]:
        return tuple(sorted({self._batches.sources[page] for page, _ in plan.crops}))

    @property
    def source(self) -> CropBatches:
        return self._batches

    def plan(self, epoch: int, aligned: bool) -> List[CropPlan]:
        return self._batches.plan(epoch)

    @property
    def validates(self) -> bool:
        return self.validation is not None

    def _kept(
        self, pages: Sequence[PageSample], path: Path, crops: int, rows: int, seed: int
    ) -> CropBatches:
        """Batches of pages; duplicates are stored once and sampled proportionally more often."""
        times = Counter(pages)
        different = list(times)
        pictures = keep_pages(different, path)
        wanted = tuple(crops * times[different[index]] for index, _ in pictures.notes)
        return self.batches(different, pictures, wanted, rows, seed)

    def _usable(self, dataset: Dataset, what: str) -> Tuple[List[PageSample], List[Problem]]:
        """The pages that can be learned from, and what is wrong with the data."""
        pages: List[PageSample] = []
        problems = list(dataset.problems)
        for page in dataset.pages:
            reason = self.lacks(page)
            if reason:
                problems.append(Problem(reason, page.source, skipped="page"))
            else:
                pages.append(page)
        if not any(page.lines for page in pages):
            raise DatasetError(f"the {what} data has no page with {self.wanted}")
        return pages, problems

"""Common parts of the tasks that train on square crops of pages."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections import Counter
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset, PageSample, Sample
from htrlib.errors import ConfigError, DatasetError
from htrlib.training.batches.pages import Counts, CropBatches, CropPlan
from htrlib.training.batches.picture_file import Pictures
from htrlib.training.cache import keep_pages
from htrlib.training.tasks.task import Task

VALIDATION_CROPS = 4  # validation crops per page, always the same ones
VALIDATION_SEED = 7


class PageTask(Task):
    """Trains on square crops of pages, whose lines must all be labeled."""

    criterion = "loss"
    wanted: str
    """The required annotation of pages, for messages."""

    validation: Optional[CropBatches] = None
    _batches: CropBatches

    @classmethod
    @abstractmethod
    def lacks(cls, page: PageSample) -> str:
        """Return what a page's labels lack, or an empty string."""

    @classmethod
    def learns_from(cls, sample: Sample) -> bool:
        if not isinstance(sample, PageSample):
            return False
        return bool(sample.lines) and not cls._obstacle(sample)

    @classmethod
    def _obstacle(cls, page: PageSample) -> str:
        """Return the reason why a page cannot be trained on, or an empty string."""
        left_out = "lines that nobody confirmed, or of another split"
        return left_out if page.incomplete else cls.lacks(page)

    @abstractmethod
    def batches(
        self, pages: Sequence[PageSample], pictures: Pictures, crops: Counts, rows: int, seed: int
    ) -> CropBatches:
        """Return the batches of pictures whose notes are (index of the page, scale)."""

    def prepare(self, train: Dataset, validation: Optional[Dataset], directory: Path) -> None:
        if self.init is None:
            raise ConfigError(
                f"{self.name} can only be trained as part of a bundle: name one with init"
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
        """Make batches; duplicate pages are stored once and sampled proportionally more often."""
        times = Counter(pages)
        different = list(times)
        pictures = keep_pages(different, path)
        wanted = tuple(crops * times[different[index]] for index, _ in pictures.notes)
        return self.batches(different, pictures, wanted, rows, seed)

    @classmethod
    def _usable(cls, dataset: Dataset, what: str) -> Tuple[List[PageSample], List[Problem]]:
        """Return the pages that can be trained on, and the problems of the data."""
        pages: List[PageSample] = []
        problems = list(dataset.problems)
        for page in dataset.pages:
            reason = cls._obstacle(page)
            if reason:
                problems.append(Problem(reason, page.source, skipped="page"))
            else:
                pages.append(page)
        if not any(page.lines for page in pages):
            raise DatasetError(f"the {what} data has no page with {cls.wanted}")
        return pages, problems

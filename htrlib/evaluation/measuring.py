"""Evaluate a pipeline on a data set: read its lines or pages, and compare with the labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    Hashable,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

import numpy as np
from numpy.typing import NDArray

from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset, LineSample, PageSample
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.errors import DatasetError, ImageError
from htrlib.evaluation.page_readings import (
    Decoders,
    PageReading,
    bundle_decoders,
    outlined,
    read_lines,
    read_page,
)
from htrlib.evaluation.scores import RATES, Rate, TextErrors
from htrlib.evaluation.text_alignment import parts_by_line
from htrlib.images.given_lines import upright_lines
from htrlib.metrics import DetectionF1, confusions, normalize, page_text

if TYPE_CHECKING:
    from htrlib.reading.pipeline import Pipeline  # slow to import

LINES, PAGES = "lines", "pages"

_T = TypeVar("_T")
Progress = Callable[[Sequence[_T]], Iterable[_T]]


@dataclass(frozen=True, eq=False)
class LineReading:
    """A line of the reference, and the texts read for it.

    Attributes:
        source: name of the line.
        reference: normalized text.
        texts: text read by each decoder; for whole pages, the part aligned with the line.
        sample: the line's sample, or None if its position is unknown.
    """

    source: str
    reference: str
    texts: Mapping[str, str]
    sample: Optional[LineSample]


@dataclass
class Layout:
    """Detected lines compared with the labeled ones.

    Attributes:
        right_number: number of pages on which the correct number of lines was found.
        expected: number of labeled lines.
        found: number of lines found.
        detection: detection of line boxes, on pages whose lines all have a position.
        overlaps: IoU of the paragraph on each page with a labeled paragraph.
    """

    right_number: int = 0
    expected: int = 0
    found: int = 0
    detection: DetectionF1 = field(default_factory=DetectionF1)
    overlaps: List[float] = field(default_factory=list)

    def add(self, sample: PageSample, reading: PageReading) -> None:
        """Count one page."""
        self.right_number += len(sample.lines) == len(reading.lines)
        self.expected += len(sample.lines)
        self.found += len(reading.lines)
        boxes = [line.line.box for line in sample.lines if line.line is not None]
        if boxes and len(boxes) == len(sample.lines):
            self.detection.add(boxes, [line.box for line in reading.lines])
        if sample.paragraph is not None:
            found = reading.paragraph
            self.overlaps.append(found.iou(sample.paragraph) if found else 0.0)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The results of an evaluation.

    Attributes:
        unit: "lines" or "pages": what is read and compared as a whole.
        bundle: name and version of the bundle, if any.
        pages: number of pages of the texts; line pictures of unknown pages count as one each.
        drawn: "lines" or "pages": what is resampled for the intervals.
        rates: rates by decoder and by name in `RATES`.
        pairs: (reference, hypothesis) of each unit, by decoder.
        lines: all lines of the references.
        layout: detected lines; only for pages.
        unknown: occurrences of reference characters that the recognizer does not know.
        unread: pictures that could not be read.
        problems: other samples left out or repaired, those of the data set first.
    """

    unit: str
    bundle: Optional[str]
    pages: int
    drawn: str
    rates: Mapping[str, Mapping[str, Rate]]
    pairs: Mapping[str, Tuple[Tuple[str, str], ...]]
    lines: Tuple[LineReading, ...]
    layout: Optional[Layout]
    unknown: Mapping[str, int]
    unread: Tuple[Problem, ...]
    problems: Tuple[Problem, ...]

    def confusions(self, decoder: str) -> Counter[Tuple[str, str]]:
        """Return character confusions; see `htrlib.metrics.confusions`."""
        return confusions(self.pairs[decoder])


def evaluate_lines(
    dataset: Dataset,
    pipeline: Optional[Pipeline] = None,
    decoders: Optional[Decoders] = None,
    *,
    seed: int = 1,
    progress: Progress[List[LineSample]] = iter,
) -> Evaluation:
    """Read lines at their labeled positions, and compare their texts.

    Args:
        dataset: labeled data; lines without position or text are left out and counted.
        pipeline: recognizes the lines; by default that of the default bundle.
        decoders: decoders by name; by default `bundle_decoders` of the pipeline's bundle, or the
            pipeline's decoder if it has no bundle.
        seed: random seed of the intervals.
        progress: wraps the iterable of each picture's lines, as `tqdm` does.
    Raises:
        DatasetError: no line can be read.
        BundleError, DeviceError: see `Bundle.engine`.
    """
    pipeline, decoders = _defaults(pipeline, decoders)
    tally = _Tally(decoders)
    for page in dataset.pages:
        tally.problems += [
            Problem("line without a place", page.source, line.text, skipped="line")
            for line in page.lines
            if line.line is None
        ]
    # the lines of a page are adjacent and share its picture
    by_picture = [list(group) for _, group in groupby(dataset.lines, key=lambda s: s.image)]
    several = len({sample.page for sample in dataset.lines if sample.page is not None}) > 1
    for samples in progress(by_picture):
        image = tally.load(samples[0], samples[0].page or samples[0].source)
        if image is None:
            continue
        given = [sample.line or _whole(image) for sample in samples]
        image, places, _ = upright_lines(image, given)
        if all(sample.line is not None for sample in samples):
            places = outlined(image, places, pipeline)
        readings = read_lines(image, places, pipeline, decoders)
        tally.see(readings.charset)
        for index, sample in enumerate(samples):
            texts = {name: decoded[index].text for name, decoded in readings.texts.items()}
            tally.add(sample.text, texts, (sample.page or sample.source) if several else None)
            tally.add_line(sample.source, sample.text, texts, sample)
            tally.pages.add(sample.page or sample.source)
    return tally.evaluation(LINES, PAGES if several else LINES, dataset, pipeline, seed)


def evaluate_pages(
    dataset: Dataset,
    pipeline: Optional[Pipeline] = None,
    decoders: Optional[Decoders] = None,
    *,
    seed: int = 1,
    progress: Progress[PageSample] = iter,
) -> Evaluation:
    """Find and read the lines of whole pages, and compare the pages' texts.

    A page's text is its lines joined by spaces; missed lines, spurious lines and lines in the wrong
    order count in full.

    Args:
        dataset: labeled data. Lines with a position but no text are masked: text read there is
            ignored. Pages with other lines of unknown text are left out. Both are counted.
        pipeline: finds and recognizes the lines; by default that of the default bundle.
        decoders: see `evaluate_lines`.
        seed: random seed of the intervals.
        progress: wraps the iterable of pages, as `tqdm` does.
    Raises:
        DatasetError: no page can be read.
        BundleError, DeviceError: see `Bundle.engine`.
    """
    pipeline, decoders = _defaults(pipeline, decoders)
    tally = _Tally(decoders)
    layout = Layout()
    for page in progress(tally.comparable_pages(dataset)):
        image = tally.load(page, page.source)
        if image is None:
            continue
        reading = read_page(image, pipeline, decoders)
        tally.see(reading.readings.charset)
        reading = reading.without(page.masked)
        layout.add(page, reading)
        masks = [line.line.box for line in page.lines if line.line and not line.text]
        compared = reading.without(masks)
        texts = {
            name: page_text(line.text for line in decoded)
            for name, decoded in compared.readings.texts.items()
        }
        known = [(index, line) for index, line in enumerate(page.lines) if line.text]
        references = [normalize(line.text) for _, line in known]
        tally.add(" ".join(references), texts)
        tally.pages.add(page.source)
        parts = {name: parts_by_line(references, text) for name, text in texts.items()}
        placed = page.line_samples()
        for part, (index, line) in enumerate(known):
            sample = None if line.line is None else next(placed)
            decoded = {name: found[part] for name, found in parts.items()}
            tally.add_line(f"{page.source}#{line.id or index}", line.text, decoded, sample)
    evaluation = tally.evaluation(PAGES, PAGES, dataset, pipeline, seed)
    return replace(evaluation, layout=layout)


class _Tally:
    """Accumulates the results while the data set is read."""

    def __init__(self, decoders: Decoders) -> None:
        self.errors: Dict[str, TextErrors] = {name: TextErrors() for name in decoders}
        self.pairs: Dict[str, List[Tuple[str, str]]] = {name: [] for name in decoders}
        self.lines: List[LineReading] = []
        self.pages: set[Hashable] = set()
        self.characters: Counter[str] = Counter()
        self.charset: Optional[Charset] = None
        self.problems: List[Problem] = []
        self.unread: List[Problem] = []

    def comparable_pages(self, dataset: Dataset) -> Tuple[PageSample, ...]:
        """Return the pages whose lines have a text or can be masked, and the others' problems."""
        kept = []
        for sample in dataset:
            if not isinstance(sample, PageSample):
                reason, left_out = "line picture without a page", "line"
            elif not sample.lines:
                reason, left_out = "page without lines", "page"
            elif not any(line.text for line in sample.lines):
                reason, left_out = "page of unknown text", "page"
            elif not all(line.text or line.line for line in sample.lines):
                reason, left_out = "page with a line of unknown text", "page"
            else:
                kept.append(sample)
                self.problems += [
                    Problem("line of unknown text, masked", sample.source, line.id, skipped="line")
                    for line in sample.lines
                    if not line.text
                ]
                continue
            self.problems.append(Problem(reason, sample.source, skipped=left_out))
        return tuple(kept)

    def load(
        self, sample: Union[PageSample, LineSample], source: str
    ) -> Optional[NDArray[np.uint8]]:
        """Load a picture; record it and return None if it cannot be read."""
        try:
            return sample.load_image()
        except (ImageError, OSError) as error:
            self.unread.append(Problem("unreadable image", source, str(error), skipped="page"))
            return None

    def see(self, charset: Optional[Charset]) -> None:
        """Record the recognizer's charset."""
        self.charset = charset or self.charset

    def add(
        self, reference: str, texts: Mapping[str, str], group: Optional[Hashable] = None
    ) -> None:
        """Add one unit."""
        self.characters.update(normalize(reference))
        for name, text in texts.items():
            self.errors[name].add(reference, text, group)
            self.pairs[name].append((reference, text))

    def add_line(
        self, source: str, reference: str, texts: Mapping[str, str], sample: Optional[LineSample]
    ) -> None:
        """Add one line."""
        normal = {name: normalize(text) for name, text in texts.items()}
        self.lines.append(LineReading(source, normalize(reference), normal, sample))

    def evaluation(
        self, unit: str, drawn: str, dataset: Dataset, pipeline: Pipeline, seed: int
    ) -> Evaluation:
        """Return the evaluation.

        Raises:
            DatasetError: nothing was evaluated.
        """
        problems = (*dataset.problems, *self.problems)
        if not self.lines:
            reasons = Counter(p.reason for p in (*problems, *self.unread) if p.skipped)
            why = ", ".join(f"{reason}: {count}" for reason, count in reasons.items())
            raise DatasetError(f"the data gives no {unit} to evaluate ({why or 'it is empty'})")
        rates = {
            name: {rate: errors.rate(rate, seed) for rate in RATES}
            for name, errors in self.errors.items()
        }
        unknown = [
            (character, count)
            for character, count in self.characters.most_common()
            if self.charset is not None and character not in self.charset
        ]
        return Evaluation(
            unit=unit,
            bundle=None if pipeline.bundle is None else pipeline.bundle.label,
            pages=len(self.pages),
            drawn=drawn,
            rates=rates,
            pairs={name: tuple(pairs) for name, pairs in self.pairs.items()},
            lines=tuple(self.lines),
            layout=None,
            unknown=dict(unknown),
            unread=tuple(self.unread),
            problems=problems,
        )


def _defaults(
    pipeline: Optional[Pipeline], decoders: Optional[Decoders]
) -> Tuple[Pipeline, Decoders]:
    if pipeline is None:
        from htrlib.reading.pipeline import Pipeline

        pipeline = Pipeline()
    if decoders is None and pipeline.bundle is None:
        decoders = {"pipeline": pipeline.decode}
    return pipeline, decoders or bundle_decoders(pipeline.bundle)


def _whole(image: NDArray[np.uint8]) -> TextLine:
    """Return the line that fills its picture."""
    return TextLine(Box(0, 0, image.shape[1], image.shape[0]))

"""Train the page labelers on crops of pages with labels for their pixels."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np

from htrlib.bundle import Bundle
from htrlib.data.samples import PageSample
from htrlib.engines.mxnet.framework import gluon
from htrlib.engines.mxnet.labeler import PageLabeler
from htrlib.engines.mxnet.runner import run
from htrlib.engines.network_shapes import LabelerConfig
from htrlib.engines.port import LINES, PARAGRAPHS
from htrlib.stages.lines import REGION_AREA
from htrlib.stages.paragraph import PAGE_AREA
from htrlib.training.batches.pages import Counts, LabelBatches, scaled_line
from htrlib.training.batches.picture_file import Pictures
from htrlib.training.tasks.page_task import PageTask
from htrlib.training.tasks.task import Parameters


class LabelingTask(PageTask):
    """Trains "paragraph" or "line-segmentation"."""

    wanted = "lines whose places are all known"
    channels: int
    """The number of labels."""

    @classmethod
    def lacks(cls, page: PageSample) -> str:
        placed = all(line.line is not None for line in page.lines)
        return "" if placed else "lines without a place"

    def batches(
        self, pages: Sequence[PageSample], pictures: Pictures, crops: Counts, rows: int, seed: int
    ) -> LabelBatches:
        lines = tuple(
            tuple(scaled_line(line.line, scale) for line in pages[index].lines if line.line)
            for index, scale in pictures.notes
        )
        sources = tuple(pages[index].source for index, _ in pictures.notes)
        whole = self.channels == 1
        area = PAGE_AREA if whole else REGION_AREA
        return LabelBatches(pictures, sources, crops, rows, seed, lines, whole, area, self.channels)

    def usual(self) -> Dict[str, Any]:
        if self._other is None:
            return asdict(LabelerConfig(self.channels))
        bundle, name = self._other
        numbers = {**bundle.network_config(name), "num_labels": self.channels}
        del numbers["file"]
        return numbers

    def initial(self) -> Parameters:
        if self._other is None or self.architecture:
            return super().initial()
        bundle, name = self._other
        return {k: v for k, v in bundle.parameters(name).items() if not k.startswith("head.")}

    @property
    def _other(self) -> Optional[Tuple[Bundle, str]]:
        """Return the other labeler to start from, if the bundle has only that one.

        Both networks see the same ink, so their features are similar; the output layer is new.
        """
        if self.init is None or self.parent is not None:
            return None
        others = (task.name for task in (ParagraphTask, LineSegmentationTask))
        found = [name for name in others if name in self.init.config["networks"]]
        return (self.init, found[0]) if found else None

    def build(self) -> Any:
        return PageLabeler(LabelerConfig.from_dict(self.numbers()))

    def loss(self, network: Any) -> Any:
        return _PixelLoss(network)

    def score(self, parameters: Parameters, device: Optional[str]) -> Dict[str, float]:
        if self.validation is None:
            return {}
        reader = self.reader(parameters, device)
        loss, count, both, found, wanted = 0.0, 0, 0, 0, 0
        for plan in self.validation.plan(0):
            batch = self.validation.make(plan)
            labels = batch["labels"] > 0
            logits = run(reader, batch["ink"] / np.float32(255.0))[:, : labels.shape[1]]
            loss += float(np.logaddexp(0.0, np.where(labels, -logits, logits)).sum())
            count += labels.size
            both += int((labels & (logits > 0)).sum())
            found += int((logits > 0).sum())
            wanted += int(labels.sum())
        return {"loss": loss / count, "f1": 2 * both / max(1, found + wanted)}


class ParagraphTask(LabelingTask):
    """Trains "paragraph", which marks handwriting."""

    name = PARAGRAPHS
    channels = 1


class LineSegmentationTask(LabelingTask):
    """Trains "line-segmentation", which marks cores and areas of lines."""

    name = LINES
    channels = 2


class _PixelLoss(gluon.HybridBlock):
    """Maps ink and labels to (N,) mean losses of the pixels."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.loss = gluon.loss.SigmoidBinaryCrossEntropyLoss()

    def hybrid_forward(self, F: Any, ink: Any, labels: Any) -> Any:  # noqa: N803 - Gluon's name
        logits = self.network(F.cast(ink, "float32") / 255)
        # The data has no labels of kinds: output channels for them stay untrained.
        return self.loss(F.slice_like(logits, labels, axes=(1,)), F.cast(labels, "float32"))

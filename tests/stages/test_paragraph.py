"""Which parts of the labels that a network gives count as handwriting."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np
import pytest

from htrlib.document.geometry import Box
from htrlib.images.regions import Region
from htrlib.layout.pixel_labels import Labels
from htrlib.stages import paragraph
from htrlib.stages.paragraph import detect_paragraph

SIDE = 200  # labels; each is two pixels wide
PASSAGE = Box(20, 60, 180, 180)


def found(
    monkeypatch: pytest.MonkeyPatch, default_bundle: Any, *parts: Tuple[Box, float]
) -> Optional[Box]:
    """The paragraph on a page of which these boxes, in labels, have these probabilities."""
    probabilities = np.zeros((1, SIDE, SIDE), np.float32)
    for box, probability in parts:
        rows, columns = slice(int(box.top), int(box.bottom)), slice(int(box.left), int(box.right))
        probabilities[0, rows, columns] = probability
    page = np.full((2 * SIDE, 2 * SIDE), 255, np.uint8)
    labels = Labels(probabilities, page[::2, ::2], Region(page, 0.0, 0.0, 1.0))
    monkeypatch.setattr(paragraph, "label_region", lambda *_: labels)
    return detect_paragraph(page, bundle=default_bundle)


def test_a_reference_at_the_edge_belongs_to_the_handwriting(
    monkeypatch: pytest.MonkeyPatch, default_bundle: Any
) -> None:
    reference = Box(150, 2, 170, 6)  # a 240th of the passage
    box = found(monkeypatch, default_bundle, (PASSAGE, 0.9), (reference, 0.75))
    assert box == Box(40, 4, 360, 360)


@pytest.mark.parametrize(
    ("part", "probability"), [(Box(150, 2, 159, 7), 0.9), (Box(150, 2, 170, 6), 0.6)]
)
def test_specks_and_doubtful_parts_do_not(
    monkeypatch: pytest.MonkeyPatch, default_bundle: Any, part: Box, probability: float
) -> None:
    box = found(monkeypatch, default_bundle, (PASSAGE, 0.9), (part, probability))
    assert box == PASSAGE.scaled(2, 2)


def test_a_page_with_specks_alone_has_no_handwriting(
    monkeypatch: pytest.MonkeyPatch, default_bundle: Any
) -> None:
    assert found(monkeypatch, default_bundle, (Box(10, 10, 16, 15), 0.9)) is None

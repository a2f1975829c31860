"""First stage: find the handwriting on a page."""

from __future__ import annotations

from typing import Optional

import numpy as np
from numpy.typing import NDArray

from htrlib.bundle import load_bundle
from htrlib.document.geometry import Box, Size, union_of
from htrlib.engines.port import PARAGRAPHS, EngineLike
from htrlib.images.loading import check_page
from htrlib.layout.parts import connected_parts
from htrlib.layout.pixel_labels import BundleLike, label_region, scale_for

PAGE_AREA = 400_000.0  # pixels of the page that the network sees
THRESHOLD = 0.5
LEAST_CONFIDENCE = 0.68  # the mean over a part: below it is print that looks like writing
SMALLEST_PART = 0.003  # of the handwriting's area: less is specks; references at an edge have more
SMALLEST_AREA = 40  # labels: less is no handwriting at all


def detect_paragraph(
    page: NDArray[np.uint8],
    *,
    bundle: BundleLike = None,
    engine: EngineLike = None,
    device: Optional[str] = None,
) -> Optional[Box]:
    """Find the handwriting on a page.

    Printed text, rules, scanner borders and specks are excluded.

    Args:
        page: (H, W) uint8, 0 is black.
        bundle: name, path or bundle; see `load_bundle`.
        engine: runs the networks; see `Bundle.engine`.
        device: "cpu", "gpu" or "gpu:N"; None means the first GPU, or else the CPU.
    Returns:
        The box of all handwriting, in page pixels, or None if there is none.
    Raises:
        ImageError: the page is not an (H, W) uint8 array, or is empty.
        BundleError, DeviceError: see `Bundle.engine`.
    """
    height, width = check_page(page).shape
    whole = Box(0, 0, width, height)
    runs = load_bundle(bundle).engine(engine, device)
    labels = label_region(page, whole, scale_for(whole, PAGE_AREA), runs, PARAGRAPHS)
    written = labels.probabilities[0]
    parts = [
        part
        for part in connected_parts(written > THRESHOLD)
        if written[part.rows, part.columns][part.mask].mean() >= LEAST_CONFIDENCE
    ]
    enough = max(SMALLEST_AREA, SMALLEST_PART * sum(part.area for part in parts))
    boxes = [
        Box(part.columns.start, part.rows.start, part.columns.stop, part.rows.stop)
        for part in parts
        if part.area >= enough
    ]
    if not boxes:
        return None
    found = union_of(boxes).scaled(labels.stride, labels.stride)
    return found.clipped(Size(width, height))

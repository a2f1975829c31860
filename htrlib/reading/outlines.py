"""Outline lines that are known only by their boxes.

Boxes of sloping or dense lines contain parts of their neighbors, which the recognizer reads too. On
pages labeled with such boxes (CSAFE `validation`), outlining reduces errors by a third.
"""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.geometry import Box, Size, union_of
from htrlib.document.results import TextLine
from htrlib.images.loading import check_page
from htrlib.layout.pixel_labels import BundleLike
from htrlib.stages.lines import segment_lines

LEAST_OVERLAP = 0.4  # IoU of a box and the line that is found in it


def outline_lines(
    page: NDArray[np.uint8],
    lines: Sequence[TextLine],
    *,
    bundle: BundleLike = None,
    device: Optional[str] = None,
) -> Tuple[TextLine, ...]:
    """Add polygons and baselines to lines that have only boxes.

    Lines are detected in the region, and each box gets the one that overlaps it most, unless that
    one overlaps another box more. Lines with a polygon, and boxes without a detected line, are
    returned unchanged.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: the lines on the page.
        bundle: name, path or bundle; see `load_bundle`.
        device: "cpu", "gpu" or "gpu:N"; None means the first GPU, or else the CPU.
    Returns:
        The same number of lines in the same order, with their original confidence.
    Raises:
        ImageError: the page is not an (H, W) uint8 array, or is empty.
        BundleError, DeviceError: see `Bundle.engine`.
    """
    height, width = check_page(page).shape
    bare = [index for index, line in enumerate(lines) if line.polygon is None]
    if not bare:
        return tuple(lines)
    around = statistics.median(lines[index].box.height for index in bare)
    region = union_of(lines[index].box for index in bare).expanded(around, around)
    on_page = Box(0, 0, width, height).intersection_area(region) > 0
    paragraph = region.clipped(Size(width, height)) if on_page else None
    found = segment_lines(page, paragraph, bundle=bundle, device=device)
    outlined = list(lines)
    overlaps = sorted(
        (
            (lines[index].box.iou(line.box), index, number)
            for index in bare
            for number, line in enumerate(found)
        ),
        reverse=True,
    )
    free_boxes, free_lines = set(bare), set(range(len(found)))
    for overlap, index, number in overlaps:
        if overlap >= LEAST_OVERLAP and index in free_boxes and number in free_lines:
            outlined[index] = replace(found[number], confidence=lines[index].confidence)
            free_boxes.remove(index)
            free_lines.remove(number)
    return tuple(outlined)

"""Lines that are known by their boxes alone: find the writing that each box means.

Boxes of sloping or dense lines hold much of their neighbors, and a recognizer reads what it is
shown. On pages whose labels are such boxes (CSAFE `validation`) it reads outlined lines with two
thirds of the errors.
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
    """Give lines that have a box alone the polygon and the baseline of the writing in it.

    The lines of the region are looked for, and each box takes the one that overlaps it most, if no
    other box overlaps that more. Lines with a polygon, and boxes in which no line is found, stay as
    they are.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: where the lines lie.
        bundle: name, path or bundle; see `load_bundle`.
        device: "cpu", "gpu" or "gpu:N"; None is the first GPU, or else the CPU.
    Returns:
        as many lines, in the same order, with the confidence that they came with.
    Raises:
        ImageError: the page is no (H, W) uint8 array, or it is empty.
        BundleError, DeviceError: as for `Bundle.engine`.
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

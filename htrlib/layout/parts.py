"""Connected parts of a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_NEIGHBORS = np.ones((3, 3), bool)  # diagonal ones too


@dataclass(frozen=True, eq=False)
class Part:
    """Pixels that touch each other.

    Attributes:
        rows, columns: of the mask, that the part lies in.
        mask: (rows, columns) bool, the part alone.
    """

    rows: slice
    columns: slice
    mask: NDArray[np.bool_]

    @property
    def area(self) -> int:
        """Its pixels."""
        return int(np.count_nonzero(self.mask))


def connected_parts(mask: NDArray[np.bool_]) -> Tuple[Part, ...]:
    """The connected parts of a (H, W) mask, in the order of their first pixels, row by row."""
    labels, _ = ndimage.label(mask, _NEIGHBORS)
    return tuple(
        Part(rows, columns, labels[rows, columns] == number)
        for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1)
    )

"""Augmentation: vary line pictures as other writers, pens and papers would.

Crop, scale, slant, slope and waves are combined into one warp, so the ink is resampled only once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from htrlib.errors import ConfigError

COARSEST = 0.25, 0.7
"""Fewest and most pixels per side of a `coarse` line, relative to those of the result."""


@dataclass(frozen=True)
class LineAugmentation:
    """Ranges and probabilities of the random changes; 0 turns a change off.

    Lengths are fractions of the line's height, slants are tangents. `coarse` pictures are those of
    pages scanned at a fraction of the usual resolution.

    Raises:
        ConfigError: a value is out of range.
    """

    slant: float = 0.45
    slope: float = 0.02
    stretch: float = 0.25
    margins: Tuple[float, float] = (-0.06, 0.22)
    wave: float = 0.05
    thin: float = 0.15
    thick: float = 0.2
    blur: float = 0.25
    fade: float = 0.5
    noise: float = 0.3
    spans: float = 0.3
    coarse: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name != "margins" and not 0 <= value <= 1:
                raise ConfigError(f"{name} of an augmentation must be from 0 to 1, found {value}")
        low, high = self.margins
        if not -0.5 < low <= high < 1:
            raise ConfigError(
                "margins of an augmentation must be two numbers above -0.5 and below 1, the "
                f"smaller first, found {self.margins}"
            )

    def __call__(
        self,
        ink: NDArray[np.uint8],
        height: int,
        source_margin: float,
        rng: np.random.Generator,
    ) -> NDArray[np.uint8]:
        """Return an augmented copy of a line.

        Args:
            ink: (H, W) uint8, 0 is paper; the line with a margin of `source_margin` times its
                height above and below.
            height: height of the result in pixels.
        Returns:
            (height, W') uint8.
        """
        warped = self._warp(ink, height, source_margin, rng)
        if self.coarse and rng.random() < self.coarse:
            warped = _coarse(warped, rng.uniform(*COARSEST))
        picture = Image.fromarray(warped)
        chance = rng.random()
        if chance < self.thin:
            thinner = np.asarray(picture.filter(ImageFilter.MinFilter(3)), dtype=np.float32)
            warped = _mix(warped, thinner, rng.uniform(0.2, 0.7))
        elif chance < self.thin + self.thick:
            thicker = np.asarray(picture.filter(ImageFilter.MaxFilter(3)), dtype=np.float32)
            warped = _mix(warped, thicker, rng.uniform(0.2, 1.0))
        if rng.random() < self.blur:
            radius = rng.uniform(0.3, 1.2)
            blurred = Image.fromarray(warped).filter(ImageFilter.GaussianBlur(radius))
            warped = np.asarray(blurred)
        return self._tone(warped, rng)

    def width(
        self,
        shape: Tuple[int, ...],
        height: int,
        source_margin: float,
        rng: np.random.Generator,
    ) -> int:
        """Return the width that a call with a generator in the same state gives the line."""
        return self._frame(shape, height, source_margin, rng)[2]

    def _frame(
        self,
        shape: Tuple[int, ...],
        height: int,
        source_margin: float,
        rng: np.random.Generator,
    ) -> Tuple[float, float, int]:
        """Return the first and last row to keep, and the width of the result."""
        full, length = shape
        line = full / (1.0 + 2.0 * source_margin)
        above, below = rng.uniform(*self.margins, size=2) * line
        top, bottom = source_margin * line - above, full - source_margin * line + below
        stretch = np.exp(rng.uniform(-self.stretch, self.stretch))
        return top, bottom, max(8, round(length * stretch * height / (bottom - top)))

    def _warp(
        self, ink: NDArray[np.uint8], height: int, source_margin: float, rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        full, length = ink.shape
        line = full / (1.0 + 2.0 * source_margin)
        top, bottom, width = self._frame(ink.shape, height, source_margin, rng)
        slant = rng.uniform(-self.slant, self.slant) * rng.random()
        slope = rng.normal(0.0, self.slope)
        columns = max(2, 1 + round(width / height))
        wave = self.wave * line * rng.random()
        middle = np.linspace(0, length, columns)
        lift = slope * (middle - length / 2) * min(1.0, 6.0 * line / length)
        shifts_y = lift + wave * rng.standard_normal(columns)
        shifts_x = 1.5 * wave * rng.standard_normal(columns)
        shifts_x[0] = shifts_x[-1] = 0.0
        lean = slant * (bottom - top) / 2
        targets = np.linspace(0, width, columns).round().astype(int)
        mesh: List[Tuple[Tuple[int, int, int, int], Tuple[float, ...]]] = []
        for i in range(columns - 1):
            x0, x1 = middle[i] + shifts_x[i], middle[i + 1] + shifts_x[i + 1]
            y0, y1 = shifts_y[i], shifts_y[i + 1]
            first = (x0 - lean, top + y0, x0 + lean, bottom + y0)
            second = (x1 + lean, bottom + y1, x1 - lean, top + y1)
            mesh.append(((int(targets[i]), 0, int(targets[i + 1]), height), first + second))
        picture = Image.fromarray(ink)
        if (bottom - top) / height > 1.6:
            picture = picture.filter(ImageFilter.BoxBlur(0.5))
        return np.asarray(
            picture.transform(
                (width, height), Image.Transform.MESH, mesh, Image.Resampling.BILINEAR
            )
        )

    def _tone(self, ink: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        values = ink.astype(np.float32)
        if rng.random() < self.fade:
            gamma = np.exp(rng.uniform(-0.6, 0.6))
            values = 255.0 * (values / 255.0) ** gamma * rng.uniform(0.6, 1.0)
        if rng.random() < self.noise:
            coarse = rng.standard_normal((ink.shape[0] // 3 + 1, ink.shape[1] // 3 + 1))
            grain = np.repeat(np.repeat(coarse, 3, 0), 3, 1)[: ink.shape[0], : ink.shape[1]]
            fine = rng.standard_normal(ink.shape, dtype=np.float32)
            values += rng.uniform(0, 22) * fine + rng.uniform(0, 12) * grain
        if rng.random() < self.spans:
            for _ in range(rng.integers(1, 4)):
                width = int(rng.uniform(0.1, 0.5) * ink.shape[0])
                left = int(rng.integers(0, max(1, ink.shape[1] - width)))
                values[:, left : left + width] *= rng.uniform(0.0, 0.4)
        return np.clip(values, 0, 255).astype(np.uint8)


def _coarse(ink: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """Return a line as it looks when it is enlarged from a share of its pixels per side."""
    height, width = ink.shape
    small = max(1, round(share * width)), max(1, round(share * height))
    shrunk = Image.fromarray(ink).resize(small, Image.Resampling.BOX)
    return np.asarray(shrunk.resize((width, height), Image.Resampling.BILINEAR))


def _mix(first: NDArray[np.uint8], second: NDArray[np.float32], share: float) -> NDArray[np.uint8]:
    mixed = (1.0 - share) * first.astype(np.float32) + share * second
    return mixed.astype(np.uint8)

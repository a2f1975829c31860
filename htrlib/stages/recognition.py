"""Third stage: recognize the characters of each line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.bundle import load_bundle
from htrlib.decoding.sureness import mean_sureness
from htrlib.document.results import LogProbs, TextLine
from htrlib.engines.port import RECOGNIZER, EngineLike
from htrlib.images.line_strips import MARGIN, cut_line, line_strip
from htrlib.images.loading import check_page
from htrlib.layout.pixel_labels import BundleLike

Piece = NDArray[np.uint8]
Logits = NDArray[np.float32]

DOUBTFUL = 0.93
"""`mean_sureness` below which a line is recognized twice: a third of the lines of modern pages, and
nearly all old ones. Looking twice at the others changes nothing."""

LOOK_AGAIN_BELOW = "look_again_below"
"""The entry of a bundle's decoding section that replaces `DOUBTFUL`."""

CLOSER = -0.04, 1.25
"""Margin, in line heights, and stretch of the second picture of a line. It shows less above and
below the line, and so its letters larger."""


def recognize_line(
    page: NDArray[np.uint8],
    line: TextLine,
    *,
    bundle: BundleLike = None,
    engine: EngineLike = None,
    device: Optional[str] = None,
) -> LogProbs:
    """Recognize one line of a page; see `recognize_lines`."""
    (result,) = recognize_lines(page, (line,), bundle=bundle, engine=engine, device=device)
    return result


def recognize_lines(
    page: NDArray[np.uint8],
    lines: Sequence[TextLine],
    *,
    bundle: BundleLike = None,
    engine: EngineLike = None,
    device: Optional[str] = None,
) -> Tuple[LogProbs, ...]:
    """Recognize lines of a page together; results do not depend on the other lines.

    Doubtful lines are recognized twice, see `look_again`. A line wider than the bundle's
    `max_width` (after scaling to the network's height) is cut at a gap, and the results of the
    pieces are joined.

    Args:
        page: (H, W) uint8, 0 is black.
        lines: the lines on the page.
        bundle: name, path or bundle; see `load_bundle`.
        engine: runs the networks; see `Bundle.engine`.
        device: "cpu", "gpu" or "gpu:N"; None means the first GPU, or else the CPU.
    Returns:
        For each line, (T, C) float32 natural-log probabilities, C = len(charset) + 1, blank last.
    Raises:
        ImageError: the page is not an (H, W) uint8 array, or is empty.
        BundleError, DeviceError: see `Bundle.engine`.
    """
    (first,) = recognize_pages((page,), (lines,), bundle=bundle, engine=engine, device=device)
    return look_again(page, lines, first, bundle=bundle, engine=engine, device=device)


def look_again(
    page: NDArray[np.uint8],
    lines: Sequence[TextLine],
    log_probs: Sequence[LogProbs],
    *,
    bundle: BundleLike = None,
    engine: EngineLike = None,
    device: Optional[str] = None,
) -> Tuple[LogProbs, ...]:
    """Recognize the doubtful ones among lines a second time, from closer and wider pictures.

    Args:
        log_probs: for each line, the result of `recognize_pages`.
    Returns:
        The same, where doubtful lines have the second result as `again`, by which `decode` checks
        its text.
    """
    below = load_bundle(bundle).decoding_number(LOOK_AGAIN_BELOW, DOUBTFUL)
    doubtful = [i for i, line in enumerate(log_probs) if mean_sureness([line]) < below]
    if not doubtful:
        return tuple(log_probs)
    looked = list(log_probs)
    chosen = [lines[i] for i in doubtful]
    networks: Dict[str, Any] = {"bundle": bundle, "engine": engine, "device": device}
    (again,) = recognize_pages((page,), (chosen,), closer=True, **networks)
    for i, line in zip(doubtful, again):
        # Words are as high as in the first look; both pictures end at the same columns of the page.
        looked[i] = replace(log_probs[i], again=replace(line, strip=log_probs[i].strip))
    return tuple(looked)


def recognize_pages(
    pages: Sequence[NDArray[np.uint8]],
    lines: Sequence[Sequence[TextLine]],
    *,
    closer: bool = False,
    bundle: BundleLike = None,
    engine: EngineLike = None,
    device: Optional[str] = None,
) -> Tuple[Tuple[LogProbs, ...], ...]:
    """Recognize the lines of several pages together, each once; see `recognize_lines`.

    Args:
        pages: (H, W) uint8 each.
        lines: for each page, its lines.
        closer: cut the pictures as for a second look, see `look_again`.
    """
    for page in pages:
        check_page(page)
    loaded = load_bundle(bundle)
    config = loaded.network_config(RECOGNIZER)
    height, max_width = int(config["height"]), int(config["max_width"])
    margin, stretch = CLOSER if closer else (MARGIN, 1.0)
    strips = [[line_strip(line, margin) for line in page_lines] for page_lines in lines]
    inks = [
        cut_line(page, strip, height, line.polygon, stretch)
        for page, page_lines, page_strips in zip(pages, lines, strips)
        for line, strip in zip(page_lines, page_strips)
    ]
    log_probs = iter(log_probs_of(loaded.engine(engine, device).read_lines, inks, max_width))
    return tuple(
        tuple(LogProbs(next(log_probs), loaded.charset, strip) for strip in page_strips)
        for page_strips in strips
    )


def log_probs_of(
    read_lines: Callable[[Sequence[Piece]], Sequence[Logits]], inks: Sequence[Piece], max_width: int
) -> Tuple[NDArray[np.float32], ...]:
    """Recognize lines that have been cut out, splitting those that are too wide.

    Args:
        read_lines: gives the logits of lines, as `Engine.read_lines` does.
        inks: (H, W) uint8 each, as `cut_line` gives them.
        max_width: maximum width of a piece in pixels.
    Returns:
        For each line, (T, C) float32 natural-log probabilities.
    """
    cuts = [_pieces(ink, max_width) for ink in inks]
    logits = iter(read_lines([piece for cut in cuts for piece in cut]))
    return tuple(_log_softmax(np.concatenate([next(logits) for _ in cut])) for cut in cuts)


def _pieces(ink: Piece, max_width: int) -> Tuple[Piece, ...]:
    """Cut a line that is too wide where the least ink stands, in the last third of a piece."""
    pieces = []
    while ink.shape[1] > max_width:
        start = 2 * max_width // 3
        weight = np.convolve(ink.sum(axis=0, dtype=np.float64), np.ones(9), mode="same")
        at = start + int(weight[start:max_width].argmin())
        pieces.append(ink[:, :at])
        ink = ink[:, at:]
    pieces.append(ink)
    return tuple(pieces)


def _log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normalized: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalized

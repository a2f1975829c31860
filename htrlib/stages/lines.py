"""Second stage: find the lines of a paragraph, in reading order."""

from __future__ import annotations

from typing import Collection, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.bundle import load_bundle
from htrlib.document.geometry import Box
from htrlib.document.results import HANDWRITTEN, KINDS, TextLine
from htrlib.engines.port import HANDWRITTEN_LINES, LINES, WORDS, Engine, EngineLike
from htrlib.engines.word_anchors import SsdConfig
from htrlib.errors import ConfigError
from htrlib.images.loading import check_page
from htrlib.layout.fine_print import (
    ENLARGEMENT,
    cores_beside,
    inserted,
    small_print_among,
    small_print_regions,
)
from htrlib.layout.line_cores import (
    cores_from_labels,
    lines_from_cores,
    lines_from_labels,
)
from htrlib.layout.line_outlines import Core
from htrlib.layout.pixel_labels import PLACES, BundleLike, Labels, label_region, scale_for
from htrlib.layout.word_lines import lines_from_words
from htrlib.layout.word_pictures import word_in

METHODS = ("labels", "ssd")
WORDS_BUNDLE = "english-words"
"""The bundle of the word detector, for bundles without one."""
REGION_AREA = 600_000.0  # pixels of the paragraph that the network sees at first
EXPANSION = 0.03  # of the paragraph's sides: its box may cut ascenders and first letters
BEST_THICKNESS = 5.5  # labels: of a core, where the network is most at home
FEW_LINES = 5
LARGE_WRITING = 3.0  # where few lines are found, the region is looked at so much smaller too
FAR_MORE = 1.5  # lines found in that way count if they cover so much more
FINE_THICKNESS = (3.5, 9.0)  # labels: a core outside calls for a second look at another scale


def segment_lines(
    page: NDArray[np.uint8],
    paragraph: Optional[Box],
    *,
    method: str = "labels",
    kinds: Optional[Collection[str]] = None,
    bundle: BundleLike = None,
    engine: EngineLike = None,
    device: Optional[str] = None,
) -> Tuple[TextLine, ...]:
    """Find the lines of a paragraph.

    Args:
        page: (H, W) uint8, 0 is black.
        paragraph: box of the handwriting; None, for no handwriting, gives no lines.
        method: "labels" groups pixels that a network labels as cores of lines; "ssd" groups the
            boxes of a detector of handwritten words, which is that of the bundle "english-words"
            if `bundle` has none.
        kinds: kinds of lines to find, of `htrlib.document.kinds.KINDS`; None means all.
            Handwriting alone is found by a separate network, if the bundle has one.
        bundle: name, path or bundle; see `load_bundle`.
        engine: runs the networks; see `Bundle.engine`.
        device: "cpu", "gpu" or "gpu:N"; None means the first GPU, or else the CPU.
    Returns:
        Lines with box, polygon and baseline in page pixels, in reading order.
    Raises:
        ConfigError: the method or a kind is unknown.
        ImageError: the page is not an (H, W) uint8 array, or is empty.
        BundleError, DeviceError: see `Bundle.engine`.
    """
    check_page(page)
    if method not in METHODS:
        raise ConfigError(f"method must be one of {', '.join(METHODS)}; found {method!r}")
    unknown = set(kinds or ()) - set(KINDS)
    if unknown or isinstance(kinds, str):
        raise ConfigError(f"kinds must be among {', '.join(KINDS)}; found {kinds!r}")
    if paragraph is None:
        return ()
    loaded = load_bundle(bundle)
    region = paragraph.expanded(EXPANSION * paragraph.width, EXPANSION * paragraph.height)
    if method == "ssd":
        if WORDS not in loaded.config["networks"]:
            loaded = load_bundle(WORDS_BUNDLE)
        config = SsdConfig.from_dict(loaded.network_config(WORDS))
        return lines_from_words(page, region, loaded.engine(engine, device), config)
    for_handwriting = set(kinds or ()) == {HANDWRITTEN}
    known = HANDWRITTEN_LINES in loaded.config["networks"]
    network = HANDWRITTEN_LINES if for_handwriting and known else LINES
    lines = _label_lines(page, region, loaded.engine(engine, device), network)
    word = word_in(page, lines)
    if word is not None:
        return (word,)
    return tuple(line for line in lines if kinds is None or line.kind in kinds)


def knows_kinds(bundle: BundleLike = None) -> bool:
    """Return whether a bundle's labeler also finds print and distinguishes kinds of lines."""
    networks = load_bundle(bundle).config["networks"]
    return LINES in networks and int(networks[LINES].get("num_labels", 0)) > PLACES


def _label_lines(
    page: NDArray[np.uint8], region: Box, engine: Engine, network: str
) -> Tuple[TextLine, ...]:
    scale = scale_for(region, REGION_AREA)
    labels = label_region(page, region, scale, engine, network)
    thickness = labels.core_thickness
    if thickness and not FINE_THICKNESS[0] <= thickness <= FINE_THICKNESS[1]:
        better = min(scale * BEST_THICKNESS / thickness, scale_for(region, 4 * REGION_AREA))
        labels = label_region(page, region, better, engine, network)
    cores = cores_from_labels(labels)
    lines = lines_from_cores(cores, labels)
    if len(lines) > FEW_LINES:
        return _with_small_print(page, lines, cores, labels, engine, network)
    # A few words that fill the region may be larger than all that the network knows.
    smaller = label_region(page, region, scale / LARGE_WRITING, engine, network)
    larger_lines = lines_from_labels(smaller)
    return larger_lines if _covered(larger_lines) > FAR_MORE * _covered(lines) else lines


def _with_small_print(
    page: NDArray[np.uint8],
    lines: Tuple[TextLine, ...],
    cores: Sequence[Core],
    labels: Labels,
    engine: Engine,
    network: str,
) -> Tuple[TextLine, ...]:
    """Find lines of small print in enlarged parts of a page, if it has any."""
    regions = []
    for part in small_print_regions(cores, labels):
        scale = min(ENLARGEMENT * labels.region.scale, scale_for(part, 4 * REGION_AREA))
        closer = lines_from_labels(label_region(page, part, scale, engine, network))
        regions.append(small_print_among(closer, part, lines))
    small = [line for region in regions for line in region]
    if not small:
        return lines
    all_lines = list(lines_from_cores(cores_beside(cores, small, labels), labels))
    for region in regions:
        all_lines = inserted(region, all_lines)
    return tuple(all_lines)


def _covered(lines: Sequence[TextLine]) -> float:
    """The area of lines, each as sure as it is."""
    return sum(line.confidence * line.box.area for line in lines)

"""Choose the weights of the language model, and fit the confidences, for a bundle.

    python tune_decoding.py --data ../../shared/data --bundle runs/bundle --output decoding.json \
        --plot ../../docs/reliability.svg

Each page is read with the language model that fits it. The weights are those of the lowest
character error rate on `validation` lines, the mean of modern pages (CSAFE and Copiste) and each
collection of the archives. The calibration is fitted on these lines and on synthetic ones in
held-out fonts, from held-out texts. Writes the decoding section of the bundle's configuration,
which `assemble.py --decoding` takes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from held_out import HELD_OUT_TEXTS, fonts_below
from labeled import ARCHIVES, COLLECTIONS, VALIDATED, load_labeled, usable
from numpy.typing import NDArray
from texts import folded, read_words
from tqdm import tqdm

import htrlib
from htrlib import data
from htrlib.bundle import Bundle, load_bundle
from htrlib.data.samples import LabeledLine
from htrlib.decoding.calibration import (
    UNCALIBRATED,
    auroc,
    expected_calibration_error,
    fit_calibration,
    reliability,
)
from htrlib.decoding.decoding_options import DecodingOptions, bundled_models, bundled_options
from htrlib.document.results import LogProbs
from htrlib.language import NGramModel
from htrlib.stages.decoding import bundled_model
from htrlib.synthesis.pages import render_page
from htrlib.training.tuning import Judged, calibrate, error_rate, judge

Lines = List[Tuple[LogProbs, str]]
Groups = List[Tuple[Optional[NGramModel], Lines]]
Bins = Sequence[Tuple[float, float, int]]
WEIGHTS = (0.45, 0.53, 0.6, 0.75)
BONUSES = (0.4, 0.6, 0.8, 1.2, 1.6, 2.0, 2.4)  # less with an internal model than without


def recognize(image: NDArray[np.uint8], lines: Iterable[LabeledLine], bundle: Bundle) -> Lines:
    """What the bundle's recognizer says of the lines of a page, and what they say."""
    known = [(line.line, line.text) for line in lines if line.line is not None and line.text]
    said = htrlib.recognize_lines(image, [place for place, _ in known], bundle=bundle)
    return list(zip(said, [text for _, text in known]))


def real_pages(root: Path, bundle: Bundle) -> Iterator[Lines]:
    """Pages of CSAFE and a third of Copiste `validation`, as the bundle itself cuts them.

    Pages on which it finds another number of lines than are written are left out.
    """
    csafe = data.load("pages_json", root / "csafe" / "transcripts.json", split="validation")
    copiste = data.load("pages_json", root / "copiste" / "pages.json", split="validation")
    for page in tqdm([*csafe.pages, *copiste.pages[::3]], desc="real"):
        if any("consent" in line.tags for line in page.lines):
            continue
        image = page.load_image()
        paragraph = htrlib.detect_paragraph(image, bundle=bundle)
        found = htrlib.segment_lines(image, paragraph, bundle=bundle)
        if len(found) == len(page.lines):
            cut = [LabeledLine(folded(line.text), place) for line, place in zip(page.lines, found)]
            yield recognize(image, cut, bundle)


def archive_pages(root: Path, bundle: Bundle) -> Dict[str, List[Lines]]:
    """Collection -> lines of its `validation` pages, where the labels have them.

    The labels of these pages hold some of the lines only, so those that a bundle finds have no
    certain text.
    """
    found = [name for name in ARCHIVES if name in VALIDATED and (root / COLLECTIONS[name]).exists()]
    return {
        name: [
            recognize(page.load_image(), filter(usable, page.lines), bundle)
            for page in tqdm(load_labeled(root, name, "validation").pages, desc=name)
        ]
        for name in found
    }


def synthetic_pages(root: Path, bundle: Bundle, count: int) -> Iterator[Lines]:
    """About `count` lines in fonts and of texts that no network and no language model has seen."""
    fonts = fonts_below(root / "fonts", kept=True)
    words = read_words([root / "text" / f"{name}.txt" for name in HELD_OUT_TEXTS])
    seeds = itertools.count(10**6)
    while count > 0:
        page = render_page(words, fonts, np.random.default_rng(next(seeds)))
        yield recognize(page.image, page.lines, bundle)
        count -= len(page.lines)


def grouped(pages: Iterable[Lines], bundle: Bundle) -> Groups:
    """The lines of pages by the language model that fits their page."""
    groups: Dict[int, Tuple[Optional[NGramModel], Lines]] = {}
    for lines in pages:
        model = bundled_model([said for said, _ in lines], bundle)
        groups.setdefault(id(model), (model, []))[1].extend(lines)
    return list(groups.values())


def error_rate_of(groups: Groups, options: DecodingOptions) -> float:
    """The character error rate of all groups together, 0 where there is no line."""
    if not groups:
        return 0.0
    sizes = [sum(len(text) for _, text in lines) for _, lines in groups]
    rates = [error_rate(lines, replace(options, language_model=m)) for m, lines in groups]
    return float(np.average(rates, weights=sizes))


def mean_error_rate(collections: Sequence[Groups], options: DecodingOptions) -> float:
    """The mean of the collections' character error rates, however many lines each has."""
    return float(np.mean([error_rate_of(groups, options) for groups in collections]))


def with_best_weights(collections: Sequence[Groups], options: DecodingOptions) -> DecodingOptions:
    """The options with the weights of the lowest mean error rate."""
    tried = [
        replace(options, lm_weight=weight, insertion_bonus=bonus)
        for weight, bonus in itertools.product(WEIGHTS, BONUSES)
    ]
    bar = tqdm(tried, desc="choosing weights")
    return min(bar, key=lambda options: mean_error_rate(collections, options))


def judged_together(groups: Groups, options: DecodingOptions) -> Judged:
    """The words of all groups, compared with the true ones."""
    parts = [judge(lines, replace(options, language_model=m)) for m, lines in groups]
    evidence = [part.evidence for part in parts if part.lines]
    return Judged(
        np.concatenate(evidence) if evidence else np.empty((0, 0)),
        np.concatenate([part.correct for part in parts]),
        tuple(count for part in parts for count in part.lines),
    )


def fit_confidences(judged: Judged) -> Tuple[Dict[str, Any], Bins, Bins]:
    """The calibration's configuration, and the reliability before and after it.

    The reliability after is that of words of every fifth line, by a calibration fitted on the
    others: a figure for words that it has not seen.
    """
    fitted = calibrate(judged)
    fold = np.repeat(np.arange(len(judged.lines)) % 5, judged.lines)
    after = np.empty(len(fold))
    for part in range(5):
        seen = fit_calibration(judged.evidence[fold != part], judged.correct[fold != part])
        after[fold == part] = seen.words(judged.evidence[fold == part].tolist())
    before = np.array(UNCALIBRATED.words(judged.evidence.tolist()))
    for name, confidences in (("before", before), ("after", after)):
        error = expected_calibration_error(confidences, judged.correct)
        area = auroc(confidences, judged.correct)
        print(f"{name:7s} {len(fold)} words, calibration error {error:.4f}, AUROC {area:.4f}")
    return (
        fitted.to_dict(),
        reliability(before, judged.correct),
        reliability(after, judged.correct),
    )


def plot(before: Bins, after: Bins) -> str:
    """Confidence against the share of right words, as an SVG picture."""
    size, margin = 360, 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size + 2 * margin}" '
        f'height="{size + 2 * margin}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<g transform="translate({margin} {margin})">',
        f'<rect width="{size}" height="{size}" fill="none" stroke="black"/>',
        f'<path d="M0 {size}L{size} 0" stroke="gray" stroke-dasharray="4"/>',
        f'<text x="{size / 2}" y="{size + 28}" text-anchor="middle">confidence (0 to 1)</text>',
        f'<text transform="translate(-14 {size / 2}) rotate(-90)" text-anchor="middle">'
        "share of right words (0 to 1)</text>",
    ]
    for row, (name, color, bins) in enumerate(
        (("before", "#c44e52", before), ("after", "#2f6db3", after))
    ):
        points = [(mean * size, (1 - share) * size) for mean, share, _ in bins]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points]
        parts.append(f'<text x="12" y="{22 + 18 * row}" fill="{color}">{name} calibration</text>')
    return "\n".join([*parts, "</g></svg>", ""])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--synthetic", type=int, default=300, help="how many synthetic lines")
    args = parser.parse_args()
    bundle = load_bundle(args.bundle)
    options = replace(bundled_options(bundle), calibration=UNCALIBRATED)
    models = bundled_models(bundle)
    modern = list(real_pages(args.data, bundle))
    archives = archive_pages(args.data, bundle)
    collections = [grouped(pages, bundle) for pages in (modern, *archives.values())]
    best_path = mean_error_rate(collections, replace(options, method="greedy"))
    print(f"best path: mean CER {best_path:.4f}")
    if models:
        options = with_best_weights(collections, options)
    print(
        f"weight {options.lm_weight}, bonus {options.insertion_bonus}: "
        f"mean CER {mean_error_rate(collections, options):.4f}"
    )
    # A third of the archives' lines, so that they do not outnumber the others.
    old = [lines[::3] for pages in archives.values() for lines in pages]
    drawn = synthetic_pages(args.data, bundle, args.synthetic)
    lines = grouped([*modern, *old, *drawn], bundle)
    section = {
        **bundle.decoding,
        "method": "beam",
        "lm_weight": options.lm_weight,
        "insertion_bonus": options.insertion_bonus,
    }
    judged = judged_together(lines, options)
    if judged.correct.any() and not judged.correct.all():
        section["calibration"], before, after = fit_confidences(judged)
        if args.plot:
            args.plot.write_text(plot(before, after), encoding="utf-8")
    else:
        print("no calibration: it needs right and wrong words, and found one kind only")
    args.output.write_text(json.dumps(section, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

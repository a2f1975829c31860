"""Format an evaluation as a table or as JSON."""

from __future__ import annotations

import unicodedata
from collections import Counter
from typing import Any, Dict, Iterator, List, Optional, Tuple

from htrlib.data.problems import Problem
from htrlib.evaluation.measuring import Evaluation, Layout
from htrlib.evaluation.scores import RATES, Rate

SCHEMA_VERSION = 1
MOST_CONFUSED = 100  # confusions per decoder in JSON
_SHOWN = 12  # confusions of each kind in text
_HEADINGS = ("CER", "WER", "CER any case", "WER any case")


def to_text(evaluation: Evaluation) -> str:
    """Format the rates as a table, followed by details."""
    return "\n".join(_rows(evaluation)) + "\n"


def to_dict(evaluation: Evaluation) -> Dict[str, Any]:
    """Convert an evaluation to JSON values; ``docs/evaluation.md`` documents the keys."""
    return {
        "schema_version": SCHEMA_VERSION,
        "unit": evaluation.unit,
        "bundle": evaluation.bundle,
        "pages": evaluation.pages,
        "lines": len(evaluation.lines),
        "drawn": evaluation.drawn,
        "decoders": {
            name: {
                **{key: _rate_to_dict(rate) for key, rate in rates.items()},
                "confusions": [
                    [expected, found, count]
                    for (expected, found), count in _most_common(evaluation, name)[:MOST_CONFUSED]
                ],
            }
            for name, rates in evaluation.rates.items()
        },
        "layout": None if evaluation.layout is None else _layout_to_dict(evaluation.layout),
        "unknown_characters": dict(evaluation.unknown),
        "unread": [_problem_to_dict(problem) for problem in evaluation.unread],
        "problems": [_problem_to_dict(problem) for problem in evaluation.problems],
    }


def _rows(evaluation: Evaluation) -> Iterator[str]:
    reader = f"{evaluation.bundle}: " if evaluation.bundle else ""
    yield f"{reader}{_count(evaluation.pages, 'page')}, {_count(len(evaluation.lines), 'line')}"
    yield ""
    width = max(len(name) for name in evaluation.rates)
    yield "  ".join([" " * width, *(f"{heading:21s}" for heading in _HEADINGS)]).rstrip()
    for name, rates in evaluation.rates.items():
        cells = [f"{rates[key]!s:21s}" for key in RATES]
        yield "  ".join([f"{name:{width}s}", *cells]).rstrip()
    if len(evaluation.pairs) and any(rates["cer"].interval for rates in evaluation.rates.values()):
        yield f"in brackets: 95 % intervals, {evaluation.drawn} drawn at random"
    if evaluation.layout is not None:
        yield ""
        yield from _layout_rows(evaluation.layout, evaluation.pages)
    yield from _confusion_rows(evaluation)
    yield from _left_out_rows(evaluation)


def _layout_rows(layout: Layout, pages: int) -> Iterator[str]:
    yield (
        f"lines: {layout.expected} expected, {layout.found} found; "
        f"the right number on {layout.right_number} of {_count(pages, 'page')}"
    )
    detection = layout.detection
    if detection.expected:
        yield (
            f"lines at IoU {detection.iou:g}: F1 {detection.f1:.4f}, "
            f"precision {detection.precision:.4f}, recall {detection.recall:.4f}"
        )
    overlap = _mean(layout.overlaps)
    if overlap is not None:
        yield f"paragraph: IoU {overlap:.4f}"


def _confusion_rows(evaluation: Evaluation) -> Iterator[str]:
    """Format the confusions of the last decoder, usually the best one; JSON has all."""
    name = list(evaluation.rates)[-1]
    kinds: Dict[str, List[str]] = {"read as another": [], "not read": [], "read too much": []}
    for (expected, found), count in _most_common(evaluation, name):
        if not expected:
            kinds["read too much"].append(f"{_visible(found)} {count}")
        elif not found:
            kinds["not read"].append(f"{_visible(expected)} {count}")
        else:
            kinds["read as another"].append(f"{_visible(expected)}→{_visible(found)} {count}")
    if any(kinds.values()):
        yield ""
        yield f"characters, {name}"
    for kind, shown in kinds.items():
        if shown:
            yield f"  {kind + ':':17s}{'  '.join(shown[:_SHOWN])}"


def _left_out_rows(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.unknown:
        total = sum(evaluation.unknown.values())
        yield ""
        yield (
            f"{_count(total, 'character')} of the references cannot be written by the recognizer "
            "and count as errors"
        )
        shown = [
            f"{_visible(symbol)} (U+{ord(symbol):04X}) {count}"
            for symbol, count in list(evaluation.unknown.items())[:_SHOWN]
        ]
        rest = len(evaluation.unknown) - len(shown)
        yield "  " + ", ".join(shown) + (f", and {rest} more" if rest else "")
    for heading, skipped in (("left out", True), ("kept", False)):
        reasons = Counter(
            problem.reason
            for problem in (*evaluation.problems, *evaluation.unread)
            if bool(problem.skipped) == skipped
        )
        if reasons:
            yield ""
        for reason, count in reasons.most_common():
            yield f"{heading}, {reason}: {count}"


def _most_common(evaluation: Evaluation, decoder: str) -> List[Tuple[Tuple[str, str], int]]:
    """Sort confusions by frequency, with a stable order of ties."""
    return sorted(evaluation.confusions(decoder).items(), key=lambda item: (-item[1], item[0]))


def _visible(character: str) -> str:
    """Return a character, or its name if it is invisible.

    >>> _visible(" "), _visible("e")
    ('space', 'e')
    """
    if character == " ":
        return "space"
    if unicodedata.category(character)[0] in "CMZ":
        return f"U+{ord(character):04X}"
    return character


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _mean(values: List[float]) -> Optional[float]:
    return sum(values) / len(values) if values else None


def _rate_to_dict(rate: Rate) -> Dict[str, Any]:
    return {
        "rate": rate.value,
        "interval": None if rate.interval is None else list(rate.interval),
        "edits": rate.edits,
        "length": rate.length,
    }


def _layout_to_dict(layout: Layout) -> Dict[str, Any]:
    detection = layout.detection
    known = detection.expected > 0
    return {
        "lines_expected": layout.expected,
        "lines_found": layout.found,
        "pages_with_right_number": layout.right_number,
        "iou": detection.iou,
        "f1": detection.f1 if known else None,
        "precision": detection.precision if known else None,
        "recall": detection.recall if known else None,
        "paragraph_iou": _mean(layout.overlaps),
    }


def _problem_to_dict(problem: Problem) -> Dict[str, str]:
    return {
        "reason": problem.reason,
        "source": problem.source,
        "detail": problem.detail,
        "skipped": problem.skipped,
    }

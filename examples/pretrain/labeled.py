"""The labeled pages that the recognizer learns from, and those that choose its weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from texts import folded

from htrlib import data
from htrlib.data.samples import LabeledLine

COLLECTIONS = {
    "csafe": "csafe/transcripts.json",
    "copiste": "copiste/pages.json",
    "testaments": "testaments/pages.json",
}
WHOLE = ("csafe",)  # collections whose pages bear no writing but the labeled lines
SPLITS = (
    ("csafe", "train"),
    ("csafe", "validation"),
    ("copiste", "train"),
    ("copiste", "validation"),
    ("testaments", "train"),  # it has no validation
)


def load_labeled(root: Path, collection: str, split: str) -> data.Dataset:
    """The pages of a collection, with folded texts, and with their places where there are any.

    Args:
        root: folder of the collections.
    """
    dataset = data.load("pages_json", root / COLLECTIONS[collection], split=split)
    pages = tuple(
        replace(page, lines=tuple(replace(line, text=folded(line.text)) for line in page.lines))
        for page in dataset.pages
    )
    return data.Dataset(pages, dataset.problems)


def usable(line: LabeledLine) -> bool:
    """Whether picture and text of a line agree."""
    if line.line is None or not line.text or "<" in line.text or ">" in line.text:
        return False  # a struck word is on the picture and not in the text
    return line.line.box.height <= 1.5 * line.line.box.width  # else it is written up the page

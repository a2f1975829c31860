"""The labeled pages that the recognizer learns from, and those that choose its weights."""

from __future__ import annotations

import re
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
ARCHIVES = (
    *("inkbench", "cremma17", "cremma18", "cremma19", "cremma20", "fondue18", "htromance"),
    *("timeus", "bronod", "peraire", "tqmodern", "lecrep"),
)
COLLECTIONS.update({name: f"archives/{name}/pages.json" for name in ARCHIVES})
VALIDATED = ("csafe", "copiste", "inkbench", "cremma18", "cremma19", "fondue18", "htromance")
WHOLE = ("csafe",)  # collections whose pages bear no writing but the labeled lines
SPLITS = (
    ("csafe", "train"),
    ("csafe", "validation"),
    ("copiste", "train"),
    ("copiste", "validation"),
    ("testaments", "train"),  # it has no validation
)

_ILLEGIBLE = re.compile(r"[<>]|\[\.*\]|@@|\?\?")  # on the picture stands what the text lacks


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
    if line.line is None or not line.text or "unusable" in line.tags:
        return False
    if _ILLEGIBLE.search(line.text):
        return False
    return line.line.box.height <= 1.5 * line.line.box.width  # else it is written up the page

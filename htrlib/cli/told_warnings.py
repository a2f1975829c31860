"""Messages on standard error while many files are read: warnings, and a final count."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence, Union

from tqdm import tqdm

from htrlib.document.results import DocumentResult, PageResult
from htrlib.reading.warnings import NOTHING_FOUND


@dataclass
class Told:
    """Counts the files of a run by what came of them.

    Attributes:
        read: files with text.
        empty: files in which no handwriting was found.
        failed: files that could not be read, or not whole.
    """

    read: int = 0
    empty: int = 0
    failed: int = 0

    def warn(self, path: Path, result: Union[PageResult, DocumentResult]) -> None:
        """Say what is doubtful about a file's result, and count the file."""
        for page in result.pages:
            where = str(path) if page.number is None else f"{path}, page {page.number}"
            for warning in page.warnings:
                nothing = warning == NOTHING_FOUND
                _say(f"{warning} in {where}" if nothing else f"{where}: {warning}")
        errors = result.errors if isinstance(result, DocumentResult) else ()
        for error in errors:
            _say(error)
        if errors:
            self.failed += 1
        elif all(NOTHING_FOUND in page.warnings for page in result.pages):
            self.empty += 1
        else:
            self.read += 1

    def fail(self, error: Exception) -> None:
        """Say why a file cannot be read, and count it."""
        _say(str(error))
        self.failed += 1

    def count(self) -> None:
        """Say what came of all files, where there were several."""
        total = self.read + self.empty + self.failed
        if total > 1:
            _say(
                f"{total} files: {self.read} read, {self.empty} without handwriting, "
                f"{self.failed} failed"
            )


def tell_passed_over(folder: Path, reasons: Sequence[str]) -> None:
    """Say what of a folder is not read, and why."""
    for reason in reasons:
        _say(f"{folder}: passed over, {reason}")


def _say(text: str) -> None:
    tqdm.write(f"htr: {text}", file=sys.stderr)

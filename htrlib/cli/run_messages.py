"""Messages of a run on standard error: warnings, errors, and a final count."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence, Union

from tqdm import tqdm

from htrlib.document.results import DocumentResult, PageResult
from htrlib.reading.warnings import NOTHING_FOUND


@dataclass
class FileCounts:
    """Counts the files of a run by their outcome, and reports warnings and errors.

    Attributes:
        read: files with text.
        empty: files without handwriting.
        failed: files that could not be read completely.
        skipped: files whose results were there.
    """

    read: int = 0
    empty: int = 0
    failed: int = 0
    skipped: int = 0

    def warn(self, path: Path, result: Union[PageResult, DocumentResult]) -> None:
        """Print the warnings and errors of a result, and count its file."""
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
        """Print why a file cannot be read, and count it."""
        _say(str(error))
        self.failed += 1

    def count(self) -> None:
        """Print the counts if there were several files, or some were skipped."""
        total = self.read + self.empty + self.failed + self.skipped
        if total > 1 or self.skipped:
            skipped = f", {self.skipped} skipped: their results exist" if self.skipped else ""
            _say(
                f"{total} file{'s' * (total != 1)}: {self.read} read, {self.empty} without "
                f"handwriting, {self.failed} failed{skipped}"
            )


def report_passed_over(folder: Path, reasons: Sequence[str]) -> None:
    """Print which files of a folder are not read, and why."""
    for reason in reasons:
        _say(f"{folder}: passed over, {reason}")


def _say(text: str) -> None:
    tqdm.write(f"htr: {text}", file=sys.stderr)

"""The folder under review: its pages, and the paths that belong to it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

from htrlib.data.page_places import WORK_FOLDER, PagePlace, find_pages
from htrlib.errors import ConfigError

SCRATCH_PREFIX, SCRATCH_SUFFIX = ".htr-", ".part"
_STALE = 3600.0  # seconds after which a temporary file must be that of a killed server


class ReviewFolder:
    """A folder of pictures and PDFs.

    Args:
        pictures: folder of the pictures, including its subfolders.
        output: folder of the XML files; None means next to the pictures.
    Raises:
        ConfigError: the folder does not exist, or the output folder cannot be created.
    """

    def __init__(self, pictures: Path, output: Optional[Path] = None) -> None:
        if not pictures.is_dir():
            raise ConfigError(f"{pictures} is not a folder; name a folder of pictures or PDFs")
        self.pictures = pictures.resolve()
        try:
            if output is not None:
                output.mkdir(parents=True, exist_ok=True)
            self.output = self.pictures if output is None else output.resolve()
            # History, index and trainings; no text is only here.
            self.work = self.output / WORK_FOLDER
            self.work.mkdir(exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{error.filename}: {error.strerror}; corrections are saved there, so name a "
                "writable folder with --output"
            ) from error

    def scan(self, pages_of: Callable[[Path], int]) -> Tuple[Dict[str, PagePlace], List[str]]:
        """Return the pages by name, and the files left out with the reason; see `find_pages`."""
        return find_pages(self.pictures, self.output, self.holds, pages_of)

    def holds(self, path: Path) -> bool:
        """Return whether a path, with links resolved, is inside the folder."""
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError):  # circular links
            return False
        bases = self.pictures, self.output
        return any(base == resolved or base in resolved.parents for base in bases)

    def remove_scratch(self) -> None:
        """Remove temporary files of a killed server."""
        for path in self.output.rglob(f"{SCRATCH_PREFIX}*{SCRATCH_SUFFIX}"):
            try:
                if path.stat().st_mtime < time.time() - _STALE:
                    path.unlink()
            except OSError:  # another server has just renamed it
                continue

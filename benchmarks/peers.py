"""Other readers of pages, to be measured beside htrlib in the same run."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Any, Callable, Tuple

import htrlib

Reader = Callable[[Path], str]


def by_pipeline(pipeline: htrlib.Pipeline, bundle: str) -> Tuple[str, Reader]:
    """Return the name of a pipeline's bundle, and what reads pages by it."""
    name = pipeline.bundle.label if pipeline.bundle else bundle
    return name, lambda path: pipeline.transcribe(path).text


def tesseract(path: Path, language: str = "eng") -> str:
    """Return the text of a page by Tesseract (`apt install tesseract-ocr`)."""
    done = subprocess.run(
        ["tesseract", str(path), "-", "-l", language], capture_output=True, text=True, check=True
    )
    return done.stdout


def rapidocr(path: Path) -> str:
    """Return the text of a page by RapidOCR (`pip install rapidocr`), line by line."""
    return "\n".join(_rapidocr()(str(path)).txts or ())


@cache
def _rapidocr() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR()

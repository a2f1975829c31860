"""`htr transcribe` on drawn pages, with stages that run no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest
from PIL import Image

from htrlib.cli.main import main
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box
from htrlib.document.results import LogProbs, TextLine, Transcription
from htrlib.stages import decoding, lines, paragraph, recognition

Run = Callable[..., int]


# options of each call of the decoder
DECODED_WITH: List[Dict[str, Any]] = []


@pytest.fixture
def htr(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`htr transcribe` with stages that read a page of height H as `H-1` and `H-2`."""
    charset = Charset.from_text("a")

    def detect(page: Any, **networks: Any) -> Any:
        return None if page.min() == 255 else Box(0, 0, page.shape[1], page.shape[0])

    def segment(page: Any, box: Box, **networks: Any) -> Any:
        middle = box.bottom / 2
        return (TextLine(Box(0, 0, 9, middle)), TextLine(Box(0, middle, 9, box.bottom)))

    def recognize(pages: Any, found: Any, **networks: Any) -> Any:
        return [
            [LogProbs(np.full((1, 2), len(page), np.float32), charset) for _ in lines]
            for page, lines in zip(pages, found)
        ]

    numbers = iter(range(1000))

    def read(log_probs: LogProbs, *, bundle: Any, **options: Any) -> Transcription:
        row = next(numbers) % 2 + 1
        DECODED_WITH.append(options)
        return Transcription(f"{log_probs.values[0, 0]:.0f}-{row}", 0.0, 1.0)

    monkeypatch.setattr(paragraph, "detect_paragraph", detect)
    monkeypatch.setattr(lines, "segment_lines", segment)
    monkeypatch.setattr(recognition, "recognize_pages", recognize)
    monkeypatch.setattr(decoding, "decode", read)
    monkeypatch.chdir(tiny_bundle.parent)
    return lambda *arguments: main(
        ["transcribe", *map(str, arguments), "--bundle", str(tiny_bundle)]
    )


def draw(path: Path, height: int = 40, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (30, height), value).save(path)
    return path

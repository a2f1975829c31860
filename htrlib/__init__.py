"""Read handwriting and print from images of pages.

>>> import htrlib
>>> page = htrlib.load_image("letter.png")            # doctest: +SKIP
>>> paragraph = htrlib.detect_paragraph(page)         # doctest: +SKIP
>>> lines = htrlib.segment_lines(page, paragraph)     # doctest: +SKIP
>>> log_probs = htrlib.recognize_line(page, lines[0]) # doctest: +SKIP
>>> htrlib.decode(log_probs).text                     # doctest: +SKIP

`htrlib.transcribe` makes these calls with these defaults. Names load on first use, which keeps
importing the package cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, List

from htrlib._version import __version__ as __version__

if TYPE_CHECKING:
    from htrlib.bundle import Bundle, load_bundle
    from htrlib.client import EndpointClient
    from htrlib.document.charset import Charset
    from htrlib.document.geometry import Box, LineStrip, Polygon, Size
    from htrlib.document.results import (
        DocumentResult,
        LineResult,
        LogProbs,
        PageResult,
        TextLine,
        Transcription,
        Word,
    )
    from htrlib.errors import (
        AnnotationError,
        AwsAccessError,
        AwsError,
        AwsJobError,
        AwsNotFoundError,
        AwsTooLargeError,
        BundleError,
        BundleMismatchError,
        BundleNotFoundError,
        CharsetError,
        ConfigError,
        CorrectionError,
        DatasetError,
        DeviceError,
        EndpointError,
        EndpointNotFoundError,
        HtrError,
        ImageError,
        LanguageModelError,
        NonFiniteLossError,
        TrainingError,
        UnknownCharacterError,
    )
    from htrlib.formats.saving import save
    from htrlib.images.line_strips import cut_line, line_strip
    from htrlib.images.loading import load_image, load_pages
    from htrlib.reading.options import ReadingOptions
    from htrlib.reading.outlines import outline_lines
    from htrlib.reading.pipeline import Pipeline, transcribe
    from htrlib.stages.decoding import decode
    from htrlib.stages.lines import segment_lines
    from htrlib.stages.paragraph import detect_paragraph
    from htrlib.stages.recognition import recognize_line, recognize_lines
    from htrlib.training.config import TrainerConfig
    from htrlib.training.trainer import Trainer


__all__ = [
    "AnnotationError",
    "AwsAccessError",
    "AwsError",
    "AwsJobError",
    "AwsNotFoundError",
    "AwsTooLargeError",
    "Box",
    "Bundle",
    "BundleError",
    "BundleMismatchError",
    "BundleNotFoundError",
    "Charset",
    "CharsetError",
    "ConfigError",
    "CorrectionError",
    "DatasetError",
    "DeviceError",
    "DocumentResult",
    "EndpointClient",
    "EndpointError",
    "EndpointNotFoundError",
    "HtrError",
    "ImageError",
    "LanguageModelError",
    "LineResult",
    "LineStrip",
    "LogProbs",
    "NonFiniteLossError",
    "PageResult",
    "Pipeline",
    "Polygon",
    "ReadingOptions",
    "Size",
    "TextLine",
    "Trainer",
    "TrainerConfig",
    "TrainingError",
    "Transcription",
    "UnknownCharacterError",
    "Word",
    "cut_line",
    "decode",
    "detect_paragraph",
    "line_strip",
    "load_bundle",
    "load_image",
    "load_pages",
    "outline_lines",
    "recognize_line",
    "recognize_lines",
    "save",
    "segment_lines",
    "transcribe",
]

_MODULES = {
    "bundle": ("Bundle", "load_bundle"),
    "client": ("EndpointClient",),
    "document.charset": ("Charset",),
    "document.results": (
        "DocumentResult",
        "LineResult",
        "LogProbs",
        "PageResult",
        "TextLine",
        "Transcription",
        "Word",
    ),
    "document.geometry": ("Box", "LineStrip", "Polygon", "Size"),
    "images.line_strips": ("cut_line", "line_strip"),
    "formats.saving": ("save",),
    "images.loading": ("load_image", "load_pages"),
    "reading.options": ("ReadingOptions",),
    "reading.pipeline": ("Pipeline", "transcribe"),
    "stages.decoding": ("decode",),
    "stages.lines": ("segment_lines",),
    "reading.outlines": ("outline_lines",),
    "stages.paragraph": ("detect_paragraph",),
    "stages.recognition": ("recognize_line", "recognize_lines"),
    "training.config": ("TrainerConfig",),
    "training.trainer": ("Trainer",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOMES.get(name, 'errors')}")
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})

"""Read and write language model files: htrlib's compact format, and ARPA."""

from __future__ import annotations

from pathlib import Path
from typing import Union

from htrlib.errors import LanguageModelError
from htrlib.language.arpa import PACKED, read_arpa, write_arpa
from htrlib.language.ngram import NGramModel
from htrlib.language.storage import is_compact, read_compact, write_compact


def load_model(path: Union[str, Path]) -> NGramModel:
    """Read a model file, compact or ARPA; the format is detected by its first bytes.

    Raises:
        LanguageModelError: the file is missing, damaged, or of a newer format.
    """
    path = Path(path)
    if not path.is_file():
        raise LanguageModelError(
            f"there is no language model at {path}; create one with `htr lm build`"
        )
    return read_compact(path) if is_compact(path) else read_arpa(path)


def save_model(model: NGramModel, path: Union[str, Path]) -> None:
    """Write a model in the compact format, or as ARPA if the name ends in `.arpa` or `.arpa.gz`.

    The compact format rounds each log-probability to one of 256 values per n-gram length.
    """
    path = Path(path)
    (write_arpa if path.name.endswith((".arpa", PACKED)) else write_compact)(model, path)

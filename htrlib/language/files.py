"""Files of language models: the compact form, and ARPA."""

from __future__ import annotations

from pathlib import Path
from typing import Union

from htrlib.errors import LanguageModelError
from htrlib.language.arpa import read_arpa, write_arpa
from htrlib.language.ngram import NGramModel
from htrlib.language.storage import is_compact, read_compact, write_compact


def load_model(path: Union[str, Path]) -> NGramModel:
    """Read a model file, compact or ARPA (told apart by how it begins).

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
    """Write the compact form, or ARPA where the name ends in `.arpa`.

    The compact form keeps each log-probability to one of 256 values a level.
    """
    path = Path(path)
    (write_arpa if path.suffix == ".arpa" else write_compact)(model, path)

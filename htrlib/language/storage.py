"""The compact file format of n-gram models.

A NumPy archive (`.npz`, no pickles) with a JSON header and, for each n-gram length k, the arrays
`symbols_k`, `children_k` (number of longer n-grams that begin with each) and `scores_k`,
`backoffs_k`: indices into the code books `score_values_k` and `backoff_values_k` of at most 256
values. A model that knows words has them in `words`, sorted, one per line. The archive's checksums
detect damage.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.errors import LanguageModelError
from htrlib.language.ngram import Level, NGramModel

FORMAT = "htrlib character n-gram model"
FORMAT_VERSION = 1

_CODES = 256
_CELLS = 4096


def is_compact(path: Path) -> bool:
    """Return whether a file starts like an archive."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def write_compact(model: NGramModel, path: Path) -> None:
    """Write a model in the compact format."""
    header = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "order": model.order,
        "vocabulary": list(model.vocabulary),
    }
    arrays: Dict[str, NDArray[Any]] = {"header": _bytes(json.dumps(header))}
    for length, level in enumerate(model.levels, start=1):
        children = np.diff(level.first_child)
        arrays[f"symbols_{length}"] = _smallest(level.symbols)
        arrays[f"scores_{length}"], arrays[f"score_values_{length}"] = _quantize(level.log_probs)
        if length < model.order:
            arrays[f"children_{length}"] = _smallest(children)
            codes, values = _quantize(level.backoffs)
            arrays[f"backoffs_{length}"], arrays[f"backoff_values_{length}"] = codes, values
    if model.words:
        arrays["words"] = _bytes("\n".join(sorted(model.words)))
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def read_compact(path: Path) -> NGramModel:
    """Read a model in the compact format.

    Raises:
        LanguageModelError: the file is damaged, or not of this format or version.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            header = json.loads(bytes(archive["header"]).decode("utf-8"))
            _check_header(header, path)
            levels = [
                _level(archive, length, length == header["order"])
                for length in range(1, header["order"] + 1)
            ]
            words = bytes(archive["words"]).decode("utf-8") if "words" in archive else ""
            return NGramModel(header["vocabulary"], levels, frozenset(words.split()))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise LanguageModelError(f"{path} is damaged ({error}); copy or build it again") from error
    except (KeyError, TypeError, IndexError, ValueError) as error:
        if isinstance(error, LanguageModelError):
            raise
        raise LanguageModelError(
            f"{path} is not a language model of htrlib ({error}); create one with `htr lm build`"
        ) from error


def _check_header(header: Mapping[str, Any], path: Path) -> None:
    if header["format"] != FORMAT:
        raise LanguageModelError(f"{path}: expected {FORMAT!r}, found {header['format']!r}")
    if header["version"] != FORMAT_VERSION:
        raise LanguageModelError(
            f"{path}: expected a language model of format version {FORMAT_VERSION}, found "
            f"{header['version']}; use the htrlib version that wrote it"
        )


def _level(archive: Mapping[str, NDArray[Any]], length: int, last: bool) -> Level:
    symbols = archive[f"symbols_{length}"]
    scores = archive[f"score_values_{length}"][archive[f"scores_{length}"]]
    first_child = np.zeros(len(symbols) + 1, np.int64)  # of a million n-grams in the last level
    backoffs = np.zeros(len(symbols), np.float32)
    if not last:
        np.cumsum(archive[f"children_{length}"], out=first_child[1:])
        backoffs = archive[f"backoff_values_{length}"][archive[f"backoffs_{length}"]]
    return Level(symbols, first_child, scores, backoffs)


def _quantize(values: NDArray[np.float32]) -> Tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Quantize values: return codes, and the value of each code, 0 for exact zeros.

    The density of levels is the cube root of the density of values, which minimizes the mean
    squared error (Panter and Dite 1951, "Quantization distortion in pulse-count modulation with
    nonuniform spacing of levels").
    """
    distinct, inverse = np.unique(values, return_inverse=True)
    if len(distinct) <= _CODES:
        return inverse.astype(np.uint8), distinct
    low, high = float(distinct[0]), float(distinct[-1])
    cells = ((values - low) * ((_CELLS - 1) / (high - low))).astype(np.int64)
    density = np.bincount(cells, minlength=_CELLS) ** (1 / 3)
    before = np.cumsum(density) - density
    bins = 1 + (before * ((_CODES - 1) / density.sum())).astype(np.int64)
    codes = np.where(values == 0, 0, np.minimum(bins, _CODES - 1)[cells])
    sums = np.bincount(codes, weights=values, minlength=_CODES)
    means = sums / np.maximum(np.bincount(codes, minlength=_CODES), 1)
    return codes.astype(np.uint8), means.astype(np.float32)


def _smallest(values: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


def _bytes(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode("utf-8"), dtype=np.uint8)

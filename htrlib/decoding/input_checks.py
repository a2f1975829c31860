"""Check what decoding is given."""

from __future__ import annotations

from typing import Any, Optional, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs
from htrlib.errors import CharsetError, ConfigError

_ROW_SUM_TOLERANCE = 1e-3


def as_log_probs(
    log_probs: Union[LogProbs, NDArray[np.floating[Any]]],
    charset: Optional[Charset] = None,
    blank_index: Optional[int] = None,
) -> LogProbs:
    """The log-probabilities of a line, checked.

    Args:
        log_probs: of a recognizer of this library, or a plain (T, C) array.
        charset: the symbols of a plain array's columns, the blank's left out.
        blank_index: the blank's column in a plain array, where it is not the last.
    Raises:
        CharsetError: no charset is given, or it does not fit the number of classes.
        ConfigError: the values are not natural-log probabilities of one frame or more, or there
            is no column `blank_index`.
    """
    if isinstance(log_probs, LogProbs):
        if charset not in (None, log_probs.charset) or blank_index is not None:
            raise CharsetError(
                "a LogProbs has its charset, and its blank comes last; leave charset and "
                "blank_index out"
            )
        line = log_probs
    elif charset is None:
        raise CharsetError("a plain array needs charset=, the symbols of its columns")
    else:
        line = LogProbs(_blank_last(np.asarray(log_probs), blank_index), charset)
    _check_shape(line.values)
    if line.values.shape[1] != len(line.charset) + 1:
        raise CharsetError(
            f"a charset of {len(line.charset)} symbols goes with {len(line.charset) + 1} classes "
            f"(one for the blank), found {line.values.shape[1]}"
        )
    _check_rows(line.values)
    return line


def _blank_last(
    values: NDArray[np.floating[Any]], blank_index: Optional[int]
) -> NDArray[np.floating[Any]]:
    if blank_index is None:
        return values
    _check_shape(values)
    classes = values.shape[1]
    if not 0 <= blank_index < classes:
        raise ConfigError(
            f"the blank is one of the classes 0 to {classes - 1}, found blank_index {blank_index}"
        )
    columns = [c for c in range(classes) if c != blank_index] + [blank_index]
    return values[:, columns]


def _check_shape(values: NDArray[np.floating[Any]]) -> None:
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating):
        raise ConfigError(
            f"log-probabilities are a (T, C) array of floats, found shape {values.shape} of "
            f"{values.dtype}"
        )
    if len(values) == 0:
        raise ConfigError("log-probabilities have at least one frame, found none")


def _check_rows(values: NDArray[np.floating[Any]]) -> None:
    with np.errstate(over="ignore"):
        sums = np.exp(values).sum(axis=1, dtype=np.float64)
    wrong = np.flatnonzero(~(np.abs(sums - 1) <= _ROW_SUM_TOLERANCE))
    if not len(wrong):
        return
    frame = int(wrong[0])
    row = values[frame]
    if np.isnan(row).any() or np.isposinf(row).any():
        raise ConfigError(
            f"frame {frame} holds {'NaN' if np.isnan(row).any() else '+inf'}, expected natural-log "
            "probabilities; look at the weights or the training that gave them"
        )
    raise ConfigError(
        f"the probabilities of frame {frame} sum to {sums[frame]:.4g}, expected 1; apply "
        "log-softmax to raw outputs first"
    )

"""Validate the input of decoding."""

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
    """Check the log-probabilities of a line, and bring them to one form.

    Args:
        log_probs: a recognizer's result, or a plain (T, C) array.
        charset: symbols of a plain array's columns, without the blank.
        blank_index: the blank's column in a plain array, if it is not the last.
    Raises:
        CharsetError: the charset is missing, or does not match the number of classes.
        ConfigError: the values are not natural-log probabilities of at least one frame, or there is
            no column `blank_index`.
    """
    if isinstance(log_probs, LogProbs):
        if charset not in (None, log_probs.charset) or blank_index is not None:
            raise CharsetError(
                "a LogProbs has its own charset, and the blank last; leave out charset and "
                "blank_index"
            )
        line = log_probs
    elif charset is None:
        raise CharsetError("a plain array needs the symbols of its columns; pass charset=")
    else:
        line = LogProbs(_blank_last(np.asarray(log_probs), blank_index), charset)
    for look in (line,) if line.again is None else (line, line.again):
        check_classes(look)
        _check_rows(look.values)
        if look.charset != line.charset:
            raise CharsetError("both looks at a line (`LogProbs.again`) need the same charset")
    return line


def check_classes(line: LogProbs) -> None:
    """Check that a line has frames, and a column for each symbol and the blank.

    Raises:
        CharsetError, ConfigError: see `as_log_probs`.
    """
    _check_shape(line.values)
    if line.values.shape[1] != len(line.charset) + 1:
        raise CharsetError(
            f"a charset of {len(line.charset)} symbols needs {len(line.charset) + 1} classes "
            f"(one for the blank), found {line.values.shape[1]}"
        )


def _blank_last(
    values: NDArray[np.floating[Any]], blank_index: Optional[int]
) -> NDArray[np.floating[Any]]:
    if blank_index is None:
        return values
    _check_shape(values)
    classes = values.shape[1]
    if not 0 <= blank_index < classes:
        raise ConfigError(f"blank_index must be from 0 to {classes - 1}, found {blank_index}")
    columns = [c for c in range(classes) if c != blank_index] + [blank_index]
    return values[:, columns]


def _check_shape(values: NDArray[np.floating[Any]]) -> None:
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating):
        raise ConfigError(
            f"log-probabilities must be a (T, C) array of floats, found shape {values.shape} of "
            f"{values.dtype}"
        )
    if len(values) == 0:
        raise ConfigError("expected log-probabilities of at least one frame, found none")


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
            f"frame {frame} contains {'NaN' if np.isnan(row).any() else '+inf'}, expected "
            "natural-log probabilities; check the weights, or the training that produced them"
        )
    raise ConfigError(
        f"the probabilities of frame {frame} sum to {sums[frame]:.4g}, expected 1; apply "
        "log-softmax to raw outputs first"
    )

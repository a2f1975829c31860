"""The fourth stage: from the recognizer's log-probabilities to text, words and confidences."""

from __future__ import annotations

from typing import Optional, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.charset import Charset
from htrlib.document import LogProbs, Transcription
from htrlib.errors import CharsetError, ConfigError
from htrlib.stages.best_path import best_path
from htrlib.stages.readings import (
    character_extents,
    character_probabilities,
    locate,
    word_ranges,
)

_ROW_SUM_TOLERANCE = 1e-3


def decode(
    log_probs: Union[LogProbs, NDArray[np.floating]],
    *,
    charset: Optional[Charset] = None,
    method: str = "greedy",
    characters: bool = False,
    bundle: object = None,
) -> Transcription:
    """Read one line from the recognizer's log-probabilities."""
    if method not in ("beam", "greedy"):
        raise ConfigError(f"the method is 'beam' or 'greedy', found {method!r}")
    line = as_log_probs(log_probs, charset)
    aligned = best_path(line.values)
    text = line.charset.decode(aligned.labels)
    peaks = character_probabilities(line.values, aligned)
    extents = character_extents(aligned.spans, len(line.values))
    ranges = word_ranges(text)
    confidences = [float(np.exp(np.log(peaks[a:b]).mean())) for a, b in ranges]
    singles = [(i, i + 1) for i, c in enumerate(text) if characters and not c.isspace()]
    return Transcription(
        text=text,
        log_prob=aligned.log_prob,
        confidence=float(np.prod(confidences)),
        words=locate(line, text, extents, ranges, confidences),
        characters=locate(line, text, extents, singles, [peaks[a] for a, _ in singles]),
    )


def as_log_probs(
    log_probs: Union[LogProbs, NDArray[np.floating]], charset: Optional[Charset] = None
) -> LogProbs:
    """The line's log-probabilities, checked.

    Raises:
        CharsetError: no charset is given, or it does not fit the number of classes.
        ConfigError: the values are not (T, C) natural-log probabilities of at least one frame.
    """
    if isinstance(log_probs, LogProbs):
        if charset is not None and charset != log_probs.charset:
            raise CharsetError("these log-probabilities carry another charset; leave charset= out")
        line = log_probs
    else:
        if charset is None:
            raise CharsetError("a plain array needs charset=, the symbols of its columns")
        line = LogProbs(np.asarray(log_probs), charset)
    values = line.values
    if values.ndim != 2 or not np.issubdtype(values.dtype, np.floating):
        raise ConfigError(
            f"log-probabilities are a (T, C) array of floats, found shape {values.shape} of "
            f"{values.dtype}"
        )
    if len(values) == 0:
        raise ConfigError("log-probabilities have at least one frame, found none")
    if values.shape[1] != len(line.charset) + 1:
        raise CharsetError(
            f"a charset of {len(line.charset)} symbols goes with {len(line.charset) + 1} classes "
            f"(blank last), found {values.shape[1]}"
        )
    _check_rows(values)
    return line


def _check_rows(values: NDArray[np.floating]) -> None:
    sums = np.exp(values, dtype=np.float64).sum(axis=1)
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

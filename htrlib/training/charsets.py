"""Change a recognizer's charset, and the weights of its output layer accordingly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.document.charset import Charset
from htrlib.errors import ConfigError

NEW_WEIGHT = 0.01  # standard deviation of a new symbol's weights


@dataclass(frozen=True)
class CharsetChange:
    """A change of charset.

    Attributes:
        charset: the new charset; kept symbols keep their order, new ones follow them.
        added: symbols that the network has not learned yet.
        dropped: symbols that it will no longer output.
    """

    charset: Charset
    added: Tuple[str, ...] = ()
    dropped: Tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [f"{len(self.charset)} characters"]
        if self.added:
            parts.append(f"{len(self.added)} new ({''.join(self.added)})")
        if self.dropped:
            parts.append(f"{len(self.dropped)} dropped ({''.join(self.dropped)})")
        return ", ".join(parts)


def change_charset(old: Optional[Charset], texts: Iterable[str], how: str) -> CharsetChange:
    """Return the charset to train with.

    Args:
        old: charset of the initial network, or None.
        texts: texts of the training data.
        how: "extend", "keep" or "data"; see `TrainerConfig`.
    Raises:
        ConfigError: "keep" without an initial charset.
        CharsetError: the texts are empty.

    >>> change = change_charset(Charset.from_text("abc"), ["bad"], "data")
    >>> "".join(change.charset.symbols), change.added, change.dropped
    ('abd', ('d',), ('c',))
    """
    if old is None:
        if how == "keep":
            raise ConfigError('charset="keep" needs a bundle to start from (init)')
        return CharsetChange(Charset.from_text(*texts))
    if how == "keep":
        return CharsetChange(old)
    wanted = Charset.from_text(*texts)
    added = tuple(symbol for symbol in wanted.symbols if symbol not in old)
    dropped = tuple(s for s in old.symbols if s not in wanted) if how == "data" else ()
    kept = tuple(symbol for symbol in old.symbols if symbol not in dropped)
    return CharsetChange(Charset(kept + added), added, dropped)


def move_rows(
    rows: NDArray[np.float32], old: Charset, new: Charset, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Rearrange the rows of an output layer's weights or biases for another charset.

    Args:
        rows: (len(old) + 1, ...), one row per symbol, and the blank's last.
    Returns:
        (len(new) + 1, ...): unchanged rows for kept symbols and the blank. Rows of new symbols are
        small and their bias is the lowest of all, so that they have no effect at first.
    """
    labels: Dict[str, int] = {symbol: label for label, symbol in enumerate(old.symbols)}
    result = np.empty((len(new) + 1, *rows.shape[1:]), np.float32)
    for label, symbol in enumerate(new.symbols):
        if symbol in labels:
            result[label] = rows[labels[symbol]]
        elif rows.ndim == 1:
            result[label] = rows.min()
        else:
            result[label] = rng.normal(0.0, NEW_WEIGHT, rows.shape[1:])
    result[new.blank_index] = rows[old.blank_index]
    return result

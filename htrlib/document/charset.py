"""The symbols that a recognizer outputs, and their labels."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Dict, Iterable, Tuple

from htrlib.errors import CharsetError, UnknownCharacterError


@dataclass(frozen=True)
class Charset:
    """Symbols in label order; the CTC blank is the label after the last symbol.

    >>> charset = Charset.from_text("cab")
    >>> charset.encode("abc"), charset.decode((2, 0)), charset.blank_index
    ((0, 1, 2), 'ca', 3)
    """

    symbols: Tuple[str, ...]
    _labels: Dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.symbols:
            raise CharsetError("a charset needs at least one symbol, found none")
        for position, symbol in enumerate(self.symbols):
            if len(symbol) != 1:
                raise CharsetError(
                    f"each symbol must be one character, found {symbol!r} at position {position}"
                )
            if symbol != unicodedata.normalize("NFC", symbol):
                raise CharsetError(f"symbols must be in Unicode form NFC, {symbol!r} is not")
        labels = {symbol: label for label, symbol in enumerate(self.symbols)}
        if len(labels) != len(self.symbols):
            twice = sorted(s for s in labels if self.symbols.count(s) > 1)
            raise CharsetError(f"symbols must be unique, found duplicates of {twice}")
        object.__setattr__(self, "_labels", labels)

    @classmethod
    def from_text(cls, *texts: str) -> Charset:
        """Create the charset of all characters in the texts, in code point order."""
        return cls(tuple(sorted(set("".join(unicodedata.normalize("NFC", t) for t in texts)))))

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._labels

    @property
    def blank_index(self) -> int:
        """The label of the CTC blank: `len(self)`."""
        return len(self.symbols)

    def encode(self, text: str) -> Tuple[int, ...]:
        """Convert a text to labels, after normalizing it to Unicode form NFC.

        Raises:
            UnknownCharacterError: a character has no label.
        """
        text = unicodedata.normalize("NFC", text)
        labels = []
        for position, character in enumerate(text):
            label = self._labels.get(character)
            if label is None:
                raise UnknownCharacterError(character, position)
            labels.append(label)
        return tuple(labels)

    def decode(self, labels: Iterable[int]) -> str:
        """Convert labels to text.

        Raises:
            CharsetError: a label is the blank or out of range.
        """
        symbols = []
        for label in labels:
            if not 0 <= label < len(self.symbols):
                raise CharsetError(f"labels range from 0 to {len(self.symbols) - 1}, found {label}")
            symbols.append(self.symbols[label])
        return "".join(symbols)

    def unknown(self, text: str) -> Tuple[str, ...]:
        """Return the characters of a text that have no label, sorted."""
        return tuple(sorted(set(unicodedata.normalize("NFC", text)) - self._labels.keys()))

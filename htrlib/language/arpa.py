"""Read and write character n-gram models as ARPA files, the format of SRILM, KenLM and others.

Each character is a token. Spaces separate tokens, so the space itself is written `<space>`.
Files may be packed by gzip, as those of others often are.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import re
import zlib
from pathlib import Path
from typing import Dict, Iterator, List, NoReturn, Sequence, TextIO, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.errors import LanguageModelError
from htrlib.language.ngram import SPECIAL, Level, NGramModel

SPACE = "<space>"

_LN10 = math.log(10.0)
_FLOOR = -99.0 * _LN10

PACKED = ".arpa.gz"
"""How the names of packed files end."""

_GZIP = b"\x1f\x8b"
_BETWEEN_TOKENS = re.compile(r"[ \t]+")  # other white space, such as U+00A0, may be a token

_Row = Tuple[Tuple[int, ...], float, float]


def write_arpa(model: NGramModel, path: Path) -> None:
    """Write a model as an ARPA file, packed by gzip if its name ends in `.gz`."""
    tokens = [SPACE if symbol == " " else symbol for symbol in model.vocabulary]
    with _created(path) as file:
        file.write("\\data\\\n")
        for length, level in enumerate(model.levels, start=1):
            file.write(f"ngram {length}={len(level)}\n")
        prefixes = [""]
        parents = np.zeros(len(tokens), dtype=np.int64)
        for length, level in enumerate(model.levels, start=1):
            names = [
                prefixes[parent] + tokens[symbol] for parent, symbol in zip(parents, level.symbols)
            ]
            file.write(f"\n\\{length}-grams:\n")
            scores = (level.log_probs / _LN10).tolist()
            if length == model.order:
                file.writelines(f"{score:.7g}\t{name}\n" for score, name in zip(scores, names))
            else:
                backoffs = (level.backoffs / _LN10).tolist()
                rows = zip(scores, names, backoffs)
                file.writelines(f"{score:.7g}\t{name}\t{back:.7g}\n" for score, name, back in rows)
            prefixes = [name + " " for name in names]
            parents = np.repeat(np.arange(len(level)), np.diff(level.first_child))
        file.write("\n\\end\\\n")


def read_arpa(path: Path) -> NGramModel:
    """Read an ARPA file of a character model.

    Raises:
        LanguageModelError: the file is not an ARPA file, or its tokens are not single characters.
    """
    try:
        with _opened(path) as file:
            return _Reader(path, file).read()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise LanguageModelError(
            f"{path} is packed by gzip and damaged ({error}); copy it again"
        ) from None
    except UnicodeDecodeError:
        raise LanguageModelError(
            f"{path} is neither a language model of this library nor an ARPA file in UTF-8"
        ) from None


@contextlib.contextmanager
def _created(path: Path) -> Iterator[TextIO]:
    if not path.name.endswith(PACKED):
        with path.open("w", encoding="utf-8") as text:
            yield text
        return
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("wb"))
        packed = stack.enter_context(gzip.GzipFile("", "wb", 6, file, mtime=0))  # reproducible
        yield stack.enter_context(io.TextIOWrapper(packed, encoding="utf-8"))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
    if packed:
        with gzip.open(path, "rt", encoding="utf-8-sig") as unpacked:
            yield unpacked
    else:
        with path.open(encoding="utf-8-sig") as text:
            yield text


class _Reader:
    """Reads one file, and tracks the line number for messages."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self.path = path
        self.line_number = 0
        self.lines = self._lines(file)
        self.ids: Dict[str, int] = {symbol: index for index, symbol in enumerate(SPECIAL)}

    def read(self) -> NGramModel:
        sizes = self._sizes()
        sections = [self._section(length, size) for length, size in enumerate(sizes, start=1)]
        if next(self.lines, None) != "\\end\\":
            self._fail("expected \\end\\ after the last n-gram")
        present = {row[0][0] for row in sections[0]}
        sections[0] += [((index,), _FLOOR, 0.0) for index in range(3) if index not in present]
        return NGramModel(tuple(self.ids), self._levels(sections))

    def _lines(self, file: TextIO) -> Iterator[str]:
        for line in file:
            self.line_number += 1
            stripped = line.strip(" \t\r\n")
            if stripped:
                yield stripped

    def _fail(self, message: str) -> NoReturn:
        raise LanguageModelError(f"{self.path}, line {self.line_number}: {message}")

    def _sizes(self) -> List[int]:
        """Read the numbers of n-grams from the header; `lines` continues after `\\1-grams:`."""
        for line in self.lines:  # SRILM allows text before the header
            if line == "\\data\\":
                break
        else:
            self._fail("an ARPA file has a line \\data\\, this one has not")
        sizes: List[int] = []
        for line in self.lines:
            match = re.fullmatch(r"ngram (\d+)\s*=\s*(\d+)", line)
            if match is None:
                if line == "\\1-grams:" and sizes:
                    return sizes
                self._fail(f"expected 'ngram {len(sizes) + 1}=...' or \\1-grams:, found {line!r}")
            if int(match[1]) != len(sizes) + 1:
                self._fail(f"expected the number of {len(sizes) + 1}-grams, found {line!r}")
            sizes.append(int(match[2]))
        return self._fail("the file ends within its header")

    def _section(self, length: int, size: int) -> List[_Row]:
        if length > 1 and next(self.lines, None) != f"\\{length}-grams:":
            self._fail(f"expected \\{length}-grams: after {length - 1}-grams as many as stated")
        return [self._row(length) for _ in range(size)]

    def _row(self, length: int) -> _Row:
        line = next(self.lines, "the end of the file")
        fields = _BETWEEN_TOKENS.split(line)
        if len(fields) not in (length + 1, length + 2):
            self._fail(f"expected a {length}-gram with its score, found {line!r}")
        try:
            score = float(fields[0])
            backoff = float(fields[-1]) if len(fields) == length + 2 else 0.0
        except ValueError:
            self._fail(f"expected a number, found {line!r}")
        symbols = tuple(self._symbol(token, length) for token in fields[1 : length + 1])
        return symbols, max(score * _LN10, _FLOOR), max(backoff * _LN10, _FLOOR)

    def _symbol(self, token: str, length: int) -> int:
        symbol = " " if token == SPACE else token
        known = self.ids.get(symbol)
        if known is not None:
            return known
        if len(symbol) != 1:
            self._fail(
                f"expected a model of single characters with {SPACE} for the space, found the "
                f"token {token!r}"
            )
        if length > 1:
            self._fail(f"the character {symbol!r} is not among the 1-grams")
        return self.ids.setdefault(symbol, len(self.ids))

    def _levels(self, sections: Sequence[List[_Row]]) -> List[Level]:
        levels: List[Level] = []
        children = np.zeros(len(sections[-1]), dtype=np.int64)
        for rows, shorter in zip(sections[::-1], [*sections[-2::-1], []]):
            rows.sort()
            levels.append(
                Level(
                    symbols=np.array([symbols[-1] for symbols, _, _ in rows], dtype=np.int32),
                    first_child=np.concatenate(([0], np.cumsum(children))),
                    log_probs=np.array([score for _, score, _ in rows], dtype=np.float32),
                    backoffs=np.array([backoff for _, _, backoff in rows], dtype=np.float32),
                )
            )
            children = self._children(rows, sorted(shorter))
        return levels[::-1]

    def _children(self, rows: Sequence[_Row], shorter: Sequence[_Row]) -> NDArray[np.int64]:
        """Count the rows that begin with each shorter n-gram."""
        if any(earlier[0] == later[0] for earlier, later in zip(rows, rows[1:])):
            self._fail(f"some {len(rows[0][0])}-gram stands twice")
        if not shorter:
            return np.zeros(0, dtype=np.int64)
        ranks = {symbols: rank for rank, (symbols, _, _) in enumerate(shorter)}
        try:
            parents = [ranks[symbols[:-1]] for symbols, _, _ in rows]
        except KeyError as error:
            names = " ".join(list(self.ids)[symbol] for symbol in error.args[0])
            self._fail(f"n-grams begin with {names!r}, which is not among the shorter ones")
        return np.bincount(parents, minlength=len(shorter))

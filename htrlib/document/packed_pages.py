"""Keep the results of a document's pages compressed: a dense page takes 20 kB instead of 300."""

from __future__ import annotations

import json
import zlib
from typing import Iterable, Sequence, Tuple, Union, overload

from htrlib.document.results import PageResult

_QUICK = 1  # level of compression; the others save a tenth and take much longer


class PackedPages(Sequence[PageResult]):
    """The results of pages, each of which is unpacked whenever it is asked for.

    Equal to a tuple of the same pages.

    Args:
        pages: packed one by one, so that a generator's pages are not in memory together.
    """

    def __init__(self, pages: Iterable[PageResult]) -> None:
        self._packed = tuple(map(_packed, pages))

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> PageResult: ...

    @overload
    def __getitem__(self, index: slice) -> Tuple[PageResult, ...]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[PageResult, Tuple[PageResult, ...]]:
        if isinstance(index, slice):
            return tuple(map(_unpacked, self._packed[index]))
        return _unpacked(self._packed[index])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (tuple, PackedPages)):
            return NotImplemented
        return len(self) == len(other) and all(own == page for own, page in zip(self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"PackedPages({len(self)} pages)"


def _packed(page: PageResult) -> bytes:
    # float: stages of users may return numbers of NumPy
    return zlib.compress(json.dumps(page.to_dict(), default=float).encode("ascii"), _QUICK)


def _unpacked(packed: bytes) -> PageResult:
    return PageResult.from_dict(json.loads(zlib.decompress(packed)))

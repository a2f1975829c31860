from __future__ import annotations

import gc
import weakref
from typing import Iterator, List

import pytest

from htrlib.document.packed_pages import PackedPages
from htrlib.document.results import DocumentResult, PageResult
from tests.formats.results import page

PAGES = (page(["one", "two"]), page([]), page(["œuvre"]))


def test_packed_pages_equal_a_tuple_of_them() -> None:
    packed = PackedPages(PAGES)
    assert packed == PAGES == packed
    assert hash(packed) == hash(PAGES)
    assert packed != PAGES[:2]
    assert packed != list(PAGES)
    assert DocumentResult(packed) == DocumentResult(PAGES)


def test_pages_are_found_like_those_of_a_tuple() -> None:
    packed = PackedPages(PAGES)
    assert packed[-1] == PAGES[-1]
    assert packed[1:] == PAGES[1:]
    assert list(reversed(packed)) == list(reversed(PAGES))
    with pytest.raises(IndexError):
        packed[3]


def test_one_page_is_in_memory_at_a_time() -> None:
    alive: List[weakref.ref[PageResult]] = []

    def pages() -> Iterator[PageResult]:
        for _ in range(3):
            made = page(["text"])
            alive.append(weakref.ref(made))
            yield made
            del made
            gc.collect()
            assert sum(reference() is not None for reference in alive) <= 1

    assert len(PackedPages(pages())) == 3

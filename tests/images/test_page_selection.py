from __future__ import annotations

import pytest

from htrlib.errors import ConfigError
from htrlib.images.page_selection import ALL_PAGES, PageSelection


@pytest.mark.parametrize(
    ("text", "pages"),
    [("3", {3}), ("2-4", {2, 3, 4}), ("1,4-", {1, *range(4, 10)}), (" 2 - 3 , 9", {2, 3, 9})],
)
def test_numbers_and_ranges(text, pages):
    selection = PageSelection.parse(text)
    assert {number for number in range(1, 10) if number in selection} == pages
    assert PageSelection.parse(str(selection)) == selection


@pytest.mark.parametrize("text", ["", "0", "5-2", "-3", "a", "1,,2", "1.5", "2 3"])
def test_what_means_no_page_is_refused(text):
    with pytest.raises(ConfigError, match="pages are numbers"):
        PageSelection.parse(text)


def test_the_last_page_is_known_where_there_is_an_end():
    assert PageSelection.parse("7,2-5").last == 7
    assert ALL_PAGES.last is None

"""Reading options are checked where they are made."""

from __future__ import annotations

from typing import Any, Dict

import pytest

from htrlib.errors import ConfigError
from htrlib.reading.options import ReadingOptions


@pytest.mark.parametrize(
    "kinds",
    ["handwritten", ["handwritten"], ("handwritten", "handwritten"), iter(["handwritten"])],
)
def test_kinds_mean_the_same_in_every_form(kinds: Any) -> None:
    assert ReadingOptions(kinds=kinds) == ReadingOptions(kinds=("handwritten",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kinds": ()}, "kinds must be among .*, or None; found none"),
        ({"kinds": ["cursive"]}, "kind must be one of"),
        ({"beam_width": "5"}, "beam_width must be a whole number, found '5'"),
        ({"beam_width": 2.5}, "beam_width must be a whole number, found 2.5"),
        ({"alternatives": -1}, "alternatives must be at least 0"),
    ],
)
def test_a_value_that_cannot_be_is_refused(options: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ReadingOptions(**options)

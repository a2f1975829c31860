"""Texts of rendered lines, and what their letters are."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NOM ET PRENOM :", True),
        ("TAYLoR HAWKins", True),
        ("Mr. de la TOUR", False),
        ("le roi est mort", False),
        ("N° 12", False),
        ("", False),
    ],
)
def test_lines_in_capitals_are_told_by_most_of_their_letters(script, text, expected):
    assert script("texts").in_capitals(text) is expected

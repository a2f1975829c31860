"""Texts of rendered lines, and what their letters are."""

from __future__ import annotations

import numpy as np
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


def test_a_case_changes_no_letters(script):
    source, text = script("hand_source"), "the Doctor's élan, 12"
    cases = {source.in_a_case(text, np.random.default_rng(seed)) for seed in range(200)}
    assert {case.lower() for case in cases} == {text.lower()}
    assert {text, text.upper()} < cases
    mixed = [case for case in cases if case not in (text, text.upper())]
    assert all(("T" in case) != ("t" in case) for case in mixed)  # a letter has one case
    assert len(mixed) > 5

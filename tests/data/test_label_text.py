from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.data.label_text import clean_text, invisible_characters


@pytest.mark.parametrize(
    "symbol", ["\u00ad", "\u200b", "\u200d", "\u200e", "\u202a", "\u2060", "\u2066", "\ufeff"]
)
def test_what_cannot_be_seen_is_dropped_and_named(symbol):
    assert clean_text(f"a{symbol}b {symbol}") == "ab"
    (name,) = invisible_characters(f"a{symbol}b{symbol}")
    assert name == f"U+{ord(symbol):04X} {unicodedata.name(symbol)}"


def test_signs_that_enclose_what_follows_are_seen():
    assert clean_text("\u0600123") == "\u0600123"


@given(st.text())
def test_clean_texts_stay_as_they_are(text):
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    assert invisible_characters(cleaned) == ()
    assert cleaned == " ".join(cleaned.split())

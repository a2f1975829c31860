from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.document.charset import Charset
from htrlib.errors import ConfigError
from htrlib.training.charsets import change_charset, move_rows

symbols = st.sets(st.sampled_from("abcdefgh"), min_size=1).map(lambda found: "".join(sorted(found)))


@given(symbols, symbols)
def test_nothing_vanishes_silently(before, texts):
    old = Charset.from_text(before)
    for how in ("extend", "data", "keep"):
        change = change_charset(old, [texts], how)
        new = set(change.charset.symbols)
        assert new == (set(before) | set(change.added)) - set(change.dropped)
        if how == "keep":
            assert (change.added, change.dropped) == ((), ())
        else:
            assert set(texts) <= new
    assert not change_charset(old, [texts], "extend").dropped


@given(symbols, symbols, st.integers(0, 9))
def test_rows_of_kept_symbols_and_the_blank_are_kept(before, after, seed):
    old, new = Charset.from_text(before), Charset.from_text(after)
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(len(old) + 1, 3)).astype(np.float32)
    bias = rng.normal(size=len(old) + 1).astype(np.float32)
    moved, moved_bias = move_rows(rows, old, new, rng), move_rows(bias, old, new, rng)
    for label, symbol in enumerate(new.symbols):
        if symbol in old:
            np.testing.assert_array_equal(moved[label], rows[old.encode(symbol)[0]])
        else:
            assert np.abs(moved[label]).max() < 0.1
            assert moved_bias[label] == bias.min()
    np.testing.assert_array_equal(moved[-1], rows[-1])
    assert moved_bias[-1] == bias[-1]


def test_only_a_charset_that_is_there_can_be_kept():
    with pytest.raises(ConfigError, match="init"):
        change_charset(None, ["a"], "keep")


def test_a_change_tells_what_is_new_and_what_is_gone():
    change = change_charset(Charset.from_text("ab"), ["bc"], "data")
    assert str(change) == "2 characters, 1 new (c), 1 dropped (a)"

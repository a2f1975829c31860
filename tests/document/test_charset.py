"""Symbols and labels are each other's inverse."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from htrlib.document.charset import Charset
from htrlib.errors import CharsetError, UnknownCharacterError

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(TEXTS)
def test_encode_and_decode_are_inverse(text: str) -> None:
    charset = Charset.from_text(text)
    labels = charset.encode(text)
    assert charset.decode(labels) == unicodedata.normalize("NFC", text)
    assert all(0 <= label < charset.blank_index for label in labels)


@given(TEXTS)
def test_labels_survive_decode_and_encode_one_by_one(text: str) -> None:
    charset = Charset.from_text(text)
    for label in range(len(charset)):
        assert charset.encode(charset.decode([label])) == (label,)


@given(TEXTS, TEXTS)
def test_the_order_of_texts_does_not_matter(first: str, second: str) -> None:
    assert Charset.from_text(first, second) == Charset.from_text(second, first)
    assert Charset.from_text(first, second) == Charset.from_text(first, second, first)


@given(TEXTS, TEXTS)
def test_unknown_are_the_characters_that_do_not_encode(known: str, text: str) -> None:
    charset = Charset.from_text(known)
    unknown = charset.unknown(text)
    assert list(unknown) == sorted(set(unknown))
    assert not any(character in charset for character in unknown)
    if unknown:
        with pytest.raises(UnknownCharacterError) as caught:
            charset.encode(text)
        assert caught.value.character in unknown
        composed = unicodedata.normalize("NFC", text)
        assert composed[caught.value.position] == caught.value.character
    else:
        charset.encode(text)


def test_the_blank_comes_last() -> None:
    charset = Charset(("b", "a", "é"))
    assert (len(charset), charset.blank_index) == (3, 3)
    assert charset.encode("aé") == (1, 2)


def test_decomposed_text_is_composed_first() -> None:
    assert Charset(("é",)).encode("e\u0301") == (0,)
    assert Charset.from_text("e\u0301").symbols == ("é",)
    assert Charset(("é",)).unknown("e\u0301") == ()


def test_equal_symbols_are_equal_charsets() -> None:
    assert Charset(("a", "b")) == Charset(("a", "b"))
    assert hash(Charset(("a", "b"))) == hash(Charset(("a", "b")))
    assert Charset(("a", "b")) != Charset(("b", "a"))


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ((), "at least one symbol"),
        (("a", ""), "'' at position 1"),
        (("ab",), "'ab' at position 0"),
        (("a", "b", "a"), r"found duplicates of \['a'\]"),
        (("\u212b",), "NFC"),  # the angstrom sign is composed to another character
    ],
)
def test_malformed_charsets_are_refused(symbols: tuple[str, ...], message: str) -> None:
    with pytest.raises(CharsetError, match=message):
        Charset(symbols)


@pytest.mark.parametrize("label", [-1, 2, 3])
def test_labels_out_of_range_are_refused(label: int) -> None:
    """The blank (2 here) and the padding (-1) are not symbols."""
    with pytest.raises(CharsetError, match=f"from 0 to 1, found {label}"):
        Charset(("a", "b")).decode([0, label])


def test_a_charset_of_nothing_is_refused() -> None:
    with pytest.raises(CharsetError):
        Charset.from_text("")

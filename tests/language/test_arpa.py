from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest

from htrlib.errors import LanguageModelError
from htrlib.language.estimation import estimate
from htrlib.language.files import load_model, save_model
from htrlib.language.ngram import NGramModel
from tests.language.kenlm_scores import TEXTS as HELD_OUT

TEXTS = ["Call me Ishmael. Some years ago, never mind how long.", "It is a way I have."] * 2
ISHMAEL = Path(__file__).parent / "ishmael"  # a model of TEXTS, and kenlm's scores

SMALL = """\
\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-1.0 <unk>
-99 <s> -0.1
-0.9 </s>
-0.5 a -0.2
-0.6 <space>

\\2-grams:
-0.3 a <space>
-0.4 <s> a

\\end\\
"""


@pytest.fixture
def model() -> NGramModel:
    return estimate(TEXTS, order=5, min_counts=(1, 1, 1, 2))


def test_a_model_read_back_scores_the_same(model: NGramModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "a.arpa")
    again = load_model(tmp_path / "a.arpa")
    for text in HELD_OUT:
        assert again.score(text, begin=True, end=True) == pytest.approx(
            model.score(text, begin=True, end=True), abs=1e-4
        )


def test_a_model_is_written_as_in_the_file_that_kenlm_has_read(
    model: NGramModel, tmp_path: Path
) -> None:
    save_model(model, tmp_path / "a.arpa")
    written, read_by_kenlm = (
        [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (tmp_path / "a.arpa", ISHMAEL.with_suffix(".arpa"))
    )
    assert [row[1:2] for row in written] == [row[1:2] for row in read_by_kenlm]
    for ours, theirs in zip(written, read_by_kenlm):
        if len(ours) == 1:
            assert ours == theirs
        else:
            numbers = [[float(number) for number in row[::2]] for row in (ours, theirs)]
            assert numbers[0] == pytest.approx(numbers[1], abs=1e-5)


def test_a_model_scores_as_kenlm_does(model: NGramModel) -> None:
    scores = json.loads(ISHMAEL.with_suffix(".json").read_text(encoding="utf-8"))
    assert list(scores) == HELD_OUT
    for text, theirs in scores.items():  # base 10; the last one is that of the end
        ours = model.character_scores(text, begin=True) / math.log(10)
        np.testing.assert_allclose(ours, theirs[:-1], atol=1e-4)
        score = model.score(text, begin=True, end=True) / math.log(10)
        assert score == pytest.approx(sum(theirs), abs=1e-3)


def test_a_file_of_others_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.arpa"
    path.write_text("made by hand\n\n" + SMALL)
    model = load_model(path)
    log10 = model.character_scores("a a", begin=True) / math.log(10)
    np.testing.assert_allclose(log10, [-0.4, -0.3, -0.5], atol=1e-6)
    assert model.score("x", before="a") / math.log(10) == pytest.approx(-0.2 - 1.0)


@pytest.mark.parametrize("character", ["\u00a0", "\u3000", "\u2028", "\x85"])
def test_white_space_other_than_the_space_is_a_character(tmp_path: Path, character: str) -> None:
    path = tmp_path / "a.arpa"
    text = SMALL.replace("ngram 1=5", "ngram 1=6")
    row = f"-0.6 <space>\n-0.7\t{character}\t-0.1"
    path.write_text(text.replace("-0.6 <space>", row), encoding="utf-8")
    assert load_model(path).score(character) / math.log(10) == pytest.approx(-0.7)


def test_a_byte_order_mark_and_white_space_at_ends_of_lines_are_no_part_of_a_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.arpa"
    path.write_text(SMALL.replace("\n", "\t\r\n"), encoding="utf-8-sig", newline="")
    assert load_model(path).order == 2


def test_a_file_packed_by_gzip_is_read(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.arpa", tmp_path / "a.arpa.gz"
    plain.write_text(SMALL)
    packed.write_bytes(gzip.compress(SMALL.encode()))
    assert load_model(packed).score("a a") == load_model(plain).score("a a")


def test_a_packed_file_that_is_cut_off_is_told(tmp_path: Path) -> None:
    packed = tmp_path / "a.arpa.gz"
    packed.write_bytes(gzip.compress(SMALL.encode())[:-20])
    with pytest.raises(LanguageModelError, match=r"a\.arpa\.gz is packed by gzip and damaged"):
        load_model(packed)


def test_a_model_is_packed_by_gzip_where_the_name_says_so(
    model: NGramModel, tmp_path: Path
) -> None:
    for name in ("a.arpa", "a.arpa.gz"):
        save_model(model, tmp_path / name)
    unpacked = gzip.decompress((tmp_path / "a.arpa.gz").read_bytes())
    assert unpacked == (tmp_path / "a.arpa").read_bytes()


def test_a_back_off_weight_of_zero_is_a_low_one(tmp_path: Path) -> None:
    path = tmp_path / "a.arpa"
    path.write_text(SMALL.replace("-0.5 a -0.2", "-0.5 a -inf"))
    assert math.isfinite(load_model(path).score("aa"))


def test_special_symbols_that_are_missing_are_never_predicted(tmp_path: Path) -> None:
    path = tmp_path / "a.arpa"
    path.write_text("\\data\\\nngram 1=1\n\n\\1-grams:\n-0.1 a\n\n\\end\\\n")
    model = load_model(path)
    assert model.score("x") < -200 < model.score("a")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", "has a line"),
        ("ngram 2=2", "ngram 3=2", "number of 2-grams"),
        ("ngram 2=2", "ngram 2=3", "expected a 2-gram"),
        ("ngram 1=5", "ngram 1=4", "as many as stated"),
        ("-0.5 a", "-0.5 the", "single characters"),
        ("-0.4 <s> a", "-0.4 <s> b", "not among the 1-grams"),
        ("-0.4 <s> a", "-0.4 a <space>", "twice"),
        ("-0.4 <s>", "low <s>", "a number"),
        ("-0.4 <s>", "nan <s>", "not finite"),
        ("-0.5 a -0.2", "-0.5 a nan", "not finite"),
        ("-0.5 a -0.2", "-0.5 a inf", "not finite"),
        ("\\end\\", "", "expected"),
        ("<unk>", "<s>", "some 1-gram stands twice"),
    ],
)
def test_a_broken_file_is_told_with_its_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = tmp_path / "a.arpa"
    path.write_text(SMALL.replace(old, new))
    with pytest.raises(LanguageModelError, match=message):
        load_model(path)


def test_an_ngram_without_its_beginning_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.arpa"
    text = SMALL.replace("ngram 2=2", "ngram 2=2\nngram 3=1")
    path.write_text(text.replace("\n\\end\\", "\n\\3-grams:\n-0.2 <space> a a\n\n\\end\\"))
    with pytest.raises(LanguageModelError, match="not among the shorter"):
        load_model(path)


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.arpa"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(LanguageModelError, match="UTF-8"):
        load_model(path)

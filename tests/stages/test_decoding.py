from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Optional

import numpy as np
import pytest
from numpy.typing import NDArray

from htrlib.bundle import write_bundle
from htrlib.decoding.alignment import log_probability
from htrlib.decoding.beam_search import beam_search
from htrlib.decoding.decoding_options import DecodingOptions
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box, LineStrip
from htrlib.document.results import LogProbs
from htrlib.errors import BundleNotFoundError, CharsetError, ConfigError, LanguageModelError
from htrlib.language import Lexicon, NGramModel
from htrlib.language.estimation import estimate
from htrlib.language.files import save_model
from htrlib.language.scoring import Content, Scorer
from htrlib.stages.decoding import decode, decode_lines, read_line

VECTORS = Path(__file__).parents[3] / "shared" / "data" / "vectors"
VECTOR_SYMBOLS = " !\"#&'()*+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHARSET = Charset(tuple("abctehi "))
MODEL_TEXT = ["the cat ate the tea", "a cat bit the hat"] * 5


def log_softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values - np.logaddexp.reduce(values, axis=1, keepdims=True)


def frames_for(text: str, doubts: Optional[Dict[int, Dict[str, float]]] = None) -> LogProbs:
    """A line that writes a text, a blank after each character, on a strip 10 pixels a frame.

    Args:
        doubts: position -> character -> probability there.
    """
    classes = len(CHARSET) + 1
    probabilities = np.full((2 * len(text), classes), 1e-6)
    for position, character in enumerate(text):
        for symbol, p in (doubts or {}).get(position, {character: 1.0}).items():
            probabilities[2 * position, CHARSET.encode(symbol)[0]] = p
        probabilities[2 * position + 1, -1] = 1.0
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    strip = LineStrip.from_box(Box(100, 50, 100 + 20 * len(text), 90))
    return LogProbs(np.log(probabilities).astype(np.float32), CHARSET, strip)


@pytest.fixture(scope="module")
def model() -> NGramModel:
    return estimate(MODEL_TEXT, order=4)


@pytest.fixture(scope="module")
def iam_line() -> NDArray[np.float64]:
    path = VECTORS / "iam_line.csv"
    if not path.is_file():
        pytest.skip(f"the published CTC vectors are not at {path}")
    with path.open() as file:
        rows = [[float(value) for value in row if value] for row in csv.reader(file, delimiter=";")]
    return log_softmax(np.array(rows))


class PublishedBigrams(Scorer):
    """The character bigrams of a short corpus, unsmoothed, as the vectors' results used them."""

    corpus = "family, fake friend like of the the the"

    def first(self) -> Content:
        return ""

    def score(self, content: Content, label: int) -> float:
        if not content:
            return 0.01 * math.log(1 / len(VECTOR_SYMBOLS))
        pairs = list(zip(self.corpus, self.corpus[1:]))
        count = pairs.count((content, VECTOR_SYMBOLS[label]))
        of = sum(first == content for first, _ in pairs)
        return 0.01 * math.log(count / of) if count else -math.inf

    def next(self, content: Content, label: int) -> Content:
        return VECTOR_SYMBOLS[label]


class TestPublishedVectors:
    charset = Charset(tuple(VECTOR_SYMBOLS))
    two_frames = np.log(np.array([[0.4, 0.0, 0.6], [0.4, 0.0, 0.6]]) + 1e-300)

    def test_two_frames_by_best_path(self) -> None:
        assert decode(self.two_frames, charset=Charset.from_text("ab"), method="greedy").text == ""

    def test_two_frames_by_beam_search(self) -> None:
        charset = Charset.from_text("ab")
        found = decode(self.two_frames, charset=charset, language_model=None)
        assert found.text == "a"
        assert math.exp(found.log_prob) == pytest.approx(0.64)

    def test_line_by_best_path(self, iam_line: NDArray[np.float64]) -> None:
        found = decode(iam_line, charset=self.charset, method="greedy")
        assert found.text == "the fak friend of the fomly hae tC"

    @pytest.mark.parametrize("pruning", [None, -6.0])
    def test_line_by_beam_search(
        self, iam_line: NDArray[np.float64], pruning: Optional[float]
    ) -> None:
        found = decode(iam_line, charset=self.charset, language_model=None, pruning=pruning)
        assert found.text == "the fak friend of the fomcly hae tC"

    @pytest.mark.parametrize(
        ("text", "cost"),
        [
            ("the fake friend of the family, like the", 28.090721774903223),
            ("the fak friend of the fomly hae tC", 11.709801582637603),
            ("the fak friend of the fomcly hae tC", 11.54056051986272),
        ],
    )
    def test_probability_of_a_text(
        self, iam_line: NDArray[np.float64], text: str, cost: float
    ) -> None:
        labels = self.charset.encode(text)
        assert -log_probability(iam_line, labels) == pytest.approx(cost, abs=1e-9)

    def test_line_with_bigrams(self, iam_line: NDArray[np.float64]) -> None:
        found = beam_search(iam_line, 25, None, PublishedBigrams()).hypotheses
        best = max(found, key=lambda h: h.log_prob + (h.score - h.log_prob) / max(1, len(h.labels)))
        assert self.charset.decode(best.labels) == "the fake friend of the family, lie th"


@pytest.mark.parametrize("method", ["beam", "greedy"])
def test_words_come_with_frames_and_boxes(method: str) -> None:
    found = decode(frames_for("the cat"), method=method, language_model=None)
    assert found.text == "the cat"
    assert [word.text for word in found.words] == ["the", "cat"]
    the, cat = found.words
    assert the.start_frame == 0 and cat.end_frame == 14
    assert the.end_frame <= 7 <= cat.start_frame
    assert the.box is not None and the.box.left == 100
    assert the.box.right == pytest.approx(100 + 10 * the.end_frame)
    assert (the.box.top, the.box.bottom) == (50, 90)
    assert found.characters == () and found.alternatives == ()


@pytest.mark.parametrize("method", ["beam", "greedy"])
def test_characters_come_on_request(method: str) -> None:
    found = decode(frames_for("a cat"), method=method, language_model=None, characters=True)
    assert "".join(character.text for character in found.characters) == "acat"
    boxes = [character.box for character in found.characters]
    assert all(box is not None for box in boxes)
    lefts = [box.left for box in boxes if box is not None]
    assert lefts == sorted(lefts)


@pytest.mark.parametrize("method", ["beam", "greedy"])
def test_doubtful_words_have_a_lower_confidence(method: str) -> None:
    line = frames_for("the cat", {4: {" ": 1.0}, 5: {"a": 0.7, "e": 0.3}})
    # The bundle's calibration would change the figures.
    sure, doubtful = read_line(line, DecodingOptions(method=method)).words
    assert sure.confidence > 0.99
    assert doubtful.confidence == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("method", ["beam", "greedy"])
def test_a_line_of_blanks_is_empty(method: str) -> None:
    values = np.log([[1e-9] * len(CHARSET) + [1 - 8e-9]] * 5)
    found = decode(values, charset=CHARSET, method=method, language_model=None)
    assert (found.text, found.words) == ("", ())
    assert found.confidence == pytest.approx(1.0)


def test_a_single_frame_is_read() -> None:
    values = np.log([[0.9, 0.05, 0.05]])
    assert decode(values, charset=Charset.from_text("ab"), language_model=None).text == "a"


def test_a_plain_array_has_no_boxes() -> None:
    found = decode(frames_for("tea").values, charset=CHARSET, language_model=None)
    assert found.words[0].box is None


def test_the_language_model_decides_where_the_frames_do_not(model: NGramModel) -> None:
    line = frames_for("the cat", {5: {"e": 0.55, "a": 0.45}})
    assert decode(line, language_model=None).text == "the cet"
    assert decode(line, language_model=model).text == "the cat"
    assert decode(line, language_model=model, lm_weight=0.0).text == "the cet"


def test_a_model_without_weight_is_none(model: NGramModel) -> None:
    line = frames_for("the cat", {5: {"e": 0.55, "a": 0.45}})
    plain = decode(line, language_model=None)
    without = decode(line, language_model=model, lm_weight=0.0, insertion_bonus=3.0)
    assert (without.text, without.words) == (plain.text, plain.words)


@pytest.mark.parametrize("bonus", [-100.0, 15.0, 100.0])
def test_the_largest_bonus_leaves_no_range_of_numbers(model: NGramModel, bonus: float) -> None:
    line = frames_for("the cat bit a bee " * 6)
    assert isinstance(decode(line, language_model=model, insertion_bonus=bonus).text, str)


def test_the_bonus_prefers_longer_readings(model: NGramModel) -> None:
    line = frames_for("a tea", {4: {"a": 0.3}})  # the rest is spread over the other classes
    values = line.values.copy()
    values[8] = np.log(1e-6)
    values[8, CHARSET.encode("a")[0]], values[8, -1] = np.log(0.45), np.log(0.55)
    read = {
        bonus: decode(values, charset=CHARSET, language_model=model, insertion_bonus=bonus).text
        for bonus in (-3.0, 3.0)
    }
    assert read == {-3.0: "a te", 3.0: "a tea"}


def test_a_model_file_may_be_named(model: NGramModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "a.lm")
    line = frames_for("the cat", {5: {"e": 0.55, "a": 0.45}})
    assert decode(line, language_model=tmp_path / "a.lm").text == "the cat"
    assert decode(line, language_model=str(tmp_path / "a.lm")).text == "the cat"


def test_a_charset_with_characters_unknown_to_the_model_decodes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = estimate(["at a tab"], order=2)
    with caplog.at_level("INFO", logger="htrlib"):
        assert decode(frames_for("the cat"), language_model=model).text == "the cat"
    assert "does not know 4 of the charset's 8 characters" in caplog.text
    assert "cehi" in caplog.text


def test_a_lexicon_prefers_its_words() -> None:
    line = frames_for("the cat", {5: {"e": 0.6, "a": 0.4}})
    assert decode(line, language_model=None, lexicon=["the", "cat"]).text == "the cat"
    assert decode(line, language_model=None, lexicon=["the", "bat"]).text == "the cet"


def test_a_strict_lexicon_allows_nothing_else() -> None:
    line = frames_for("the cat", {5: {"e": 0.99, "a": 0.01}})
    lexicon = Lexicon(["the", "cat"], escape_penalty=math.inf)
    assert decode(line, language_model=None, lexicon=lexicon).text == "the cat"


def test_lexicon_and_language_model_work_together(model: NGramModel) -> None:
    line = frames_for("the cat", {4: {"h": 0.5, "c": 0.3, "b": 0.2}})
    assert decode(line, language_model=model, lexicon=["the", "bat"]).text == "the bat"


def test_alternatives_are_the_next_best_with_their_probabilities() -> None:
    line = frames_for("cat", {1: {"a": 0.6, "e": 0.3, "i": 0.1}})
    found = decode(line, language_model=None, n_best=3)
    assert [text for text, _ in found.alternatives] == ["cet", "cit"]
    assert [math.exp(p) for _, p in found.alternatives] == pytest.approx([0.3, 0.1], abs=1e-3)


def test_an_alternative_differs_in_more_than_white_space_at_its_ends() -> None:
    charset = Charset((" ", "a", "b"))
    frames = np.log([[1e-4, 0.6, 0.3, 0.0999], [0.45, 1e-4, 1e-4, 0.5498]])
    found = decode(frames, charset=charset, language_model=None, n_best=4)
    assert found.text == "a"
    texts = [text for text, _ in found.alternatives]
    assert "b" in texts and len({found.text, *texts}) == 1 + len(texts)


def test_the_blank_may_stand_elsewhere_in_a_plain_array() -> None:
    line = frames_for("tea")
    values = np.roll(line.values, 1, axis=1)
    assert decode(values, charset=CHARSET, blank_index=0, language_model=None).text == "tea"


GOOD = frames_for("tea").values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.where(GOOD.max() == GOOD, np.nan, GOOD), "contains NaN"),
        (np.where(GOOD.max() == GOOD, np.inf, GOOD), "contains \\+inf"),
        (GOOD + 1, "sum to 2.718, expected 1"),
        (np.full_like(GOOD, -np.inf), "sum to 0, expected 1"),
        (GOOD[:0], "at least one frame, found none"),
        (GOOD[:, :-1], "found 8"),
        (GOOD[0], "array of floats"),
        (GOOD.astype(int), "array of floats"),
    ],
)
def test_values_that_are_no_log_probabilities_are_errors(
    values: NDArray[Any], message: str
) -> None:
    with pytest.raises((ConfigError, CharsetError), match=message):
        decode(values, charset=CHARSET, language_model=None)
    with pytest.raises((ConfigError, CharsetError), match=message):
        again = LogProbs(values, CHARSET)
        decode(replace(frames_for("tea"), again=again), language_model=None)
    lines = [frames_for("tea"), LogProbs(values, CHARSET)]
    for language_model in (None, "bundled"):
        with pytest.raises((ConfigError, CharsetError), match=message):
            decode_lines(lines, language_model=language_model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_width": 0}, "beam_width must be at least 1, found 0"),
        ({"n_best": 0}, "n_best must be at least 1"),
        ({"method": "viterbi"}, "found 'viterbi'"),
        ({"lm_weight": -1.0}, "lm_weight must be at least 0"),
        ({"lm_weight": math.nan}, "lm_weight must be at least 0"),
        ({"insertion_bonus": math.inf}, "insertion_bonus must be from -100 to 100"),
        ({"beam_width": 2.5}, "beam_width must be a whole number"),
        ({"pruning": 1.0}, "at most 0"),
        ({"blank_index": 9}, "blank_index must be from 0 to 8, found 9"),
        ({"blank_index": -1}, "found -1"),
    ],
)
def test_options_that_cannot_work_are_errors(options: Dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        decode(GOOD, charset=CHARSET, **{"language_model": None, **options})


def test_a_plain_array_needs_a_charset() -> None:
    with pytest.raises(CharsetError, match="pass charset="):
        decode(GOOD)


def test_another_charset_than_the_lines_own_is_an_error() -> None:
    with pytest.raises(CharsetError, match="leave out charset"):
        decode(frames_for("tea"), charset=Charset.from_text("ab"))


def test_a_second_look_in_another_charset_is_an_error() -> None:
    again = replace(frames_for("tea"), charset=Charset.from_text("12345678"))
    with pytest.raises(CharsetError, match="same charset"):
        decode(replace(frames_for("tea"), again=again), language_model=None)


def test_a_language_model_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LanguageModelError, match="there is no language model at missing"):
        decode(GOOD, charset=CHARSET, language_model="missing.lm")


class TestBundleDefaults:
    @staticmethod
    def write(path: Path, decoding: Dict[str, Any], model: Optional[NGramModel] = None) -> Path:
        files = {}
        if model is not None:
            save_model(model, path.with_suffix(".lm"))
            files["words.lm"] = path.with_suffix(".lm").read_bytes()
            decoding = {**decoding, "language_models": {"en": "words.lm"}}
        config = {"name": "t", "version": "1", "networks": {}, "decoding": decoding}
        write_bundle(path, config, CHARSET, {}, files)
        return path

    def test_the_model_and_its_weights_are_the_bundles(
        self, tmp_path: Path, model: NGramModel
    ) -> None:
        line = frames_for("the cat", {5: {"e": 0.55, "a": 0.45}})
        heavy = self.write(tmp_path / "heavy", {"lm_weight": 0.5, "insertion_bonus": 0.5}, model)
        light = self.write(tmp_path / "light", {"lm_weight": 0.0}, model)
        assert decode(line, bundle=heavy).text == "the cat"
        assert decode(line, bundle=light).text == "the cet"
        assert decode(line, bundle=light, lm_weight=0.5).text == "the cat"
        assert decode(line, bundle=heavy, language_model=None).text == "the cet"

    def test_a_bundle_without_a_model_decodes_without(self, tmp_path: Path) -> None:
        bundle = self.write(tmp_path / "bare", {})
        assert decode(frames_for("tea"), bundle=bundle).text == "tea"

    def test_its_temperature_and_calibration_change_confidences_only(self, tmp_path: Path) -> None:
        line = frames_for("cat", {1: {"a": 0.8, "e": 0.2}})
        bundle = self.write(
            tmp_path / "calibrated",
            {"calibration": {"weights": {"posterior": 0.5}, "bias": 0.0, "line_exponent": 0.5}},
        )
        found = decode(line, bundle=bundle)
        assert found.text == "cat"
        assert found.words[0].confidence == pytest.approx(2 / 3, abs=0.01)
        assert found.confidence == pytest.approx(math.sqrt(2 / 3), abs=0.01)
        warm = self.write(tmp_path / "warm", {"temperature": 2.0})
        assert decode(line, bundle=warm).words[0].confidence < 0.75

    def test_a_bundle_that_is_not_there_is_an_error(self) -> None:
        with pytest.raises(BundleNotFoundError):
            decode(frames_for("tea"), bundle="nowhere")


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_probabilities_that_sum_to_a_little_more_than_one_make_none_above_one(method: str) -> None:
    values = np.full((500, 3), -30.0)
    values[:, 2] = 0.0009  # within the tolerance
    read = decode(values, charset=Charset((" ", "a")), method=method, language_model=None)
    assert read.log_prob <= 0.0
    assert read.confidence <= 1.0


@pytest.mark.parametrize("space", ["\u00a0", "\u3000"])
def test_words_beside_other_spaces_than_the_usual_one_are_as_sure(space: str) -> None:
    labels = [1, 3, 0, 3, 1, 3]  # "a a"
    values = np.log(np.where(np.eye(4)[labels] > 0, 0.97, 0.01))
    usual, other = (
        decode(values, charset=Charset((symbol, "a", "b")), language_model=None)
        for symbol in (" ", space)
    )
    assert [word.text for word in other.words] == ["a", "a"]
    ours, theirs = ([word.confidence for word in read.words] for read in (usual, other))
    assert theirs == pytest.approx(ours)


def test_all_lines_are_read_with_a_lexicon_that_can_be_iterated_once() -> None:
    lines = [frames_for("hat", {1: {"a": 0.45, "e": 0.55}})] * 2
    words = iter(["hat", "tea"])
    read = decode_lines(lines, language_model=None, lexicon=words)
    assert [line.text for line in read] == ["hat", "hat"]


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_white_space_at_the_ends_is_left_out(method: str) -> None:
    labels = [0, 1, 0]  # " a "
    values = np.log(np.where(np.eye(3)[labels] > 0, 0.98, 0.01)).astype(np.float32)
    read = decode(values, charset=Charset((" ", "a")), method=method)
    assert read.text == "a"
    assert [word.text for word in read.words] == ["a"]


def test_a_line_recognized_twice_has_the_text_that_both_support() -> None:
    unsure = frames_for("hat", {1: {"a": 0.45, "e": 0.55}})
    sure = replace(frames_for("hat", {1: {"a": 0.9, "e": 0.1}}), strip=None)
    assert decode(unsure, language_model=None).text == "het"
    read = decode(replace(unsure, again=sure), language_model=None)
    assert read.text == "hat"
    assert [word.text for word in read.words] == ["hat"]
    assert decode(replace(unsure, again=sure), method="greedy").text == "het"

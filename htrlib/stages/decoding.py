"""Fourth stage: decode log-probabilities to text, words and confidences."""

from __future__ import annotations

import functools
import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterable, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.decoding.alignment import align
from htrlib.decoding.beam_search import Hypothesis, beam_search
from htrlib.decoding.best_path import best_path
from htrlib.decoding.calibration import word_evidence
from htrlib.decoding.capitals import read_in_capitals
from htrlib.decoding.decoding_options import (
    DecodingOptions,
    bundled_models,
    bundled_options,
    cached_model,
)
from htrlib.decoding.defaults import BEAM, BEAM_WIDTH, GREEDY, PRUNING
from htrlib.decoding.input_checks import as_log_probs, check_classes
from htrlib.decoding.looks import Look, most_supported
from htrlib.decoding.model_choice import fitting_model
from htrlib.decoding.spans import (
    Span,
    character_extents,
    locate,
    peak_probabilities,
    word_posteriors,
    word_ranges,
)
from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs, Transcription, Word
from htrlib.language.internal import pair_scores
from htrlib.language.lexicon import Lexicon, LexiconScorer
from htrlib.language.ngram import NGramModel
from htrlib.language.scoring import LanguageModelScorer, Scorer

if TYPE_CHECKING:
    from htrlib.bundle import Bundle

BUNDLED = "bundled"

_logger = logging.getLogger(__name__)


def decode(
    log_probs: Union[LogProbs, NDArray[np.floating[Any]]],
    *,
    charset: Optional[Charset] = None,
    method: str = BEAM,
    beam_width: int = BEAM_WIDTH,
    language_model: Union[NGramModel, str, Path, None] = BUNDLED,
    lm_weight: Optional[float] = None,
    insertion_bonus: Optional[float] = None,
    pruning: Optional[float] = PRUNING,
    lexicon: Union[Lexicon, Iterable[str], None] = None,
    n_best: int = 1,
    characters: bool = False,
    blank_index: Optional[int] = None,
    bundle: Union[str, Path, Bundle, None] = None,
) -> Transcription:
    """Decode the log-probabilities of a line.

    Args:
        log_probs: the result of `recognize_line`, or a (T, C) array of natural-log probabilities.
            Of the texts of a line that was recognized twice, the beam search returns the one that
            both recognitions support most; see `most_supported`, also for how words count that the
            language model does not know.
        charset: the symbols of a plain array's columns, without the blank.
        method: "beam" or "greedy".
        beam_width: number of hypotheses that the search keeps.
        language_model: "bundled" for the bundle's (of several, the one that fits the line; none
            where it has none), None, a file, or a model.
        lm_weight: weight of the model's natural-log probabilities; None means the bundle's.
        insertion_bonus: added for each character; None means the bundle's.
        pruning: in each frame, classes below this natural-log probability are left out, and
            prefixes further below the best one than this; None leaves out none.
        lexicon: words to prefer.
        n_best: number of texts to return; those after the best are `alternatives`.
        characters: also return characters with their frames and confidences.
        blank_index: the blank's column in a plain array, if it is not the last.
        bundle: supplies the default language model, weights and calibration.
    Raises:
        CharsetError: the charset is missing, or does not match the number of classes.
        ConfigError: the values are not log-probabilities, or an option is invalid.
        LanguageModelError: the language model cannot be read.
        BundleError: the bundle cannot be read.

    >>> import numpy as np
    >>> frames = np.log([[0.4, 0.0001, 0.5999], [0.4, 0.0001, 0.5999]])
    >>> decode(frames, charset=Charset.from_text("ab"), language_model=None).text
    'a'
    """
    line = as_log_probs(log_probs, charset, blank_index)
    defaults = bundled_options(bundle, with_model=False)
    model: Optional[NGramModel] = None
    if isinstance(language_model, NGramModel) or language_model is None:
        model = language_model
    elif language_model != BUNDLED:
        model = cached_model(Path(language_model))
    elif method == BEAM:
        model = bundled_model([line], bundle)
    options = replace(
        defaults,
        method=method,
        beam_width=beam_width,
        language_model=model,
        lm_weight=defaults.lm_weight if lm_weight is None else lm_weight,
        insertion_bonus=defaults.insertion_bonus if insertion_bonus is None else insertion_bonus,
        pruning=pruning,
        lexicon=_as_lexicon(lexicon),
        n_best=n_best,
        characters=characters,
    )
    return read_line(line, options)


def decode_lines(
    lines: Sequence[LogProbs],
    *,
    bundle: Union[str, Path, Bundle, None] = None,
    language_model: Union[NGramModel, str, Path, None] = BUNDLED,
    lexicon: Union[Lexicon, Iterable[str], None] = None,
    **options: Any,
) -> Tuple[Transcription, ...]:
    """Read the lines of a page or passage, which is in one language.

    Lines in capitals get no small letters, see `htrlib.decoding.capitals`, unless by the greedy
    method.

    Args:
        language_model: see `decode`; of the bundle's models, the one that fits all lines together.
        lexicon: words to prefer.
        options: further options of `decode`.
    Raises:
        CharsetError, ConfigError, LanguageModelError, BundleError: see `decode`.
    """
    for line in lines:
        check_classes(line)
    if options.get("method") != GREEDY:
        lines = read_in_capitals(lines)
        if language_model == BUNDLED:
            language_model = bundled_model(lines, bundle)
    words = _as_lexicon(lexicon)  # once, for all lines
    return tuple(
        decode(line, bundle=bundle, language_model=language_model, lexicon=words, **options)
        for line in lines
    )


def bundled_model(
    lines: Sequence[LogProbs], bundle: Union[str, Path, Bundle, None] = None
) -> Optional[NGramModel]:
    """Return the bundle's language model that fits a page's lines best; None if it has none."""
    options = bundled_options(bundle, with_model=False)

    def score(line: LogProbs, model: NGramModel) -> float:
        _, found = _searched(line, replace(options, language_model=model))
        # None where values are no log-probabilities, which `decode` reports.
        return found.hypotheses[0].score if found.hypotheses else -math.inf

    return fitting_model(bundled_models(bundle), lines, score)


def _as_lexicon(words: Union[Lexicon, Iterable[str], None]) -> Optional[Lexicon]:
    return words if words is None or isinstance(words, Lexicon) else Lexicon(words)


def read_line(line: LogProbs, options: DecodingOptions) -> Transcription:
    """Read a line whose log-probabilities have been checked; `decode` does both."""
    if options.method == GREEDY:
        return _read_greedy(line, options)
    return read_with_evidence(line, options)[0]


def read_with_evidence(
    line: LogProbs, options: DecodingOptions
) -> Tuple[Transcription, Tuple[Tuple[float, ...], ...]]:
    """Read a line by beam search, and give what its words' confidences rest on.

    Returns:
        The transcription and, for each of its words, the evidence that
        :func:`htrlib.decoding.calibration.fit_calibration` takes.
    """
    looks = [line] if line.again is None else [line, line.again]
    model = options.model
    known = frozenset() if model is None or options.lexicon is not None else model.words
    line, found = most_supported([_searched(look, options) for look in looks], known)
    best, *others = found.hypotheses
    text = line.charset.decode(best.labels)
    spans = align(line.values, best.labels)
    peaks = peak_probabilities(line.values, best.labels, spans)
    ranges = word_ranges(text)
    language = np.zeros(len(text)) if model is None else model.character_scores(text, before=" ")
    posteriors = word_posteriors(found, line.charset, text, ranges, spans)
    evidence = tuple(
        word_evidence(posterior, peaks[first:last], language[first:last])
        for posterior, (first, last) in zip(posteriors, ranges)
    )
    confidences = options.calibration.words(evidence)
    extents = character_extents(spans, len(line.values))
    transcription = Transcription(
        text=text.strip(),
        log_prob=best.log_prob,
        confidence=options.calibration.line(confidences) if ranges else math.exp(best.log_prob),
        words=locate(line, text, extents, ranges, confidences),
        characters=_characters(line, text, extents, peaks) if options.characters else (),
        alternatives=_alternatives(line.charset, text.strip(), others, options.n_best - 1),
    )
    return transcription, evidence


def _searched(line: LogProbs, options: DecodingOptions) -> Look:
    line = _tempered(line, options.temperature)
    scorer = _scorer(line.charset, options)
    return line, beam_search(line.values, options.beam_width, options.pruning, scorer)


def _alternatives(
    charset: Charset, best: str, others: Sequence[Hypothesis], most: int
) -> Tuple[Tuple[str, float], ...]:
    """Other texts than the best, each once: some differ in white space at their ends alone."""
    found: Dict[str, float] = {}
    for other in others:
        if len(found) == most:
            break
        text = charset.decode(other.labels).strip()
        if text != best:
            found.setdefault(text, other.log_prob)
    return tuple(found.items())


def _read_greedy(line: LogProbs, options: DecodingOptions) -> Transcription:
    """Decode the best path. A word's confidence is the product of its characters' probabilities."""
    line = _tempered(line, options.temperature)
    path = best_path(line.values)
    text = line.charset.decode(path.labels)
    peaks = peak_probabilities(line.values, path.labels, path.spans)
    ranges = word_ranges(text)
    confidences = [float(np.prod(peaks[first:last])) for first, last in ranges]
    extents = character_extents(path.spans, len(line.values))
    return Transcription(
        text=text.strip(),
        log_prob=path.log_prob,
        confidence=math.prod(confidences) if ranges else math.exp(path.log_prob),
        words=locate(line, text, extents, ranges, confidences),
        characters=_characters(line, text, extents, peaks) if options.characters else (),
    )


def _characters(
    line: LogProbs, text: str, extents: Sequence[Span], peaks: NDArray[np.float64]
) -> Tuple[Word, ...]:
    positions = [position for position, symbol in enumerate(text) if not symbol.isspace()]
    ranges = [(position, position + 1) for position in positions]
    return locate(line, text, extents, ranges, peaks[positions].tolist())


def _scorer(charset: Charset, options: DecodingOptions) -> Scorer:
    scorer = Scorer()
    if options.model is not None:
        weights = options.lm_weight, options.insertion_bonus, options.internal_weight
        scorer = _model_scorer(options.model, options.internal_model, charset, *weights)
    if options.lexicon is not None:
        scorer = LexiconScorer(options.lexicon, charset, scorer)
    return scorer


@functools.lru_cache(maxsize=8)
def _model_scorer(
    model: NGramModel,
    internal: Optional[NGramModel],
    charset: Charset,
    weight: float,
    bonus: float,
    internal_weight: float,
) -> LanguageModelScorer:
    """Kept from line to line, for it remembers what it worked out."""
    unknown = model.unknown(charset.symbols)
    if unknown:
        _logger.info(
            "the language model does not know %d of the charset's %d characters and scores them "
            "at its floor: %s",
            len(unknown),
            len(charset),
            "".join(unknown),
        )
    pairs = None
    if internal is not None and internal_weight > 0:
        pairs = pair_scores(internal, charset, internal_weight)
    return LanguageModelScorer(model, charset, weight, bonus, pairs)


def _tempered(line: LogProbs, temperature: float) -> LogProbs:
    """The line with its log-probabilities divided by the temperature, rows summing to one."""
    if temperature == 1.0:
        return line
    values = line.values / np.float32(temperature)
    peaks = values.max(axis=1, keepdims=True)
    sums = np.exp(values - peaks).sum(axis=1, keepdims=True)
    return replace(line, values=values - peaks - np.log(sums))

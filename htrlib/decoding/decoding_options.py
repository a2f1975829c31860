"""Decoding options and their defaults."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Optional, Tuple, Union

from htrlib.decoding.calibration import UNCALIBRATED, Calibration
from htrlib.decoding.defaults import BEAM_WIDTH, METHODS, PRUNING
from htrlib.errors import BundleError, BundleNotFoundError, ConfigError
from htrlib.language.files import load_model
from htrlib.language.lexicon import Lexicon
from htrlib.language.ngram import NGramModel

if TYPE_CHECKING:
    from htrlib.bundle import Bundle

LARGEST_BONUS = 100.0
"""A natural log: larger ones leave the range of numbers."""

LM_WEIGHT = 0.5
INSERTION_BONUS = 1.2


@dataclass(frozen=True)
class DecodingOptions:
    """Options of decoding.

    Attributes:
        method: "beam", or "greedy": the most probable class of each frame, without a model.
        beam_width: number of prefixes that the search keeps.
        language_model: language model, or None.
        lm_weight: weight of the language model's natural-log probabilities.
        insertion_bonus: added for each character, to offset the model's preference for short text.
        pruning: in each frame, skip classes below this natural-log probability; None prunes
            nothing.
        internal_model: model of the texts that the recognizer was trained on, or None; counts only
            beside a language model.
        internal_weight: weight with which its natural-log probabilities are taken off; see
            `htrlib.language.internal`.
        lexicon: lexicon, or None.
        n_best: number of texts to return, including the best one.
        characters: also return characters with their frames and confidences.
        temperature: divisor of the log-probabilities.
        calibration: maps evidence to confidences.
    """

    method: str = "beam"
    beam_width: int = BEAM_WIDTH
    language_model: Optional[NGramModel] = None
    lm_weight: float = LM_WEIGHT
    insertion_bonus: float = INSERTION_BONUS
    pruning: Optional[float] = PRUNING
    internal_model: Optional[NGramModel] = None
    internal_weight: float = 0.0
    lexicon: Optional[Lexicon] = None
    n_best: int = 1
    characters: bool = False
    temperature: float = 1.0
    calibration: Calibration = UNCALIBRATED

    @property
    def model(self) -> Optional[NGramModel]:
        """The language model, unless it has no weight."""
        return self.language_model if self.lm_weight > 0 else None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"method must be one of {', '.join(METHODS)}, found {self.method!r}")
        leasts = {"beam_width": 1, "n_best": 1, "lm_weight": 0.0, "internal_weight": 0.0}
        for name, least in leasts.items():
            value = getattr(self, name)
            if isinstance(least, int) and not isinstance(value, Integral):
                raise ConfigError(f"{name} must be a whole number, found {value!r}")
            if not least <= value < math.inf:
                raise ConfigError(f"{name} must be at least {least}, found {value}")
        if not 0 < self.temperature < math.inf:
            raise ConfigError(f"temperature must be above 0, found {self.temperature}")
        if not abs(self.insertion_bonus) <= LARGEST_BONUS:
            raise ConfigError(
                f"insertion_bonus must be from -{LARGEST_BONUS:g} to {LARGEST_BONUS:g}, found "
                f"{self.insertion_bonus}"
            )
        if self.pruning is not None and not self.pruning <= 0:
            raise ConfigError(
                f"pruning must be a natural-log probability, at most 0, or None; found "
                f"{self.pruning}"
            )


def bundled_options(
    bundle: Union[str, Path, Bundle, None] = None, with_model: bool = True
) -> DecodingOptions:
    """Return a bundle's decoding options, or the defaults if there is no bundle.

    Args:
        bundle: a name, a path, a bundle, or None for the default bundle, if it exists.
        with_model: also load the first of the bundle's language models.
    """
    loaded = _loaded(bundle)
    if loaded is None:
        return DecodingOptions()
    config: Mapping[str, Any] = loaded.decoding
    models = bundled_models(loaded) if with_model else ()
    return DecodingOptions(
        method=config.get("method", "beam"),
        language_model=models[0] if models else None,
        calibration=_calibration(loaded),
        lm_weight=loaded.decoding_number("lm_weight", LM_WEIGHT),
        insertion_bonus=loaded.decoding_number("insertion_bonus", INSERTION_BONUS),
        internal_model=_internal_model(loaded),
        internal_weight=loaded.decoding_number("internal_weight", 0.0),
        temperature=loaded.decoding_number("temperature", 1.0),
    )


def bundled_models(bundle: Union[str, Path, Bundle, None] = None) -> Tuple[NGramModel, ...]:
    """Load a bundle's language models, the most common language first; see `bundled_options`."""
    loaded = _loaded(bundle)
    if loaded is None:
        return ()
    files: Mapping[str, str] = loaded.decoding.get("language_models", {})
    return tuple(cached_model(loaded.file(file)) for file in files.values())


def _calibration(bundle: Bundle) -> Calibration:
    if "calibration" not in bundle.decoding:
        return UNCALIBRATED
    try:
        return Calibration.from_dict(bundle.decoding["calibration"])
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"bundle {bundle.label} in {bundle.directory}: decoding.calibration in its "
            f"configuration is invalid ({type(error).__name__}: {error}); copy the bundle again"
        ) from error


def _internal_model(bundle: Bundle) -> Optional[NGramModel]:
    file = bundle.decoding.get("internal_model")
    return None if file is None else cached_model(bundle.file(str(file)))


def _loaded(bundle: Union[str, Path, Bundle, None]) -> Optional[Bundle]:
    from htrlib.bundle import load_bundle  # imported here, so that decoding alone needs no bundle

    try:
        return load_bundle(bundle)
    except BundleNotFoundError:
        if bundle is not None:
            raise
        return None


def cached_model(path: Path) -> NGramModel:
    """Load a language model, or return it from the cache if its file has not changed.

    Raises:
        LanguageModelError: the file does not exist or is not a language model.
    """
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return _read_model(path, changed)


@functools.lru_cache(maxsize=8)
def _read_model(path: Path, changed: int) -> NGramModel:
    return load_model(path)

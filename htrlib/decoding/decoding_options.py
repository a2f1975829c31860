"""The options of decoding and their defaults."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Optional, Tuple, Union

from htrlib.decoding.calibration import UNCALIBRATED, Calibration
from htrlib.decoding.defaults import BEAM_WIDTH, METHODS, PRUNING
from htrlib.errors import BundleNotFoundError, ConfigError
from htrlib.language.files import load_model
from htrlib.language.lexicon import Lexicon
from htrlib.language.ngram import NGramModel

if TYPE_CHECKING:
    from htrlib.bundle import Bundle

LM_WEIGHT = 0.5
INSERTION_BONUS = 1.2


@dataclass(frozen=True)
class DecodingOptions:
    """All that decoding depends on besides the log-probabilities.

    Attributes:
        method: "beam", or "greedy": the likeliest class of each frame, without a model.
        beam_width: how many prefixes the search keeps.
        language_model: or None.
        lm_weight: of the language model's natural-log probabilities.
        insertion_bonus: added for each character, against the model's preference for short text.
        pruning: in each frame, classes below this natural-log probability are left out; None
            leaves out none.
        lexicon: or None.
        n_best: how many readings to give, the best one included.
        characters: give the characters with their frames and confidences as well.
        temperature: what log-probabilities are divided by before all else.
        calibration: turns evidence into confidences.
    """

    method: str = "beam"
    beam_width: int = BEAM_WIDTH
    language_model: Optional[NGramModel] = None
    lm_weight: float = LM_WEIGHT
    insertion_bonus: float = INSERTION_BONUS
    pruning: Optional[float] = PRUNING
    lexicon: Optional[Lexicon] = None
    n_best: int = 1
    characters: bool = False
    temperature: float = 1.0
    calibration: Calibration = UNCALIBRATED

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ConfigError(f"method is one of {', '.join(METHODS)}, found {self.method!r}")
        for name, least in (("beam_width", 1), ("n_best", 1), ("lm_weight", 0.0)):
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise ConfigError(f"{name} is at least {least}, found {value}")
        if not 0 < self.temperature < math.inf:
            raise ConfigError(f"temperature is above 0, found {self.temperature}")
        if not math.isfinite(self.insertion_bonus):
            raise ConfigError(f"insertion_bonus is a finite number, found {self.insertion_bonus}")
        if self.pruning is not None and not self.pruning <= 0:
            raise ConfigError(
                f"pruning is a natural-log probability, 0 or less, or None; found {self.pruning}"
            )


def bundled_options(
    bundle: Union[str, Path, Bundle, None] = None, with_model: bool = True
) -> DecodingOptions:
    """The options that a bundle holds; the library's own where there is no bundle.

    Args:
        bundle: a name, a path, a bundle, or None: the default one, where it is there.
        with_model: load the first of the bundle's language models as well.
    """
    loaded = _loaded(bundle)
    if loaded is None:
        return DecodingOptions()
    config: Mapping[str, Any] = loaded.decoding
    models = bundled_models(loaded) if with_model else ()
    return DecodingOptions(
        method=config.get("method", "beam"),
        language_model=models[0] if models else None,
        calibration=(
            Calibration.from_dict(config["calibration"])
            if "calibration" in config
            else UNCALIBRATED
        ),
        lm_weight=float(config.get("lm_weight", LM_WEIGHT)),
        insertion_bonus=float(config.get("insertion_bonus", INSERTION_BONUS)),
        temperature=float(config.get("temperature", 1.0)),
    )


def bundled_models(bundle: Union[str, Path, Bundle, None] = None) -> Tuple[NGramModel, ...]:
    """A bundle's language models, the most common language first; see `bundled_options`."""
    loaded = _loaded(bundle)
    if loaded is None:
        return ()
    files: Mapping[str, str] = loaded.decoding.get("language_models", {})
    return tuple(cached_model(loaded.file(file)) for file in files.values())


def _loaded(bundle: Union[str, Path, Bundle, None]) -> Optional[Bundle]:
    from htrlib.bundle import load_bundle  # here, so that decoding alone needs no bundle

    try:
        return load_bundle(bundle)
    except BundleNotFoundError:
        if bundle is not None:
            raise
        return None


def cached_model(path: Path) -> NGramModel:
    """A language model, from memory where its file has not changed since it was last read.

    Raises:
        LanguageModelError: there is no such file, or no model in it.
    """
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return _read_model(path, changed)


@functools.lru_cache(maxsize=8)
def _read_model(path: Path, changed: int) -> NGramModel:
    return load_model(path)

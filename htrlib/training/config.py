"""Training options."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Mapping, Optional

from htrlib.errors import ConfigError
from htrlib.training.batches.augmentation import LineAugmentation

CHARSETS = ("extend", "keep", "data")
LANGUAGE_MODELS = ("learn", "keep")

# Options that may change when a run is resumed: none of them affects the steps taken so far.
FREE_ON_RESUME = (
    "epochs",
    "minutes",
    "patience",
    "language_model",
    "bfloat16",
    "workers",
    "checkpoint_minutes",
)


@dataclass(frozen=True)
class TrainerConfig:
    """Training options. The defaults suit fine-tuning on a few thousand lines.

    Attributes:
        epochs: maximum number of passes over the training data.
        minutes: maximum training time, earlier runs included; None is unlimited. If time runs out
            before the epochs do, the learning rate falls by the clock.
        patience: stop after this many epochs without a better validation score; None never does.
        batch_columns: input columns per batch on each device (all cores of a CPU are one device);
            networks that find writing use `batch_crops` instead.
        batch_crops: page crops per batch on each device.
        crops_per_page: crops taken from each page in an epoch.
        learning_rate: peak learning rate.
        warmup: steps over which the learning rate rises to its peak; at most a tenth of all steps.
        flat: fraction of the training before the learning rate falls along half a cosine.
        weight_decay: decoupled weight decay per step, multiplied by the learning rate, as in AdamW.
        clip: maximum norm of a batch's mean gradient.
        average: decay of the weights' moving average, which is what is saved.
        extra_head: weight of the recognizer's second CTC head in the loss; None is 0.1 from
            scratch, and 0 for a recognizer that can read, which a new head holds back.
        dropout: the recognizer's dropout; None keeps its own.
        freeze_batch_statistics: normalize by the initial running means, and keep them.
        bfloat16: compute most of the recognizer's convolutions in bfloat16, on a CPU; None does
            where the CPU has instructions for it.
        augmentation: random changes to line pictures, as JSON such as {"slant": 0.2}, or "off".
        charset: the recognizer's characters: "extend" adds those of the training data to those of
            `init`, "keep" uses those of `init`, "data" uses those of the training data.
        language_model: "learn" mixes the texts of the training data into the model of `init`,
            weighted to suit the validation data; "keep" leaves the model as it is.
        seed: random seed.
        workers: processes that prepare batches; 0 prepares them between steps; None is half the
            cores.
        checkpoint_minutes: minutes between checkpoints within an epoch.
    """

    epochs: int = 30
    minutes: Optional[float] = None
    patience: Optional[int] = 8
    batch_columns: int = 9216
    batch_crops: int = 4
    crops_per_page: int = 4
    learning_rate: float = 6e-4
    warmup: int = 200
    flat: float = 0.3
    weight_decay: float = 1e-4
    clip: float = 4.0
    average: float = 0.999
    extra_head: Optional[float] = None
    dropout: Optional[float] = None
    freeze_batch_statistics: bool = False
    bfloat16: Optional[bool] = None
    augmentation: Optional[LineAugmentation] = field(default_factory=LineAugmentation)
    charset: str = field(default="extend", metadata={"choices": CHARSETS})
    language_model: str = field(default="learn", metadata={"choices": LANGUAGE_MODELS})
    seed: int = 1
    workers: Optional[int] = None
    checkpoint_minutes: float = 1.0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            _check(name, getattr(self, name), f"at least {least:g}", least.__le__)
        for name in ("minutes", "learning_rate", "clip"):
            _check(name, getattr(self, name), "above 0", lambda value: value > 0)
        _check("seed", self.seed, "below 2**32", lambda value: value < 2**32)
        for name in ("flat", "average", "dropout"):
            _check(name, getattr(self, name), "from 0 to below 1", lambda value: 0 <= value < 1)
        for name, choices in (("charset", CHARSETS), ("language_model", LANGUAGE_MODELS)):
            found = getattr(self, name)
            if found not in choices:
                raise ConfigError(f"{name} must be one of {', '.join(choices)}, found {found!r}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainerConfig:
        """Create a configuration from names and values; values may be strings.

        "none" or "" stands for None. An augmentation is "off", or JSON with its values.

        Raises:
            ConfigError: an option does not exist, or its value is invalid.

        >>> TrainerConfig.from_dict({"epochs": "3", "minutes": "none", "dropout": "0.2"}).dropout
        0.2
        """
        kinds = {field.name: str(field.type) for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - set(kinds))
        if unknown:
            raise ConfigError(
                f"unknown training option {', '.join(unknown)}; known: {', '.join(sorted(kinds))}"
            )
        return cls(**{name: _parsed(name, kinds[name], value) for name, value in values.items()})

    def to_dict(self) -> Dict[str, Any]:
        """Return the options as JSON values."""
        return dataclasses.asdict(self)

    @property
    def processes(self) -> int:
        """Number of processes that prepare batches."""
        return max(1, (os.cpu_count() or 1) // 2) if self.workers is None else self.workers


_LEAST: Dict[str, float] = {
    "epochs": 1.0,
    "patience": 1.0,
    "batch_columns": 1.0,
    "batch_crops": 1.0,
    "crops_per_page": 1.0,
    "warmup": 0.0,
    "weight_decay": 0.0,
    "extra_head": 0.0,
    "seed": 0.0,
    "workers": 0.0,
    "checkpoint_minutes": 0.0,
}


def _check(name: str, value: Any, expected: str, holds: Callable[[Any], bool]) -> None:
    if value is not None and not (math.isfinite(value) and holds(value)):
        raise ConfigError(f"{name} must be {expected}, found {value}")


def _parsed(name: str, kind: str, value: Any) -> Any:
    """Convert a value, possibly a string, to the type of its option."""
    if kind.startswith("Optional["):
        kind = kind[len("Optional[") : -1]
        nothing = ("", "none") if kind == "bool" else ("", "none", "off")
        if value is None or (isinstance(value, str) and value.lower() in nothing):
            return None
    try:
        return _PARSERS[kind](value)
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{name} must be of type {kind}, found {value!r} ({error})") from None


def _flag(value: Any) -> bool:
    return {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}[
        str(value).lower()
    ]


def _augmentation(value: Any) -> LineAugmentation:
    if isinstance(value, LineAugmentation):
        return value
    if isinstance(value, str):
        value = {} if value.lower() in ("on", "default") else json.loads(value)
    numbers = dict(value)
    known = [field.name for field in dataclasses.fields(LineAugmentation)]
    unknown = sorted(set(numbers) - set(known))
    if unknown:
        raise ConfigError(
            f"an augmentation has no {', '.join(map(repr, unknown))}; it has {', '.join(known)}"
        )
    margins = numbers.pop("margins", LineAugmentation.margins)
    low, high = (float(margin) for margin in margins)
    return LineAugmentation(
        **{name: float(number) for name, number in numbers.items()}, margins=(low, high)
    )


_PARSERS: Dict[str, Callable[[Any], Any]] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": _flag,
    "LineAugmentation": _augmentation,
}

"""The options of a training."""

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

# What may differ between a run and its continuation: none of it changes what a step does.
FREE_ON_RESUME = (
    "epochs",
    "minutes",
    "patience",
    "language_model",
    "workers",
    "checkpoint_minutes",
)


@dataclass(frozen=True)
class TrainerConfig:
    """How to train; the defaults fit fine-tuning on a few thousand lines.

    Attributes:
        epochs: passes over the training data, at most.
        minutes: of training in all, resumed runs included, at most; None is no limit. The learning
            rate falls by the clock then, if that ends sooner than the epochs.
        patience: epochs without a better validation score before training stops; None is never.
        batch_columns: input columns in a batch on each device, a CPU with all its cores being one;
            pages count by crops instead.
        batch_crops: crops of pages in a batch on each device.
        crops_per_page: crops that an epoch takes of each page.
        learning_rate: at its peak.
        warmup: steps in which the learning rate rises to it.
        flat: share of the training before it falls, along half a cosine.
        weight_decay: as in AdamW: of each weight, times the learning rate, in a step.
        clip: the largest norm of a batch's mean gradient.
        average: share of the old weights in their moving average, which is what is kept.
        extra_head: weight of the recognizer's second CTC head in the loss.
        dropout: of the recognizer, instead of its own; None leaves that.
        freeze_batch_statistics: normalize by the running means of the start, and keep them.
        augmentation: how line pictures are changed; None leaves them as they are.
        charset: of the recognizer: "extend" adds the characters of the training data to those of
            `init`; "keep" has those of `init` alone; "data" has those of the training data alone.
        language_model: of the bundle: "learn" adds the texts of the training data to that of
            `init`, as much as suits the validation data; "keep" leaves it as it is.
        seed: of everything random.
        workers: processes that prepare batches; 0 does it between steps; None is half the cores.
        checkpoint_minutes: between checkpoints in the midst of an epoch.
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
    extra_head: float = 0.1
    dropout: Optional[float] = None
    freeze_batch_statistics: bool = False
    augmentation: Optional[LineAugmentation] = field(default_factory=LineAugmentation)
    charset: str = "extend"
    language_model: str = "learn"
    seed: int = 1
    workers: Optional[int] = None
    checkpoint_minutes: float = 5.0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            _check(name, getattr(self, name), f"at least {least:g}", least.__le__)
        for name in ("minutes", "learning_rate", "clip"):
            _check(name, getattr(self, name), "above 0", lambda value: value > 0)
        _check("seed", self.seed, "below 2**32", lambda value: value < 2**32)
        for name in ("flat", "average", "dropout"):
            _check(name, getattr(self, name), "from 0 to below 1", lambda value: 0 <= value < 1)
        for name, choices in (("charset", CHARSETS), ("language_model", LANGUAGE_MODELS)):
            if getattr(self, name) not in choices:
                found = getattr(self, name)
                raise ConfigError(f"{name} is one of {', '.join(choices)}, found {found!r}")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainerConfig:
        """The options of names and values; values may be strings, as hyperparameters are.

        "none" (or "") is None, "off" is no augmentation; JSON gives the numbers of one.

        Raises:
            ConfigError: there is no such option, or its value cannot work.

        >>> TrainerConfig.from_dict({"epochs": "3", "minutes": "none", "dropout": "0.2"}).dropout
        0.2
        """
        kinds = {field.name: str(field.type) for field in dataclasses.fields(cls)}
        unknown = sorted(set(values) - set(kinds))
        if unknown:
            raise ConfigError(
                f"no option {', '.join(unknown)} of training; there are {', '.join(sorted(kinds))}"
            )
        return cls(**{name: _parsed(name, kinds[name], value) for name, value in values.items()})

    def to_dict(self) -> Dict[str, Any]:
        """Plain values, as JSON holds them."""
        return dataclasses.asdict(self)

    @property
    def processes(self) -> int:
        """How many processes prepare batches."""
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
        raise ConfigError(f"{name} is {expected}, found {value}")


def _parsed(name: str, kind: str, value: Any) -> Any:
    """A value of the kind that an option has, from a string where it is one."""
    if kind.startswith("Optional["):
        if value is None or (isinstance(value, str) and value.lower() in ("", "none", "off")):
            return None
        kind = kind[len("Optional[") : -1]
    try:
        return _PARSERS[kind](value)
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigError(f"{name} is of the kind {kind}, found {value!r} ({error})") from None


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

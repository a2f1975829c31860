from __future__ import annotations

import pytest

from htrlib import ConfigError, TrainerConfig
from htrlib.training.batches.augmentation import LineAugmentation


def test_strings_give_what_values_give():
    config = TrainerConfig.from_dict(
        {
            "epochs": "7",
            "minutes": "12.5",
            "patience": "none",
            "freeze_batch_statistics": "true",
            "augmentation": '{"slant": 0.1, "margins": [0, 0.1]}',
            "charset": "keep",
        }
    )
    assert config == TrainerConfig(
        epochs=7,
        minutes=12.5,
        patience=None,
        freeze_batch_statistics=True,
        augmentation=LineAugmentation(slant=0.1, margins=(0.0, 0.1)),
        charset="keep",
    )
    assert TrainerConfig.from_dict({"augmentation": "off"}).augmentation is None
    assert TrainerConfig.from_dict({"augmentation": "on"}) == TrainerConfig()


@pytest.mark.parametrize(
    ("value", "expected"), [("off", False), ("on", True), ("none", None), (False, False)]
)
def test_a_choice_left_to_the_machine_can_be_switched_off(value, expected):
    assert TrainerConfig.from_dict({"bfloat16": value}).bfloat16 is expected


def test_a_configuration_survives_its_dictionary():
    config = TrainerConfig(dropout=0.2, workers=3)
    assert TrainerConfig.from_dict(config.to_dict()) == config
    assert config.processes == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, found 0"),
        ({"learning_rate": 0.0}, "learning_rate must be above 0"),
        ({"minutes": float("nan")}, "minutes must be above 0"),
        ({"average": 1.0}, "average must be from 0 to below 1"),
        ({"charset": "new"}, "charset must be one of extend, keep, data"),
        ({"workers": -1}, "workers must be at least 0"),
    ],
)
def test_values_that_cannot_work_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        TrainerConfig(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epoch": "1"}, "unknown training option epoch; known: augmentation"),
        ({"epochs": "1.5"}, "epochs must be of type int, found '1.5'"),
        ({"freeze_batch_statistics": "perhaps"}, "of type bool"),
        ({"augmentation": '{"slat": 1}'}, "of type LineAugmentation"),
    ],
)
def test_hyperparameters_that_are_none_are_named(options, message):
    with pytest.raises(ConfigError, match=message):
        TrainerConfig.from_dict(options)

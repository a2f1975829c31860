from __future__ import annotations

import pytest

from htrlib.training.checkpoint import Progress
from htrlib.training.config import TrainerConfig
from htrlib.training.loop import Run


def rate(step: int, batches: int, clock: float = 0.0, **options) -> float:
    """The learning rate at a step of a run of ten epochs, after some seconds."""
    run = Run.__new__(Run)
    run._config = TrainerConfig(epochs=10, learning_rate=1.0, **options)
    run._clock = clock
    run.progress = Progress(step=step, epoch=step // batches)
    return run._rate((step % batches) / batches, batches)


def test_the_learning_rate_of_a_short_run_rises_in_a_tenth_of_it():
    rates = [rate(step, batches=2) for step in range(20)]
    assert rates[:3] == pytest.approx([0.5, 1.0, 1.0])
    assert rates[-1] < 0.2


def test_the_learning_rate_of_a_long_run_rises_in_the_steps_of_the_option():
    assert rate(49, batches=1000, warmup=100) == pytest.approx(0.5)
    assert rate(99, batches=1000, warmup=100) == pytest.approx(1.0)


@pytest.mark.parametrize(("clock", "expected"), [(15.0, 0.5), (30.0, 1.0), (60.0, 1.0)])
def test_the_learning_rate_rises_in_a_tenth_of_the_minutes(clock, expected):
    assert rate(5, 1000, clock, minutes=5.0) == pytest.approx(expected)

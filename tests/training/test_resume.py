from __future__ import annotations

import json
import signal
import time

import numpy as np
import pytest

from htrlib.training.checkpoint import read_checkpoint

OPTIONS = {
    "epochs": 2,
    "batch_columns": 256,
    "dropout": 0.3,
    "warmup": 4,
    "workers": 1,
    "checkpoint_minutes": 0.0,  # after each step
}


@pytest.fixture
def start(tmp_path, launch):
    """Start a training in a folder of that name."""
    return lambda name: launch("tests.training.program", tmp_path / name, json.dumps(OPTIONS))


def step_of(directory):
    saved = read_checkpoint(directory / "last.npz")
    return saved[1]["progress"]["step"] if saved else 0


def wait_for_step(directory, step):
    for _ in range(45000):  # a quarter of an hour: machines can be busy
        if step_of(directory) >= step:
            return
        time.sleep(0.02)
    pytest.fail(f"step {step} was not reached")


def test_a_training_that_is_stopped_and_killed_goes_on_as_if_it_had_not_been(tmp_path, start):
    whole = start("whole")
    cut = start("cut")
    wait_for_step(tmp_path / "cut", 2)
    cut.send_signal(signal.SIGTERM)
    out, _ = cut.communicate()
    assert cut.returncode == 0
    assert out.endswith("ended: interrupted\n")
    stopped_at = step_of(tmp_path / "cut")

    cut = start("cut")
    wait_for_step(tmp_path / "cut", stopped_at + 2)
    cut.send_signal(signal.SIGKILL)
    cut.communicate()
    killed_at = step_of(tmp_path / "cut")
    assert read_checkpoint(tmp_path / "cut" / "last.npz")[1]["progress"]["batch"] > 0

    out, _ = start("cut").communicate()
    assert out.endswith("ended: epochs\n")
    whole.communicate()
    arrays, numbers = read_checkpoint(tmp_path / "whole" / "last.npz")
    others, other_numbers = read_checkpoint(tmp_path / "cut" / "last.npz")
    assert stopped_at < killed_at < numbers["progress"]["step"], "it was over before it was killed"
    assert arrays.keys() == others.keys()
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], others[name], err_msg=name)
    for progress in (numbers["progress"], other_numbers["progress"]):
        del progress["seconds"]
    assert numbers == other_numbers

from __future__ import annotations

import json
import signal

import numpy as np
import pytest

from htrlib.training.checkpoint import read_checkpoint

pytestmark = pytest.mark.slow

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
    """Start a training in a folder; optionally send it a signal before a step."""
    options = json.dumps(OPTIONS)
    return lambda name, *at: launch("tests.training.program", tmp_path / name, options, *at)


def progress_of(directory):
    return read_checkpoint(directory / "last.npz")[1]["progress"]


def test_a_training_that_is_stopped_and_killed_goes_on_as_if_it_had_not_been(tmp_path, start):
    whole = start("whole")
    cut = start("cut", signal.SIGTERM.value, 0)
    out, _ = cut.communicate()
    assert cut.returncode == 0
    assert out.endswith("ended: interrupted\n")
    assert progress_of(tmp_path / "cut")["step"] == 3

    cut = start("cut", signal.SIGKILL.value, 5)
    cut.communicate()
    assert cut.returncode == -signal.SIGKILL
    killed_at = progress_of(tmp_path / "cut")
    assert killed_at["step"] == 5
    assert killed_at["batch"] > 0, "in the middle of an epoch"

    out, _ = start("cut").communicate()
    assert out.endswith("ended: epochs\n")
    whole.communicate()
    arrays, numbers = read_checkpoint(tmp_path / "whole" / "last.npz")
    others, other_numbers = read_checkpoint(tmp_path / "cut" / "last.npz")
    assert numbers["progress"]["step"] == 8
    assert arrays.keys() == others.keys()
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], others[name], err_msg=name)
    for progress in (numbers["progress"], other_numbers["progress"]):
        del progress["seconds"]
    assert numbers == other_numbers

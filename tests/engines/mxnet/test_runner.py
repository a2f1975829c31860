from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest

from htrlib.bundle import load_bundle
from htrlib.engines.mxnet import runner
from htrlib.engines.mxnet.framework import gluon
from htrlib.errors import BundleMismatchError

ARRAYS = [
    np.random.default_rng(seed).random((2, 1, 16, width), dtype=np.float32)
    for seed, width in enumerate((32, 48, 64, 32))
]


@pytest.fixture
def block(tiny_bundle: Path) -> Any:
    return load_bundle(tiny_bundle).engine("mxnet", "cpu").network("line-recognition")


def exit_status(pid: int) -> int:
    """Return the exit status of a child, which is killed after 20 seconds."""
    killer = threading.Timer(20, os.kill, (pid, 9))
    killer.start()
    _, status = os.waitpid(pid, 0)
    killer.cancel()
    return status


def test_eight_threads_get_what_one_gets(block: Any) -> None:
    expected = [runner.run(block, array) for array in ARRAYS]
    wrong: List[int] = []

    def work(start: int) -> None:
        for turn in range(12):
            index = (start + turn) % len(ARRAYS)
            if not np.array_equal(runner.run(block, ARRAYS[index]), expected[index]):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_gets_what_its_parent_gets(block: Any) -> None:
    expected = runner.run(block, ARRAYS[0])
    pid = os.fork()
    if pid == 0:
        os._exit(0 if np.array_equal(runner.run(block, ARRAYS[0]), expected) else 1)
    assert exit_status(pid) == 0
    assert np.array_equal(runner.run(block, ARRAYS[0]), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12: has threads
def test_a_child_forked_while_a_thread_runs_the_network_is_not_stuck(block: Any) -> None:
    expected = runner.run(block, ARRAYS[0])
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            runner.run(block, ARRAYS[0])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                os._exit(0 if np.array_equal(runner.run(block, ARRAYS[0]), expected) else 1)
            assert exit_status(pid) == 0
    finally:
        done.set()
        thread.join()


def test_a_network_of_two_outputs_gives_both() -> None:
    class Twice(gluon.HybridBlock):
        def __init__(self) -> None:
            super().__init__()
            self.dense = gluon.nn.Dense(2, in_units=3)

        def hybrid_forward(self, F: Any, x: Any) -> Any:  # noqa: N803 - Gluon's name
            y = self.dense(x)
            return y, 2 * y

    twice = Twice()
    runner.set_parameters(
        twice,
        {"dense.weight": np.ones((2, 3), dtype=np.float16), "dense.bias": np.zeros(2)},
        "cpu",
    )
    one, two = runner.run_all(twice, np.ones((1, 3), dtype=np.float32))
    np.testing.assert_array_equal(one, [[3, 3]])
    np.testing.assert_array_equal(two, [[6, 6]])


def test_parameters_of_another_rank_do_not_fit() -> None:
    dense = gluon.nn.Dense(2, in_units=3)
    arrays = {"weight": np.ones((2, 3, 1)), "bias": np.zeros(2)}
    with pytest.raises(BundleMismatchError, match="weight"):
        runner.set_parameters(dense, arrays, "cpu")

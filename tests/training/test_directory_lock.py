from __future__ import annotations

import os
import subprocess
import sys

import pytest

from htrlib.errors import TrainingError
from htrlib.training.directory_lock import LOCK, locked


def test_a_second_training_is_refused_with_the_number_of_the_first(tmp_path):
    told = pytest.raises(TrainingError, match=rf"process {os.getpid()}\)")
    with locked(tmp_path), told, locked(tmp_path):
        pass


def test_a_directory_is_free_again_afterwards(tmp_path):
    for _ in range(2):
        with locked(tmp_path):
            assert (tmp_path / LOCK).read_text() == f"{os.getpid()}\n"
    assert not (tmp_path / LOCK).exists()


def test_a_lock_that_a_killed_process_left_locks_nothing(tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from htrlib.training.directory_lock import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)])
    assert done.returncode < 0
    assert (tmp_path / LOCK).exists()
    with locked(tmp_path):
        pass

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from htrlib.reading.parallel import read_files

PROGRAM = """
import os, sys, time
from pathlib import Path
from types import SimpleNamespace
from htrlib.reading.parallel import read_files

def transcribe(path):
    sys.stdout.write(f"{os.getpid()}\\n")
    sys.stdout.flush()
    time.sleep(600)

engine = SimpleNamespace(parallel="processes", device="cpu")
pipeline = SimpleNamespace(transcribe=transcribe)
list(read_files([Path("a"), Path("b")], pipeline, engine, 2))
"""


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] != "Z"  # one that ended may wait to be collected


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="looks for processes in /proc")
@pytest.mark.usefixtures("heeded_hangups")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_reading_processes_end_with_the_one_that_started_them(name):
    first = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    readers = [int(first.stdout.readline()) for _ in range(2)]
    assert all(map(runs, readers))
    first.send_signal(getattr(signal, name))
    first.wait(timeout=60)
    first.stdout.close()
    for _ in range(600):
        if not any(map(runs, readers)):
            return
        time.sleep(0.1)
    for reader in readers:
        os.kill(reader, signal.SIGKILL)
    pytest.fail("the reading processes outlive the first one")


def test_documents_that_nobody_waits_for_are_not_read_to_their_end(tmp_path):
    begun, pages = threading.Event(), []

    def transcribe(path, before_page):
        if path.name == "b":
            for number in range(1000):
                before_page()
                pages.append(number)
                begun.set()
                time.sleep(0.01)
        return path

    engine = SimpleNamespace(parallel="threads", device="cpu")
    pipeline = SimpleNamespace(transcribe=transcribe)
    outcomes = read_files([tmp_path / "a", tmp_path / "b"], pipeline, engine, 2)
    next(outcomes)
    begun.wait()
    outcomes.close()
    assert len(pages) < 1000


def test_threads_have_short_turns_while_they_read_and_no_longer(tmp_path):
    usual = sys.getswitchinterval()
    pipeline = SimpleNamespace(transcribe=lambda path, **_: sys.getswitchinterval())
    engine = SimpleNamespace(parallel="threads", device="cpu")
    paths = [tmp_path / "a", tmp_path / "b"]
    outcomes = list(read_files(paths, pipeline, engine, 2))
    assert [path for path, _ in outcomes] == paths
    assert all(interval < usual for _, interval in outcomes)
    assert sys.getswitchinterval() == usual

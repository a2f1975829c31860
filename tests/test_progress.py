from __future__ import annotations

import htrlib.progress
from htrlib.progress import Heartbeat, progress


def test_without_a_terminal_a_line_tells_how_far_it_is(monkeypatch, capsys):
    clock = iter([0.0, 10.0, 31.0, 40.0, 62.0, 95.0])
    monkeypatch.setattr(htrlib.progress.time, "monotonic", lambda: next(clock))
    assert list(progress("abcde", "cutting lines", 5)) == list("abcde")
    assert capsys.readouterr().err == "cutting lines: 2 of 5\ncutting lines: 4 of 5\n"


def test_what_is_short_says_nothing(capsys):
    assert list(progress(range(3), "counting", 3)) == [0, 1, 2]
    assert capsys.readouterr().err == ""


def test_a_heartbeat_counts_in_units_and_is_silent_at_the_end(monkeypatch, capsys):
    clock = iter([0.0, 31.0, 32.0, 90.0])
    monkeypatch.setattr(htrlib.progress.time, "monotonic", lambda: next(clock))
    heartbeat = Heartbeat("upload", 3000, "MB")
    for done in (1500, 1600, 3000):
        heartbeat.beat(done)
    assert capsys.readouterr().err == "upload: 1,500 of 3,000 MB\n"

from __future__ import annotations

from pathlib import Path

import pytest

import htrlib.progress
from htrlib.training.logs import Log


def test_a_long_epoch_tells_how_far_it_is_where_no_bar_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(htrlib.progress, "SECONDS", 0.0)
    log = Log(tmp_path)
    log.start_epoch(3, batches=12, done=9)
    for _ in range(3):
        log.advance(loss=0.5)
    log.end_epoch()
    assert capsys.readouterr().err == "epoch 3: 10 of 12 batches\nepoch 3: 11 of 12 batches\n"


def test_other_machines_than_the_first_say_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(None)
    log.start_epoch(0, batches=2, done=0)
    log.advance(loss=0.5)
    log.tell(["hello"])
    log.close()
    assert capsys.readouterr() == ("", "")

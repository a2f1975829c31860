"""Files name the time when they were written, or a given one."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from htrlib.formats.clock import written_at


def test_a_given_time_makes_files_reproducible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert written_at() == "1970-01-02T00:00:00+00:00"


@pytest.mark.parametrize("value", ["", "99999999999999", "yesterday", "9" * 400])
def test_what_is_no_time_is_not_taken(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    written = datetime.fromisoformat(written_at())
    assert abs((datetime.now(timezone.utc) - written).total_seconds()) < 60

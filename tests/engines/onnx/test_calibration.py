from __future__ import annotations

import numpy as np
import pytest

from htrlib.engines.onnx.calibration import calibration_inks

pytestmark = pytest.mark.slow


def test_inks_are_the_same_each_time_and_fit_the_networks() -> None:
    first, second = (calibration_inks("abcdefgh ", 32) for _ in range(2))
    assert len(first.lines) > 30 and len(first.pages) > 4
    for one, other in zip(first.lines + first.pages, second.lines + second.pages):
        np.testing.assert_array_equal(one, other)
    assert {line.shape[0] for line in first.lines} == {32}
    assert all(side % 64 == 0 for page in first.pages for side in page.shape)
    assert all(line.max() > 200 and np.median(line) < 100 for line in first.lines)


def test_symbols_that_no_font_draws_are_no_hindrance() -> None:
    assert calibration_inks("ab\u4e00\U0001f600", 64).lines

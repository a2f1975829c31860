"""What the notebooks draw."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.mark.parametrize("values", [{}, {1: 0.4}, {0: 0.0}, {1: 0.4, 2: 0.3, 7: 1.2}])
def test_a_curve_is_drawn_of_any_number_of_epochs(script, values):
    picture = script("pictures").draw_curve(values, "character error rate")
    assert picture.size == (700, 280)
    assert len(np.unique(np.asarray(picture))) > 2

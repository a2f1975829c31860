from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from htrlib.engines.mxnet import building, runner
from htrlib.engines.network_shapes import RecognizerConfig

CONFIG = RecognizerConfig(num_classes=7, stem=4, blocks=((6, (2, 2)), (8, (2, 1))), hidden=5)


def test_a_config_survives_its_dictionary() -> None:
    assert RecognizerConfig.from_dict(asdict(CONFIG)) == CONFIG


def test_a_config_of_an_older_bundle_has_two_lstms() -> None:
    older = {name: value for name, value in asdict(CONFIG).items() if name != "layers"}
    assert RecognizerConfig.from_dict(older).lstms == ("rnn1", "rnn2")


@pytest.mark.parametrize(("height", "rows"), [(32, 4), (33, 5), (8, 1)])
def test_features_have_as_many_rows_as_the_strides_leave(height: int, rows: int) -> None:
    assert CONFIG.rows(height) == rows


@pytest.mark.parametrize("width", [8, 31, 64])
def test_frames_are_the_columns_over_the_frame_width_rounded_up(width: int) -> None:
    block = building.build("line-recognition", asdict(CONFIG))
    block.initialize()
    logits = runner.run(block, np.zeros((2, 1, 32, width), np.float32))
    assert logits.shape == (2, -(-width // CONFIG.frame_width), 7)

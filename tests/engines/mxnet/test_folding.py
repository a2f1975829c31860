from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from htrlib.engines.mxnet import building, runner
from htrlib.engines.mxnet.framework import mx
from htrlib.engines.network_shapes import LabelerConfig


@pytest.mark.parametrize("shape", [(64, 96), (32, 32)])
def test_the_folded_labeler_gives_the_same_logits(shape: tuple[int, int]) -> None:
    labeler = building.build("paragraph", asdict(LabelerConfig(2, (4, 6, 8))))
    labeler.initialize(mx.init.Normal(0.3))
    ink = np.random.default_rng(3).random((2, 1, *shape), dtype=np.float32)
    runner.run(labeler, ink)
    for name, parameter in labeler._collect_params_with_prefix().items():
        if name.rsplit(".", 1)[1] in ("gamma", "beta", "running_mean", "running_var"):
            parameter.set_data(mx.nd.random.uniform(0.3, 1.5, parameter.shape))
    folded = building.for_inference(labeler)
    assert type(folded) is not type(labeler)
    expected = runner.run(labeler, ink)
    assert np.ptp(expected) > 0.1
    np.testing.assert_allclose(runner.run(folded, ink), expected, atol=1e-3, rtol=1e-4)

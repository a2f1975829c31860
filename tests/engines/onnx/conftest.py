"""Networks with random parameters, in the form that engines expect."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

import numpy as np
import pytest

from htrlib.document.charset import Charset

RECOGNIZER = {
    "num_classes": 4,
    "stem": 4,
    "blocks": [[6, [2, 2]], [8, [2, 1]], [8, [1, 1]]],
    "hidden": 5,
    "dropout": 0.0,
    "layers": 3,
    "height": 32,
}
LABELER = {"num_labels": 2, "channels": [4, 6, 8]}
DETECTOR = {
    "channels": [3, 4, 5, 6, 8],
    "sizes": [[20.0, 32.0], [36.0, 56.0], [72.0, 110.0]],
    "ratios": [[1.0, 2.0], [1.0, 2.0, 3.0], [1.0, 2.0]],
}
CONFIGS: Dict[str, Dict[str, Any]] = {
    "line-recognition": RECOGNIZER,
    "paragraph": LABELER,
    "line-segmentation": {"num_labels": 1, "channels": [4, 8]},
    "line-segmentation-handwriting": {"num_labels": 2, "channels": [4, 8]},
    "line-segmentation-ssd": DETECTOR,
}


@dataclass
class RandomNetworks:
    """Networks without a bundle; the test adds the graphs."""

    arrays: Dict[str, Dict[str, Any]]
    graphs: Dict[str, Path] = field(default_factory=dict)
    charset: Charset = field(default_factory=lambda: Charset.from_text("abc"))
    directory: Path = Path()

    def network_config(self, name: str) -> Mapping[str, Any]:
        return CONFIGS[name]

    def parameters(self, name: str) -> Dict[str, Any]:
        return self.arrays[name]

    def file(self, name: str) -> Path:
        raise AssertionError(f"no engine asks for {name}")

    def int8_graph(self, network: str) -> Optional[Path]:
        return self.graphs.get(network)


def random_parameters(name: str) -> Dict[str, Any]:
    """Parameters by their MXNet names, with values that make each of them matter."""
    from htrlib.engines.mxnet import building, runner

    config = CONFIGS[name]
    block = building.build(name, config)
    block.initialize()
    runner.run_all(block, np.zeros((1, 1, config.get("height", 64), 64), np.float32))
    rng = np.random.default_rng(5)
    arrays = {}
    for key, array in sorted(runner.get_parameters(block).items()):
        kind = key.rsplit(".", 1)[1]
        if kind in ("gamma", "running_var"):
            arrays[key] = rng.uniform(0.5, 1.5, array.shape).astype(np.float32)
        else:
            fan_in = max(1, int(np.prod(array.shape[1:])))
            arrays[key] = rng.normal(0, 1.2 / fan_in**0.5, array.shape).astype(np.float32)
    return arrays


@pytest.fixture(scope="session")
def random_networks() -> RandomNetworks:
    if importlib.util.find_spec("mxnet") is None:
        pytest.skip("MXNet, which names the parameters, is not installed")
    return RandomNetworks({name: random_parameters(name) for name in CONFIGS})

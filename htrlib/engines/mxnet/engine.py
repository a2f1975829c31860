"""The engine that runs networks with Apache MXNet."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.engines.mxnet import building, runner
from htrlib.engines.mxnet.line_reading import read_lines
from htrlib.engines.port import RECOGNIZER, WORDS, Ink, Networks


class MxnetEngine:
    """See `htrlib.engines.port.Engine`. Networks are built on first use and cached."""

    name = "mxnet"
    parallel = "processes"

    def __init__(self, networks: Networks, device: Optional[str] = None) -> None:
        context = runner.context(device)
        kind = context.device_type
        self.device = kind if kind == "cpu" else f"{kind}:{context.device_id}"
        self._networks = networks
        self._blocks: Dict[str, Any] = {}

    def label_pixels(self, network: str, ink: Ink) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = runner.run(self.network(network), _pixels(ink))[0]
        return logits

    def find_words(self, ink: Ink) -> Tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, offsets = runner.run_all(self.network(WORDS), _pixels(ink))
        return logits[0], offsets[0]

    def read_lines(self, lines: Sequence[Ink]) -> Tuple[NDArray[np.float32], ...]:
        return read_lines(self.network(RECOGNIZER), lines)

    def network(self, name: str) -> Any:
        """Return a network with its parameters, on the device.

        Raises:
            BundleMismatchError: the bundle lacks the network, or its parameters have other shapes.
        """
        with runner.lock:
            if name not in self._blocks:
                block = building.build(name, self._networks.network_config(name))
                runner.set_parameters(block, self._networks.parameters(name), self.device)
                block = building.for_inference(block)
                block.hybridize()
                self._blocks[name] = block
            return self._blocks[name]


def _pixels(ink: Ink) -> NDArray[np.float32]:
    """Convert ink to (1, 1, H, W) between 0 and 1."""
    return (ink / np.float32(255.0))[np.newaxis, np.newaxis]

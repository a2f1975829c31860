"""The page labeler in PyTorch: the same function and the same parameters as the bundle's."""

from __future__ import annotations

from typing import Dict, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

CHANNELS = (16, 32, 64, 96)
_NAMES = {"weight": "gamma", "bias": "beta"}  # of batch norms, here and in the bundle
_COUNTER = "num_batches_tracked"


def convolution(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A 3 x 3 convolution with batch normalization and a rectifier."""
    conv = nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.1), nn.ReLU(True))


class LabelerTwin(nn.Module):
    """(N, 1, H, W) ink between 0 and 1 -> (N, num_labels, H / 2, W / 2) logits."""

    def __init__(self, num_labels: int, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        self.down = nn.ModuleList()
        inputs = 1
        for depth, outputs in enumerate(channels):
            step = nn.Sequential(convolution(inputs, outputs, stride=2))
            if depth > 0:
                step.append(convolution(outputs, outputs))
            self.down.append(step)
            inputs = outputs
        self.middle = nn.Sequential(
            convolution(inputs, inputs, dilation=2), convolution(inputs, inputs, dilation=4)
        )
        self.up = nn.ModuleList()
        for outputs in reversed(channels[:-1]):
            self.up.append(convolution(inputs + outputs, outputs))
            inputs = outputs
        self.head = nn.Conv2d(inputs, num_labels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = []
        for step in self.down:
            x = step(x)
            features.append(x)
        x = self.middle(x)
        for step, skip in zip(self.up, reversed(features[:-1])):
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = step(torch.cat((x, skip), 1))
        return self.head(x)


def parameters_of(network: nn.Module) -> Dict[str, NDArray[np.float32]]:
    """The parameters under the names of a bundle's file."""
    found = {}
    for name, value in network.state_dict().items():
        if not name.endswith(_COUNTER):
            found[_bundle_name(name)] = value.detach().float().numpy()
    return found


def load_parameters(network: nn.Module, arrays: Mapping[str, NDArray[np.floating]]) -> None:
    """Take over a bundle's parameters; of a head with fewer labels, those that it has."""
    state = network.state_dict()
    for name, value in state.items():
        if not name.endswith(_COUNTER):
            given = torch.from_numpy(np.array(arrays[_bundle_name(name)], np.float32))
            rows = min(len(value), len(given)) if name.startswith("head.") else len(value)
            value[:rows] = given[:rows]
    network.load_state_dict(state)


def _bundle_name(name: str) -> str:
    """``down.0.0.1.weight`` -> ``down.0.0.1.gamma``: the second of three layers is a norm."""
    parent, _, kind = name.rpartition(".")
    if not parent.startswith("head") and parent.endswith(".1"):
        kind = _NAMES.get(kind, kind)
    return f"{parent}.{kind}"

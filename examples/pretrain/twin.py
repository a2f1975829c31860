"""The line recognizer in PyTorch, layer by layer as `htrlib.engines.mxnet.recognizer` has it.

PyTorch trains it one and a half to three times as fast on a CPU as MXNet, and on GPUs that MXNet
has no build for. `parameters_for_bundle` hands its weights to the bundle; a test holds that both
networks give the same output.
"""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple

import numpy as np
import torch
from fast_lstm import bidirectional
from fast_norm import normalized
from numpy.typing import NDArray
from torch import Tensor, nn

from htrlib.engines.network_shapes import RecognizerConfig


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut (He et al., 2016)."""

    def __init__(self, inputs: int, outputs: int, strides: Tuple[int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, strides, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = inputs != outputs or strides != (1, 1)
        if self.shortcut:
            self.conv3 = nn.Conv2d(inputs, outputs, 1, strides, bias=False)
            self.norm3 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = normalized(self.norm1, self.conv1(x))
        if self.shortcut:
            x = normalized(self.norm3, self.conv3(x), relu=False)
        return normalized(self.norm2, self.conv2(y), added=x)


class Dropout(nn.Module):
    """Dropout by random bytes, four times as fast on a CPU as PyTorch's by random floats.

    Args:
        share: of the numbers, which become 0; rounded to 256ths.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.below = round(share * 256)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.below:
            return x
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= self.below
        return x * (kept.to(x.dtype) * (256 / (256 - self.below)))


class TwinRecognizer(nn.Module):
    """(N, 1, H, W) ink in [0, 1] -> logits (N, W / 4, C) and those of the extra CTC head."""

    def __init__(self, config: RecognizerConfig) -> None:
        super().__init__()
        self.stem_conv = nn.Conv2d(1, config.stem, 3, 2, 1, bias=False)
        self.stem_norm = nn.BatchNorm2d(config.stem)
        blocks: List[nn.Module] = []
        channels = config.stem
        for outputs, strides in config.blocks:
            blocks.append(ResidualBlock(channels, outputs, strides))
            channels = outputs
        self.blocks = nn.ModuleList(blocks)
        self.dropout = Dropout(config.dropout)
        self.lstms = config.lstms
        inputs = channels
        for name in self.lstms:
            lstm = nn.LSTM(inputs, config.hidden, bidirectional=True)
            setattr(self, name, lstm)
            inputs = 2 * config.hidden
        self.head = nn.Linear(2 * config.hidden, config.num_classes)
        self.extra_head = nn.Linear(channels, config.num_classes)

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        x = normalized(self.stem_norm, self.stem_conv(x))  # (N, 24, H/2, W/2)
        for block in self.blocks:
            x = block(x)
        x = x.amax(2).permute(2, 0, 1).contiguous()  # (T, N, C)
        extra = self.extra_head(x)
        for name in self.lstms:
            x = bidirectional(getattr(self, name), self.dropout(x))
        return self.head(self.dropout(x)).transpose(0, 1), extra.transpose(0, 1)


_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "running_mean",
    "running_var": "running_var",
}


def parameters_for_bundle(state: Dict[str, Tensor]) -> Dict[str, NDArray[np.float32]]:
    """The Gluon parameter names and arrays of a twin's state; the extra head stays behind."""
    parameters = {}
    for name, value in state.items():
        owner, _, last = name.rpartition(".")
        if owner == "extra_head" or last == "num_batches_tracked":
            continue
        if "norm" in owner:
            last = _NORM[last]
        elif owner.startswith("rnn"):
            # weight_ih_l0_reverse -> _unfused.0.r_cell.i2h_weight; gates stand in the same order
            kind, gate, *direction = last.split("_")
            cell = "r_cell" if "reverse" in direction else "l_cell"
            last = f"_unfused.0.{cell}.{ {'ih': 'i2h', 'hh': 'h2h'}[gate] }_{kind}"
        parameters[f"{owner}.{last}"] = value.detach().cpu().numpy().astype(np.float32)
    return parameters


def mean_state(states: Sequence[Dict[str, Tensor]]) -> Dict[str, Tensor]:
    """The mean of weights that come of each other; it often reads better than any of them.

    After M. Wortsman et al., 2022, "Model soups: averaging weights of multiple fine-tuned models
    improves accuracy without increasing inference time".
    """
    first = states[0]
    return {
        name: torch.stack([state[name] for state in states]).mean(0)
        if first[name].is_floating_point()
        else first[name]
        for name in first
    }


def state_from_bundle(
    model: TwinRecognizer, parameters: Dict[str, NDArray[np.float32]]
) -> Dict[str, Tensor]:
    """The state of a twin with a bundle's parameters; what bundles lack stays as in `model`."""
    state = dict(model.state_dict())
    for name, current in model.state_dict().items():
        for gluon_name in parameters_for_bundle({name: current}):
            state[name] = torch.from_numpy(parameters[gluon_name])
    return state

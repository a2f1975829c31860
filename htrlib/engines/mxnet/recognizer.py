"""The line recognizer: residual convolutions, maximum over columns, bidirectional LSTMs, CTC."""

from __future__ import annotations

from typing import Any, Tuple

from htrlib.engines.mxnet.framework import gluon
from htrlib.engines.network_shapes import RecognizerConfig, Strides


class ResidualBlock(gluon.HybridBlock):
    """A residual block: two 3 x 3 convolutions and a shortcut.

    After K. He, X. Zhang, S. Ren, J. Sun, 2016, "Deep Residual Learning for Image Recognition".
    """

    def __init__(self, inputs: int, outputs: int, strides: Strides, training: bool = False) -> None:
        super().__init__()
        nn = gluon.nn
        # oneDNN stores features of this many channels in groups of 8, and gradients in groups of
        # 16; its batch norm is two hundred times slower on such a pair.
        self._regroup = training and inputs % 16 != 0 and outputs % 16 == 0
        self.conv1 = nn.Conv2D(outputs, 3, strides, 1, use_bias=False, in_channels=inputs)
        self.norm1 = nn.BatchNorm(in_channels=outputs)
        self.conv2 = nn.Conv2D(outputs, 3, 1, 1, use_bias=False, in_channels=outputs)
        self.norm2 = nn.BatchNorm(in_channels=outputs)
        self.shortcut = inputs != outputs or strides != (1, 1)
        if self.shortcut:
            self.conv3 = nn.Conv2D(outputs, 1, strides, use_bias=False, in_channels=inputs)
            self.norm3 = nn.BatchNorm(in_channels=outputs)

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # noqa: N803 - Gluon names it so
        # Activation, unlike relu, keeps features in oneDNN's memory layout.
        y = F.Activation(self.norm1(self._plain(F, self.conv1(x))), act_type="relu")
        y = self.norm2(self.conv2(y))
        if self.shortcut:
            x = self.norm3(self._plain(F, self.conv3(x)))
        return F.Activation(x + y, act_type="relu")

    def _plain(self, F: Any, x: Any) -> Any:  # noqa: N803 - Gluon names it so
        """Return features in plain layout, which oneDNN converts for the next layer."""
        return F.slice_axis(x, axis=0, begin=0, end=None) if self._regroup else x


class LineRecognizer(gluon.HybridBlock):
    """Maps (N, 1, H, W) ink between 0 and 1 to (N, T, C) logits, T = ceil(W / frame width).

    A second CTC head on the convolutional columns (`extra_head`) speeds up the first epochs of a
    new network; it is not stored in bundles.

    After A. Graves et al., 2006, "Connectionist Temporal Classification", and J. Puigcerver, 2017,
    "Are Multidimensional Recurrent Layers Really Necessary for Handwritten Text Recognition?".
    """

    def __init__(
        self, config: RecognizerConfig, training: bool = False, extra_head: bool = False
    ) -> None:
        super().__init__()
        self.frame_width, self.reach = config.frame_width, config.reach
        nn, rnn = gluon.nn, gluon.rnn
        self.stem_conv = nn.Conv2D(config.stem, 3, 2, 1, use_bias=False, in_channels=1)
        self.stem_norm = nn.BatchNorm(in_channels=config.stem)
        self.blocks = nn.HybridSequential()
        channels = config.stem
        for outputs, strides in config.blocks:
            self.blocks.add(ResidualBlock(channels, outputs, strides, training))
            channels = outputs
        hidden = config.hidden
        self.dropout = nn.Dropout(config.dropout)
        self._lstms = config.lstms
        inputs = channels
        for name in self._lstms:
            lstm = rnn.LSTM(hidden, layout="TNC", bidirectional=True, input_size=inputs)
            setattr(self, name, lstm)
            inputs = 2 * hidden
        self.head = nn.Dense(config.num_classes, flatten=False, in_units=2 * hidden)
        self.extra_head = (
            nn.Dense(config.num_classes, flatten=False, in_units=channels) if extra_head else None
        )

    @property
    def lstms(self) -> Tuple[Any, ...]:
        """The bidirectional LSTMs, the first one first."""
        return tuple(getattr(self, name) for name in self._lstms)

    def encode(self, F: Any, x: Any) -> Any:  # noqa: N803 - Gluon names it so
        """Map (N, 1, H, W) ink to (T, N, C) columns, the input of the LSTMs."""
        x = self.stem_norm(self.stem_conv(x))  # (N, C, H / 2, W / 2)
        x = F.Activation(x, act_type="relu")
        x = F.max(self.blocks(x), axis=2)  # (N, C, T)
        return F.transpose(x, axes=(2, 0, 1))

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # noqa: N803 - Gluon names it so
        columns = self.encode(F, x)
        x = columns
        for lstm in self.lstms:
            x = lstm(self.dropout(x))
        logits = F.transpose(self.head(self.dropout(x)), axes=(1, 0, 2))
        if self.extra_head is None:
            return logits
        return logits, F.transpose(self.extra_head(columns), axes=(1, 0, 2))

"""The line recognizer: residual convolutions, maximum over columns, bidirectional LSTMs, CTC."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple

from htrlib.engines.mxnet.framework import BFLOAT16, gluon
from htrlib.engines.network_shapes import RecognizerConfig, Strides


class TypedConvolution(gluon.nn.Conv2D):
    """A 3 x 3 or 1 x 1 convolution without bias that computes in a type of its own.

    Args:
        bfloat16: compute in bfloat16 where oneDNN is fast at it: between numbers of channels that
            are multiples of 16. With others, its code is slower than that of float32.
    """

    def __init__(
        self, outputs: int, kernel: int, strides: Strides, inputs: int, bfloat16: bool
    ) -> None:
        options = {"padding": kernel // 2, "use_bias": False, "in_channels": inputs}
        super().__init__(outputs, kernel, strides, **options)
        fast = inputs % 16 == 0 and outputs % 16 == 0
        self._type = (BFLOAT16 if fast else "float32") if bfloat16 else None

    def hybrid_forward(self, F: Any, x: Any, weight: Any) -> Any:  # noqa: N803 - Gluon names it so
        if self._type is not None:
            x, weight = (F.amp_cast(value, dtype=self._type) for value in (x, weight))
        return super().hybrid_forward(F, x, weight)


class ResidualBlock(gluon.HybridBlock):
    """A residual block: two 3 x 3 convolutions and a shortcut.

    After K. He, X. Zhang, S. Ren, J. Sun, 2016, "Deep Residual Learning for Image Recognition".
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        strides: Strides,
        training: bool = False,
        bfloat16: bool = False,
    ) -> None:
        super().__init__()
        nn = gluon.nn
        # oneDNN stores features of this many channels in groups of 8, and gradients in groups of
        # 16; its batch norm is two hundred times slower on such a pair.
        self._regroup = training and inputs % 16 != 0 and outputs % 16 == 0
        self.conv1 = TypedConvolution(outputs, 3, strides, inputs, bfloat16)
        self.norm1 = nn.BatchNorm(in_channels=outputs)
        self.conv2 = TypedConvolution(outputs, 3, (1, 1), outputs, bfloat16)
        self.norm2 = nn.BatchNorm(in_channels=outputs)
        self.shortcut = inputs != outputs or strides != (1, 1)
        if self.shortcut:
            self.conv3 = TypedConvolution(outputs, 1, strides, inputs, bfloat16)
            self.norm3 = nn.BatchNorm(in_channels=outputs)
        self._type = self.conv2._type

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # noqa: N803 - Gluon names it so
        # Activation, unlike relu, keeps features in oneDNN's memory layout.
        y = F.Activation(self.norm1(self._plain(F, self.conv1(x))), act_type="relu")
        y = self.norm2(self.conv2(y))
        if self.shortcut:
            x = self.norm3(self._plain(F, self.conv3(x)))
        if self._type is not None:
            x = F.amp_cast(x, dtype=self._type)
        return F.Activation(x + y, act_type="relu")

    def _plain(self, F: Any, x: Any) -> Any:  # noqa: N803 - Gluon names it so
        """Return features in plain layout, which oneDNN converts for the next layer."""
        return F.slice_axis(x, axis=0, begin=0, end=None) if self._regroup else x


class LineLSTM(gluon.rnn.LSTM):
    """A bidirectional LSTM along (T, N, C) columns. Gluon's own joins its parameters slowly.

    Args:
        inputs: features of a column.
        hidden: cells in each direction.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(hidden, layout="TNC", bidirectional=True, input_size=inputs)

    def _forward_kernel(self, F: Any, *inputs: Any, **parameters: Any) -> Any:  # noqa: N803
        x, states, _ = inputs
        names = [
            f"{direction}0_{gate}_{kind}"
            for kind in ("weight", "bias")
            for direction in "lr"
            for gate in ("i2h", "h2h")
        ]
        hidden = self._hidden_size
        vector = lstm_vector(F, [parameters[name] for name in names], hidden)
        options = {"state_size": hidden, "num_layers": 1, "mode": "lstm", "bidirectional": True}
        found = F.RNN(x, vector, *states, state_outputs=True, **options)
        return found[0], [found[1], found[2]]


def lstm_vector(F: Any, parameters: Sequence[Any], hidden: int) -> Any:  # noqa: N803 - as above
    """Join the parameters of an LSTM into the vector that MXNet's operator takes.

    They are joined as rows of `hidden` numbers, since MXNet joins plain vectors of the same
    numbers fifteen times as slowly.
    """
    rows = [F.reshape(parameter, shape=(-1, hidden)) for parameter in parameters]
    return F.reshape(F.concat(*rows, dim=0), shape=(-1,))


class LineRecognizer(gluon.HybridBlock):
    """Maps (N, 1, H, W) ink between 0 and 1 to (N, T, C) logits, T = ceil(W / frame width).

    A second CTC head on the convolutional columns (`extra_head`) speeds up the first epochs of a
    new network; it is not stored in bundles.

    After A. Graves et al., 2006, "Connectionist Temporal Classification", and J. Puigcerver, 2017,
    "Are Multidimensional Recurrent Layers Really Necessary for Handwritten Text Recognition?".

    Args:
        height: of the pictures, for training; a maximum over a known number of rows is faster.
        bfloat16: compute most convolutions in bfloat16, for training on CPUs that have it.
    """

    def __init__(
        self,
        config: RecognizerConfig,
        height: Optional[int] = None,
        extra_head: bool = False,
        bfloat16: bool = False,
    ) -> None:
        super().__init__()
        self._rows = None if height is None else config.rows(height)
        self.frame_width, self.reach = config.frame_width, config.reach
        self._bfloat16 = bfloat16
        nn = gluon.nn
        self.stem_conv = nn.Conv2D(config.stem, 3, 2, 1, use_bias=False, in_channels=1)
        self.stem_norm = nn.BatchNorm(in_channels=config.stem)
        self.blocks = nn.HybridSequential()
        channels = config.stem
        for outputs, strides in config.blocks:
            self.blocks.add(ResidualBlock(channels, outputs, strides, height is not None, bfloat16))
            channels = outputs
        hidden = config.hidden
        self.dropout = nn.Dropout(config.dropout)
        self._lstms = config.lstms
        inputs = channels
        for name in self._lstms:
            setattr(self, name, LineLSTM(inputs, hidden))
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
        x = self.blocks(x)
        if self._bfloat16:
            x = F.amp_cast(x, dtype="float32")
        if self._rows is None:
            x = F.max(x, axis=2)  # (N, C, T)
        else:
            x = F.reshape(F.Pooling(x, kernel=(self._rows, 1), pool_type="max"), shape=(0, 0, -1))
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

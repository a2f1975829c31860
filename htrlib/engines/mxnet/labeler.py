"""The page labeler: a small U-Net that labels pixels, for paragraphs and for lines."""

from __future__ import annotations

from typing import Any

from htrlib.engines.mxnet.framework import gluon
from htrlib.engines.mxnet.layers import convolution, features_of, halvings
from htrlib.engines.network_shapes import LabelerConfig


class PageLabeler(gluon.HybridBlock):
    """Maps (N, 1, H, W) ink between 0 and 1 to (N, num_labels, H / 2, W / 2) logits.

    After O. Ronneberger, P. Fischer, T. Brox, 2015, "U-Net: Convolutional Networks for Biomedical
    Image Segmentation"; the labels follow S. Ares Oliveira, B. Seguin, F. Kaplan, 2018,
    "dhSegment: A generic deep-learning approach for document segmentation".
    """

    def __init__(self, config: LabelerConfig) -> None:
        super().__init__()
        nn = gluon.nn
        self.down = halvings(config.channels)
        inputs = config.channels[-1]
        # Wide context at little cost: rules, margins and neighboring lines become visible.
        self.middle = nn.HybridSequential()
        self.middle.add(convolution(inputs, inputs, dilation=2))
        self.middle.add(convolution(inputs, inputs, dilation=4))
        self.up = nn.HybridSequential()
        for outputs in reversed(config.channels[:-1]):
            self.up.add(convolution(inputs + outputs, outputs))
            inputs = outputs
        self.head = nn.Conv2D(config.num_labels, 1, in_channels=inputs)

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # noqa: N803 - Gluon's name
        features = features_of(self.down, x)
        x = self.middle(features[-1])
        for step, skip in zip(self.up._children.values(), reversed(features[:-1])):
            x = F.UpSampling(x, scale=2, sample_type="nearest")
            x = step(F.concat(x, skip, dim=1))
        return self.head(x)

"""The word detector: a small single-shot detector with anchors shaped like words."""

from __future__ import annotations

from typing import Any

from htrlib.engines.mxnet.framework import gluon
from htrlib.engines.mxnet.layers import convolution, features_of, halvings
from htrlib.engines.word_anchors import CLASSES, SsdConfig


class WordDetector(gluon.HybridBlock):
    """Maps (N, 1, H, W) ink between 0 and 1 to logits (N, A, 2), offsets (N, A, 4) of A anchors.

    After W. Liu et al., 2016, "SSD: Single Shot MultiBox Detector". Coarse features are added to
    fine ones as in T.-Y. Lin et al., 2017, "Feature Pyramid Networks for Object Detection", because
    gaps can only be interpreted in the context of their line.
    """

    def __init__(self, config: SsdConfig) -> None:
        super().__init__()
        nn = gluon.nn
        self.down = halvings(config.channels)
        inputs = config.channels[-1]
        self.middle = convolution(inputs, inputs, dilation=2)
        self.up = nn.HybridSequential()
        self.class_heads = nn.HybridSequential()
        self.box_heads = nn.HybridSequential()
        features = config.channels[2:]
        for skip, coarse in zip(features[-2::-1], features[:0:-1]):
            self.up.add(convolution(skip + coarse, skip))
        for channels, anchors in zip(reversed(features), reversed(config.anchors_per_cell)):
            self.class_heads.add(nn.Conv2D(anchors * CLASSES, 3, 1, 1, in_channels=channels))
            self.box_heads.add(nn.Conv2D(anchors * 4, 3, 1, 1, in_channels=channels))

    def hybrid_forward(self, F: Any, x: Any) -> Any:  # noqa: N803 - Gluon's name
        features = features_of(self.down, x)
        x = self.middle(features[-1])
        maps = [x]
        for step, skip in zip(self.up._children.values(), reversed(features[2:-1])):
            x = F.UpSampling(x, scale=2, sample_type="nearest")
            x = step(F.concat(x, skip, dim=1))
            maps.append(x)
        answers = []
        for heads, values in ((self.class_heads, CLASSES), (self.box_heads, 4)):
            parts = []
            for head, at in zip(heads._children.values(), maps):
                part = F.transpose(head(at), axes=(0, 2, 3, 1))  # (N, H, W, anchors x values)
                parts.append(F.reshape(part, shape=(0, -1, values)))
            answers.append(F.concat(*reversed(parts), dim=1))  # fine to coarse, like the anchors
        return tuple(answers)

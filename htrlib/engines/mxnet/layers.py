"""Layers shared by several networks."""

from __future__ import annotations

from typing import Any, List, Sequence

from htrlib.engines.mxnet.framework import gluon


def convolution(inputs: int, outputs: int, strides: int = 1, dilation: int = 1) -> Any:
    """Create a 3 x 3 convolution with optional stride, batch normalization and ReLU."""
    nn = gluon.nn
    layers = nn.HybridSequential()
    layers.add(
        nn.Conv2D(outputs, 3, strides, dilation, dilation, use_bias=False, in_channels=inputs),
        nn.BatchNorm(in_channels=outputs),
        nn.Activation("relu"),
    )
    return layers


def halvings(channels: Sequence[int]) -> Any:
    """Create downsampling steps, each of which halves both sides; the first one takes ink."""
    nn = gluon.nn
    steps = nn.HybridSequential()
    inputs = 1
    for depth, outputs in enumerate(channels):
        step = nn.HybridSequential()
        step.add(convolution(inputs, outputs, strides=2))
        if depth > 0:
            step.add(convolution(outputs, outputs))
        steps.add(step)
        inputs = outputs
    return steps


def features_of(steps: Any, x: Any) -> List[Any]:
    """Return the output of each step in turn."""
    features = []
    for step in steps._children.values():
        x = step(x)
        features.append(x)
    return features

"""Training steps of a network: gradients, clipping, AdamW, and averaging of parameters."""

from __future__ import annotations

import functools
import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.engines.mxnet.framework import gluon, mx
from htrlib.engines.mxnet.runner import lock
from htrlib.training.batches.lines import Arrays
from htrlib.training.config import TrainerConfig

BETAS = (0.9, 0.999)
EPSILON = 1e-8

Reduce = Callable[[Any], Any]
State = Dict[str, NDArray[np.float32]]


class Learner:
    """Takes training steps.

    Parameters, gradients and the optimizer's moments are one flat vector each, on the first device,
    so that clipping, averaging, checkpoints and the exchange with other machines handle one array.
    Nothing here waits for a result: the caller reads the result of a step while the next one runs.

    Args:
        network: network whose parameters are initialized on all devices.
        loss: wraps the network in a block that maps the inputs to (N,) losses.
        contexts: MXNet contexts of the devices.
        reduce: sums a vector over all machines.
    """

    def __init__(
        self,
        network: Any,
        loss: Callable[[Any], Any],
        contexts: Sequence[Any],
        config: TrainerConfig,
        reduce: Reduce,
    ) -> None:
        self._network, self._loss, self._contexts = network, loss, tuple(contexts)
        self._config, self._reduce = config, reduce
        self._losses: Dict[Any, Any] = {}
        parameters = network._collect_params_with_prefix()
        self._weights = _Flat({k: p for k, p in parameters.items() if p.grad_req != "null"})
        self._statistics = _Flat({k: p for k, p in parameters.items() if p.grad_req == "null"})
        self._state: Dict[str, Any] = {
            "weights": self._weights.read(),
            "statistics": self._statistics.read(),
        }
        for name in ("mean", "variance"):
            self._state[name] = mx.nd.zeros_like(self._state["weights"])
        for name in ("weights", "statistics"):
            self._state[f"average_{name}"] = self._state[name].copy()
        if config.freeze_batch_statistics:
            network.apply(_freeze)

    def step(self, batch: Arrays, number: int, rate: float, extra: Sequence[float]) -> Any:
        """Take a step.

        Args:
            batch: inputs of the loss block, in its order; the rows are divided among the devices.
            number: number of the step, from 0; it seeds dropout, so a resumed run drops the same.
            rate: learning rate.
            extra: numbers to sum over all machines.
        Returns:
            A vector to be read later: the sum of the losses, the number of rows, the norm of the
            mean gradient, and the sums of `extra`.
        """
        with lock:
            first, count = self._contexts[0], len(self._contexts)
            losses = []
            for index, context in enumerate(self._contexts):
                part = {k: v[index::count] for k, v in batch.items()}
                seed = _seed(self._config.seed, number, index)
                # One by one: Gluon is not thread-safe.
                thread = _thread(os.getpid(), index)
                losses.append(thread.submit(self._differentiate, part, context, seed).result())
            rows = len(next(iter(batch.values())))
            size = self._weights.size
            vector = self._weights.gradient(self._contexts, room=2 + len(extra))
            total = mx.nd.add_n(*(loss.as_in_context(first) for loss in losses))
            total.copyto(vector[size : size + 1])
            mx.nd.array([rows, *extra], ctx=first).copyto(vector[size + 1 :])
            vector = self._reduce(vector)
            gradient, sums = vector[:size], vector[size:]
            norm = mx.nd.sqrt(mx.nd.dot(gradient, gradient)) / sums[1]
            self._update(gradient, norm, sums[1], number, rate)
            return mx.nd.concat(sums[:2], norm, sums[2:], dim=0)

    def state(self) -> State:
        """Return everything that later steps depend on, and the averaged parameters."""
        with lock:
            self._state["statistics"] = self._statistics.read()
            return {name: vector.asnumpy() for name, vector in self._state.items()}

    def load_state(self, state: Mapping[str, NDArray[np.float32]]) -> None:
        """Restore a state."""
        with lock:
            for name, vector in self._state.items():
                vector[:] = mx.nd.array(state[name], ctx=vector.context)
            self._weights.write(self._state["weights"])
            self._statistics.write(self._state["statistics"])

    def average(self) -> State:
        """Return the averaged parameters by structural name."""
        with lock:
            return {
                **self._weights.named(self._state["average_weights"].asnumpy()),
                **self._statistics.named(self._state["average_statistics"].asnumpy()),
            }

    def _differentiate(self, batch: Arrays, context: Any, seed: int) -> Any:
        """Compute the gradients of a device's rows there; return the sum of their losses."""
        mx.random.seed(seed)
        key = (context, tuple(value.shape for value in batch.values()))
        if key not in self._losses:
            # One block per shape: a block with alternating shapes is planned anew at each change.
            block = self._losses[key] = self._loss(self._network)
            block.hybridize()
        inputs = [mx.nd.array(value, ctx=context, dtype=value.dtype) for value in batch.values()]
        with mx.autograd.record():
            loss = self._losses[key](*inputs).sum()
        loss.backward()
        return loss

    def _update(self, gradient: Any, norm: Any, rows: Any, number: int, rate: float) -> None:
        """Update by AdamW (Loshchilov and Hutter 2019) and the clipped mean gradient; average.

        A gradient that is not finite has no effect: MXNet skips such updates.
        """
        config, state = self._config, self._state
        scale = mx.nd.minimum(config.clip / (norm + 1e-12), 1.0) / rows
        corrections = [1 - beta ** (number + 1) for beta in BETAS]
        mx.nd.contrib.adamw_update(
            state["weights"],
            gradient,
            state["mean"],
            state["variance"],
            scale,
            lr=rate * math.sqrt(corrections[1]) / corrections[0],
            wd=rate * config.weight_decay,
            eta=1.0,
            beta1=BETAS[0],
            beta2=BETAS[1],
            epsilon=EPSILON,
            out=state["weights"],
        )
        self._weights.write(state["weights"])
        state["statistics"] = self._statistics.read()
        keep = min(config.average, (number + 1) / (number + 20))
        for name in ("weights", "statistics"):
            mean = state[f"average_{name}"]
            mean += (1 - keep) * (state[name] - mean)


class _Flat:
    """Parameters as one vector, in the order of the network."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = dict(parameters)
        self._shapes = {name: p.shape for name, p in parameters.items()}
        ends = np.cumsum([math.prod(shape) for shape in self._shapes.values()], dtype=int).tolist()
        self._spans: List[Tuple[int, int]] = list(zip([0, *ends], ends))
        self.size = ends[-1] if ends else 0

    def read(self) -> Any:
        """Return the values on the first device."""
        return self._joined([p.list_data()[0] for p in self._parameters.values()])

    def gradient(self, contexts: Sequence[Any], room: int) -> Any:
        """Return the sum of all devices' gradients, followed by `room` zeros, on the first one."""
        first, *others = (
            self._joined([p.grad(context) for p in self._parameters.values()], room)
            for context in contexts
        )
        for other in others:
            first += other.as_in_context(first.context)
        return first

    def write(self, vector: Any) -> None:
        """Set the values on all devices."""
        for parameter, (start, end) in zip(self._parameters.values(), self._spans):
            part = vector[start:end].reshape(parameter.shape)
            for data in parameter.list_data():
                part.copyto(data)

    def named(self, vector: NDArray[np.float32]) -> State:
        """Split a vector into arrays by structural name."""
        return {
            name: vector[start:end].reshape(shape)
            for (name, shape), (start, end) in zip(self._shapes.items(), self._spans)
        }

    def _joined(self, arrays: Sequence[Any], room: int = 0) -> Any:
        if not arrays:
            return mx.nd.zeros((1 + room,))
        vector = mx.nd.empty((self.size + room,), ctx=arrays[0].context)
        if room:
            vector[self.size :] = 0.0
        for array, (start, end) in zip(arrays, self._spans):  # far faster than MXNet's concat
            array.reshape((-1,)).copyto(vector[start:end])
        return vector


def _freeze(block: Any) -> None:
    if isinstance(block, gluon.nn.BatchNorm):
        block._kwargs["use_global_stats"] = True


@functools.cache
def _thread(process: int, index: int) -> ThreadPoolExecutor:
    """Return the thread that submits work to a device of this process.

    MXNet assigns scratch memory and random generators per thread, the same ones for all devices of
    a CPU. LSTMs of two such devices would wait for each other if one thread submitted both.
    """
    return ThreadPoolExecutor(1, f"htr-device-{index}")


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0] >> 1)

"""A training task: the data, network, loss and score of one network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.bundle import Bundle
from htrlib.data.problems import Problem
from htrlib.data.samples import Dataset, Sample
from htrlib.document.charset import Charset
from htrlib.engines.mxnet.building import build
from htrlib.engines.mxnet.framework import mx
from htrlib.engines.mxnet.runner import lock, set_parameters
from htrlib.errors import ConfigError
from htrlib.training.batches.loader import Source
from htrlib.training.charsets import CharsetChange
from htrlib.training.config import TrainerConfig

Parameters = Mapping[str, NDArray[np.float32]]


class Task(ABC):
    """One network and its training data.

    Args:
        config: training options.
        init: bundle to start from, or None.
        architecture: settings of the network that differ from the default, if `init` lacks it.
        devices: number of devices that share a batch, on all machines.
        parts: number of parts into which one device's batch is divided, as on a CPU; each part
            counts as a device.

    Attributes:
        parent: bundle whose network is trained further, or None for a new network.
    """

    name: str
    criterion: str
    """The score that the best parameters have the least of."""

    def __init__(
        self,
        config: TrainerConfig,
        init: Optional[Bundle],
        architecture: Mapping[str, Any],
        devices: int = 1,
        parts: int = 1,
    ) -> None:
        known = init is not None and self.name in init.config["networks"]
        self.parent = init if known else None
        if known and architecture:
            raise ConfigError(
                "the architecture of a bundle's network cannot be changed; leave out "
                f"{', '.join(sorted(architecture))}, or train from scratch (init=None)"
            )
        self.config, self.init, self.devices, self.parts = config, init, devices, parts
        self.architecture = dict(architecture)
        self.problems: Tuple[Problem, ...] = ()
        self.charset_change: Optional[CharsetChange] = None
        self._reader: Any = None

    @property
    def charset(self) -> Optional[Charset]:
        """Charset of the resulting bundle."""
        return self.init.charset if self.init is not None else None

    def part_of(self, size: int) -> int:
        """Return the size of a part of a device's batch."""
        return -(-size // self.parts)

    @classmethod
    @abstractmethod
    def learns_from(cls, sample: Sample) -> bool:
        """Return whether a sample has what the task needs, to train on or to validate."""

    @abstractmethod
    def prepare(self, train: Dataset, validation: Optional[Dataset], directory: Path) -> None:
        """Prepare the data, with files in the directory; collect its problems."""

    @abstractmethod
    def describe(self) -> str:
        """Describe the task and its data in one line."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Return a value that identifies the data."""

    @abstractmethod
    def samples(self, plan: Any) -> Tuple[str, ...]:
        """Return the names of a batch's samples, for messages."""

    @property
    @abstractmethod
    def source(self) -> Source:
        """Source of batches, which can be sent to worker processes."""

    @abstractmethod
    def plan(self, epoch: int, aligned: bool) -> List[Any]:
        """Plan the batches of an epoch: only easy ones until the network has aligned."""

    @abstractmethod
    def usual(self) -> Dict[str, Any]:
        """Return the default architecture."""

    def numbers(self) -> Dict[str, Any]:
        """Return the network's entry in a bundle's configuration."""
        if self.parent is None:
            return {**self.usual(), **self.architecture}
        numbers = dict(self.parent.network_config(self.name))
        del numbers["file"]
        return numbers

    @abstractmethod
    def build(self) -> Any:
        """Create the network, uninitialized."""

    @abstractmethod
    def loss(self, network: Any) -> Any:
        """Wrap the network in a block that maps a batch's arrays to (N,) losses."""

    @abstractmethod
    def score(self, parameters: Parameters, device: Optional[str]) -> Dict[str, float]:
        """Return the scores on the validation data by name, `criterion` among them."""

    @property
    def validates(self) -> bool:
        """Return whether there is validation data."""
        return False

    def initial(self) -> Parameters:
        """Return the initial parameters; missing ones are random."""
        return {} if self.parent is None else self.parent.parameters(self.name)

    def exported(self, parameters: Parameters) -> Parameters:
        """Return the parameters that a bundle stores."""
        return parameters

    def reader(self, parameters: Parameters, device: Optional[str]) -> Any:
        """Return the network for inference, with these parameters."""
        if self._reader is None:
            self._reader = build(self.name, self.numbers())
            self._reader.hybridize()
        set_parameters(self._reader, self.exported(parameters), device)
        return self._reader

    def aligned(self, loss: float) -> bool:
        """Return whether this mean loss of an epoch shows that the network has aligned."""
        return True

    def network(self, contexts: List[Any]) -> Any:
        """Return the network, initialized on all devices from the seed."""
        network = self.build()
        with lock:
            mx.random.seed(self.config.seed)
            np.random.seed(self.config.seed)  # noqa: NPY002 - some of MXNet's initializers use it
            network.initialize(mx.init.Xavier(), ctx=contexts)
            parameters = network._collect_params_with_prefix()
            for name, value in self.initial().items():
                parameters[name].set_data(mx.nd.array(value))
        return network

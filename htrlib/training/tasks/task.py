"""A training task: the data, network, loss and score of one network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from htrlib.bundle import Bundle
from htrlib.data.samples import Dataset, Problem
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
    """One network and what it learns from.

    Args:
        config: of the training.
        init: the bundle to start from, or None.
        architecture: numbers of the network other than the usual ones, where `init` has none such.
        devices: that share a batch, on all machines.
        parts: of the batch of one device that stand for it, as on a CPU; they count as devices.

    Attributes:
        parent: the bundle whose network is trained on, or None where a new one is.
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
                "the network's numbers are those of the bundle to start from; leave out "
                f"{', '.join(sorted(architecture))}, or start from scratch (init=None)"
            )
        self.config, self.init, self.devices, self.parts = config, init, devices, parts
        self.architecture = dict(architecture)
        self.problems: Tuple[Problem, ...] = ()
        self.charset_change: Optional[CharsetChange] = None
        self._reader: Any = None

    @property
    def charset(self) -> Optional[Charset]:
        """The charset of the bundle to be."""
        return self.init.charset if self.init is not None else None

    def part_of(self, size: int) -> int:
        """Return the share of a device's batch that each of its parts takes."""
        return -(-size // self.parts)

    @abstractmethod
    def prepare(self, train: Dataset, validation: Optional[Dataset], directory: Path) -> None:
        """Take the data in, and note what is wrong with it; files go to the directory."""

    @abstractmethod
    def describe(self) -> str:
        """Describe the task and its data in one line."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Differs for other data."""

    @abstractmethod
    def samples(self, plan: Any) -> Tuple[str, ...]:
        """Return names for the samples of a batch, for messages."""

    @property
    @abstractmethod
    def source(self) -> Source:
        """Makes the batches of plans, in any process."""

    @abstractmethod
    def plan(self, epoch: int, aligned: bool) -> List[Any]:
        """The batches of an epoch; fewer and easier ones as long as nothing is aligned."""

    @abstractmethod
    def usual(self) -> Dict[str, Any]:
        """The numbers of a new network."""

    def numbers(self) -> Dict[str, Any]:
        """The network's entry in a bundle's configuration."""
        if self.parent is None:
            return {**self.usual(), **self.architecture}
        numbers = dict(self.parent.network_config(self.name))
        del numbers["file"]
        return numbers

    @abstractmethod
    def build(self) -> Any:
        """The network to train, without values."""

    @abstractmethod
    def loss(self, network: Any) -> Any:
        """A block around the network that takes a batch's arrays and gives (N,) losses."""

    @abstractmethod
    def score(self, parameters: Parameters, device: Optional[str]) -> Dict[str, float]:
        """Scores on the validation data, by name; `criterion` is one of them."""

    @property
    def validates(self) -> bool:
        """Return whether there is validation data."""
        return False

    def initial(self) -> Parameters:
        """Parameters to start from, those of the rest being random."""
        return {} if self.parent is None else self.parent.parameters(self.name)

    def exported(self, parameters: Parameters) -> Parameters:
        """Return the parameters that a bundle stores."""
        return parameters

    def reader(self, parameters: Parameters, device: Optional[str]) -> Any:
        """The network as a bundle with these parameters would have it."""
        if self._reader is None:
            self._reader = build(self.name, self.numbers())
            self._reader.hybridize()
        set_parameters(self._reader, self.exported(parameters), device)
        return self._reader

    def aligned(self, loss: float) -> bool:
        """Return whether an epoch with this mean loss has learned the rough alignment."""
        return True

    def network(self, contexts: List[Any]) -> Any:
        """The network with its values on all devices; the same ones for the same seed."""
        network = self.build()
        with lock:
            mx.random.seed(self.config.seed)
            np.random.seed(self.config.seed)  # noqa: NPY002 - some of MXNet's initializers use it
            network.initialize(mx.init.Xavier(), ctx=contexts)
            parameters = network._collect_params_with_prefix()
            for name, value in self.initial().items():
                parameters[name].set_data(mx.nd.array(value))
        return network

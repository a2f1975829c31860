"""Training on several machines through MXNet's distributed key-value store, which adds gradients.

A cluster has a scheduler, servers and workers, which find each other by the variables `DMLC_*`.
Workers are the processes that call the trainer; the scheduler and the servers run
`python -m htrlib.training.distributed`. On SageMaker the trainer starts them from the resource
configuration.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional

from htrlib.engines.mxnet.framework import mx
from htrlib.errors import TrainingError

RESOURCES = Path("/opt/ml/input/config/resourceconfig.json")
PORT = 8000
TOLD_BYTES = 65536  # largest message that one machine sends to the others
NAME_SECONDS = 120  # time for a host's name to resolve; hosts start at different times
FAILED, INTERRUPTED = 2, 130  # exit statuses of `htr`
END_SECONDS = 30  # seconds a scheduler or server may take to end after the last worker


class Machines:
    """The machines of a training; this base class is a single machine.

    Attributes:
        rank: index of this machine; machine 0 writes checkpoints and logs.
        count: number of machines.
    """

    rank = 0
    count = 1

    def reduce(self, vector: Any) -> Any:
        """Return the sum of a vector over all machines."""
        return vector

    def tell(self, text: str) -> str:
        """Broadcast a value from the first machine to all machines."""
        return text

    def share(self, array: Any) -> Any:
        """Broadcast a NumPy array from the first machine to all machines."""
        return array

    def leave(self) -> None:
        """Wait until all machines leave; no further communication is possible."""


class Cluster(Machines):
    """Machines that share a `dist_sync` key-value store."""

    def __init__(self) -> None:
        self._store = mx.kv.create("dist_sync")
        self.rank, self.count = self._store.rank, self._store.num_workers
        self._keys: Dict[int, Any] = {}

    def reduce(self, vector: Any) -> Any:
        key = str(vector.size)
        if vector.size not in self._keys:
            self._store.init(key, mx.nd.zeros_like(vector))
            self._keys[vector.size] = mx.nd.zeros_like(vector)
        result = self._keys[vector.size]
        self._store.push(key, vector)
        self._store.pull(key, out=result)
        return result.copy()

    def tell(self, text: str) -> str:
        content = text.encode() if self.rank == 0 else b""
        count = int(self.reduce(mx.nd.array([len(content)])).asscalar())
        received: List[int] = []
        for start in range(0, count, TOLD_BYTES):
            piece = content[start : start + TOLD_BYTES]
            numbers = mx.nd.array(list(piece) + [0] * (TOLD_BYTES - len(piece)))
            received += self.reduce(numbers).asnumpy().astype(int).tolist()
        return bytes(received[:count]).decode()

    def share(self, array: Any) -> Any:
        vector = mx.nd.array(array).reshape((-1,))
        if self.rank != 0:
            vector[:] = 0
        return self.reduce(vector).asnumpy().reshape(array.shape)

    def leave(self) -> None:
        del self._store  # MXNet waits at this barrier, and the first machine ends the servers


_serving: List[subprocess.Popen[bytes]] = []
"""This host's server and scheduler, where we started them."""


@contextlib.contextmanager
def joined(resources: Path = RESOURCES) -> Iterator[Machines]:
    """Join the machines, and leave them when all are done.

    After an error, this host's server and scheduler are killed, and the process exits without
    Python's and MXNet's cleanup, which would wait for the other machines.

    Raises:
        TrainingError: see `join`.
    """
    machines = Machines()
    try:
        machines = join(resources)
        yield machines
    except BaseException as error:
        for process in _serving:
            process.kill()
        if machines.count > 1:
            atexit.register(_end, INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED)
        raise
    machines.leave()
    for process in _serving:
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:  # its work is done
            process.kill()


def _end(status: int) -> None:
    """Exit immediately: MXNet's cleanup would wait for the other machines."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def join(resources: Path = RESOURCES) -> Machines:
    """Join the machines that the environment describes.

    Raises:
        TrainingError: SageMaker's resource configuration cannot be read.
    """
    if "DMLC_ROLE" not in os.environ and resources.exists():
        variables = from_sagemaker(resources)
        if variables is not None:
            os.environ.update(_start(variables))
    return _cluster() if os.environ.get("DMLC_ROLE") == "worker" else Machines()


@functools.cache
def _cluster() -> Cluster:
    """Join the cluster; cached, because a process can join only once."""
    return Cluster()


def from_sagemaker(path: Path) -> Optional[Dict[str, str]]:
    """Return the `DMLC_*` variables of a worker on this host, or None for a single host.

    Raises:
        TrainingError: the file is not a resource configuration.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        hosts: List[str] = sorted(config["hosts"])
        here = str(config["current_host"])
        interface = str(config.get("network_interface_name", ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{path} is not a resource configuration ({error!r})") from error
    if here not in hosts:
        raise TrainingError(f"{path} does not list this host, {here!r}, but {', '.join(hosts)}")
    if len(hosts) < 2:
        return None
    variables = {
        "DMLC_ROLE": "worker",
        "DMLC_PS_ROOT_URI": hosts[0],
        "DMLC_PS_ROOT_PORT": os.environ.get("DMLC_PS_ROOT_PORT", str(PORT)),
        "DMLC_NUM_WORKER": str(len(hosts)),
        "DMLC_NUM_SERVER": str(len(hosts)),
    }
    if interface:
        variables["DMLC_INTERFACE"] = interface
    if here == hosts[0]:
        variables["HTRLIB_SCHEDULES"] = "1"
    return variables


def _start(variables: Mapping[str, str]) -> Dict[str, str]:
    """Start this host's server, and the scheduler on the first host; return worker variables."""
    worker = dict(variables)
    roles = ["server"]
    if worker.pop("HTRLIB_SCHEDULES", ""):
        roles.append("scheduler")
    worker["DMLC_PS_ROOT_URI"] = _address(worker["DMLC_PS_ROOT_URI"])
    for role in roles:
        _serving.append(serve({**worker, "DMLC_ROLE": role}))
    return worker


def serve(variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Run a scheduler or server until all workers have ended."""
    return subprocess.Popen(
        [sys.executable, "-m", "htrlib.training.distributed"], env={**os.environ, **variables}
    )


def _address(host: str) -> str:
    """Return a host's address, waiting for its name to become known."""
    end = time.monotonic() + NAME_SECONDS
    while True:
        try:
            return socket.gethostbyname(host)
        except OSError as error:
            if time.monotonic() > end:
                raise TrainingError(
                    f"host {host!r} cannot be found ({error}); check that it is running"
                ) from error
        time.sleep(1)


if __name__ == "__main__":
    # In these roles, importing MXNet serves and then ends the process, so this line is an error.
    raise SystemExit("DMLC_ROLE must be 'scheduler' or 'server'")

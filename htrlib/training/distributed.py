"""Several machines: MXNet's distributed key-value store adds up what each of them found.

A cluster has a scheduler, servers and workers, which find each other by the variables `DMLC_*`.
Workers are the processes that call the trainer; `python -m htrlib.training.distributed` is what
scheduler and servers run. On SageMaker all is started from its resource configuration.
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
TOLD_BYTES = 65536  # that one machine tells the others at once
NAME_SECONDS = 120  # in which a host's name is to be known; they do not all start at once
FAILED, INTERRUPTED = 2, 130  # exit statuses, as those of `htr`
END_SECONDS = 30  # that a scheduler or server may take to end after the last worker


class Machines:
    """The machines of a training; here one alone.

    Attributes:
        rank: of this one, from 0; the first writes checkpoints and logs.
        count: of all.
    """

    rank = 0
    count = 1

    def reduce(self, vector: Any) -> Any:
        """The sum of a vector over all machines, on all machines."""
        return vector

    def tell(self, text: str) -> str:
        """Broadcast a value from the first machine to all machines."""
        return text

    def share(self, array: Any) -> Any:
        """The first machine's NumPy array, on all machines."""
        return array

    def leave(self) -> None:
        """Wait until all machines do the same; nothing can be asked of them after."""


class Cluster(Machines):
    """Machines that share a key-value store of the kind `dist_sync`."""

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
        said: List[int] = []
        for start in range(0, count, TOLD_BYTES):
            piece = content[start : start + TOLD_BYTES]
            numbers = mx.nd.array(list(piece) + [0] * (TOLD_BYTES - len(piece)))
            said += self.reduce(numbers).asnumpy().astype(int).tolist()
        return bytes(said[:count]).decode()

    def share(self, array: Any) -> Any:
        vector = mx.nd.array(array).reshape((-1,))
        if self.rank != 0:
            vector[:] = 0
        return self.reduce(vector).asnumpy().reshape(array.shape)

    def leave(self) -> None:
        del self._store  # MXNet waits there, and the first machine ends the servers


_serving: List[subprocess.Popen[bytes]] = []
"""This host's server and scheduler, where we started them."""


@contextlib.contextmanager
def joined(resources: Path = RESOURCES) -> Iterator[Machines]:
    """The machines, as `join` gives them, until all are done.

    After an error this host's server and scheduler are killed, and at its exit the process ends
    at once, without Python's and MXNet's cleaning up: that would wait for the others.

    Raises:
        TrainingError: as for `join`.
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
        except subprocess.TimeoutExpired:  # all is done that it was for
            process.kill()


def _end(status: int) -> None:
    """End this process here and now: later on, MXNet would wait for the others."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def join(resources: Path = RESOURCES) -> Machines:
    """The machines that the environment speaks of.

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
    """A process can join a cluster once."""
    return Cluster()


def from_sagemaker(path: Path) -> Optional[Dict[str, str]]:
    """The variables of a worker on this host, or None where it is the only one.

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
        raise TrainingError(f"{path}: the host {here!r} is none of {', '.join(hosts)}")
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
    """Start this host's server, and on the first host the scheduler; the worker's variables."""
    worker = dict(variables)
    roles = ["server"]
    if worker.pop("HTRLIB_SCHEDULES", ""):
        roles.append("scheduler")
    worker["DMLC_PS_ROOT_URI"] = _address(worker["DMLC_PS_ROOT_URI"])
    for role in roles:
        _serving.append(serve({**worker, "DMLC_ROLE": role}))
    return worker


def serve(variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a scheduler or server; it ends when all workers have."""
    return subprocess.Popen(
        [sys.executable, "-m", "htrlib.training.distributed"], env={**os.environ, **variables}
    )


def _address(host: str) -> str:
    """The address of a host, whose name may be known only a while after this host's start."""
    end = time.monotonic() + NAME_SECONDS
    while True:
        try:
            return socket.gethostbyname(host)
        except OSError as error:
            if time.monotonic() > end:
                raise TrainingError(f"host {host!r} cannot be found ({error})") from error
        time.sleep(1)


if __name__ == "__main__":
    # Importing MXNet did the work: in these roles it serves, and ends the process when done.
    raise SystemExit("DMLC_ROLE is 'scheduler' or 'server' here")

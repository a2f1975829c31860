"""Takes the place of `docker compose` before SageMaker's local mode: runs a file's one service.

    docker compose version
    docker compose -f FILE up --build --abort-on-container-exit
    docker context inspect

`HTRLIB_CONTAINER_ENGINE` and `HTRLIB_RUN_OPTIONS` are those of container/test.sh; the network is
the machine's.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import List

import yaml


def main(arguments: List[str]) -> int:
    if arguments[:2] == ["compose", "version"]:
        sys.stdout.write("Docker Compose version v2.0.0\n")
        return 0
    if arguments[:2] == ["context", "inspect"]:  # asked for the host to reach containers at
        sys.stdout.write('[{"Endpoints": {"docker": {"Host": "unix:///var/run/docker.sock"}}}]')
    if arguments[0] != "compose" or "up" not in arguments:
        return 0
    text = Path(arguments[arguments.index("-f") + 1]).read_text(encoding="utf-8")
    (service,) = yaml.safe_load(text)["services"].values()
    options = ["--network", "host"]
    for volume in service.get("volumes", ()):
        # Docker makes the folders that are missing, Podman does not.
        Path(volume.partition(":")[0]).mkdir(parents=True, exist_ok=True)
        options += ["--volume", volume]
    for variable in service.get("environment", ()):
        options += ["--env", variable]
    engine = shlex.split(os.environ["HTRLIB_CONTAINER_ENGINE"])
    own = shlex.split(os.environ.get("HTRLIB_RUN_OPTIONS", ""))
    command = service.get("command", "")
    words = command.split() if isinstance(command, str) else list(command)
    container = subprocess.Popen([*engine, "run", "--rm", *own, *options, service["image"], *words])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: container.terminate())
    return container.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from htrlib.errors import TrainingError
from htrlib.training import distributed
from htrlib.training.checkpoint import read_checkpoint
from htrlib.training.distributed import from_sagemaker

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = {
    "epochs": 20,
    "learning_rate": 5e-3,
    "dropout": 0.0,
    "bfloat16": False,  # which rounds sums of a batch's parts in another way
    "augmentation": "none",
    "freeze_batch_statistics": True,
    "warmup": 4,
    "workers": 0,
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, **variables):
    environment = {"PATH": "", "PYTHONPATH": f"{ROOT}", "OMP_NUM_THREADS": "1", **variables}
    return subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
    )


def cluster_of(workers):
    """The variables of a cluster on this machine with one server."""
    return {
        "DMLC_PS_ROOT_URI": "127.0.0.1",
        "DMLC_PS_ROOT_PORT": str(free_port()),
        "DMLC_NUM_WORKER": str(workers),
        "DMLC_NUM_SERVER": "1",
        "DMLC_NODE_HOST": "127.0.0.1",
    }


def test_two_workers_and_a_server_learn_what_one_process_learns_from_the_joint_batch(tmp_path):
    cluster = cluster_of(workers=2)
    program = ["-m", "tests.training.program"]
    halves = json.dumps({**OPTIONS, "batch_columns": 768})
    joint = json.dumps({**OPTIONS, "batch_columns": 2 * 768})
    processes = [start([*program, tmp_path / "alone", joint])]
    for role in ("scheduler", "server"):
        command = ["-m", "htrlib.training.distributed"]
        processes.append(start(command, **cluster, DMLC_ROLE=role))
    for _ in range(2):
        command = [*program, tmp_path / "together", halves]
        processes.append(start(command, **cluster, DMLC_ROLE="worker"))
    try:
        assert [process.wait(900) for process in processes] == [0] * 5
    finally:
        for process in processes:
            process.kill()
    losses = []
    for name in ("alone", "together"):
        rows = (tmp_path / name / "log.jsonl").read_text().splitlines()
        losses.append([json.loads(row)["train_loss"] for row in rows])
    arrays, numbers = read_checkpoint(tmp_path / "alone" / "last.npz")
    others, other_numbers = read_checkpoint(tmp_path / "together" / "last.npz")
    assert numbers["progress"]["step"] == other_numbers["progress"]["step"] >= 20
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-4)
    np.testing.assert_allclose(arrays["weights"], others["weights"], atol=1e-4)
    assert losses[0][-1] < 0.8 * losses[0][0], "nothing was learned"


def test_a_machine_that_fails_ends_and_waits_for_no_other(tmp_path):
    cluster = cluster_of(workers=2)
    program = tmp_path / "program.py"
    program.write_text(
        "from htrlib.errors import TrainingError\n"
        "from htrlib.training import distributed\n"
        "with distributed.joined() as machines:\n"
        "    text = 'ж' * 100_000\n"
        "    assert machines.tell(text if machines.rank == 0 else '') == text\n"
        "    raise TrainingError('as told')\n"
    )
    others = [
        start(["-m", "htrlib.training.distributed"], **cluster, DMLC_ROLE=role)
        for role in ("scheduler", "server")
    ]
    workers = [start([program], **cluster, DMLC_ROLE="worker") for _ in range(2)]
    try:
        assert [worker.wait(300) for worker in workers] == [2, 2]
    finally:
        for process in (*others, *workers):
            process.kill()
            process.wait()


@pytest.fixture
def resources(tmp_path):
    path = tmp_path / "resourceconfig.json"

    def write(**config):
        path.write_text(json.dumps(config))
        return path

    return write


def test_the_first_host_of_several_schedules(resources):
    hosts = ["algo-2", "algo-1"]
    first = from_sagemaker(
        resources(hosts=hosts, current_host="algo-1", network_interface_name="eth0")
    )
    second = from_sagemaker(resources(hosts=hosts, current_host="algo-2"))
    assert first["HTRLIB_SCHEDULES"] == "1"
    assert "HTRLIB_SCHEDULES" not in second
    assert first["DMLC_INTERFACE"] == "eth0"
    for variables in (first, second):
        assert variables["DMLC_PS_ROOT_URI"] == "algo-1"
        assert variables["DMLC_NUM_WORKER"] == variables["DMLC_NUM_SERVER"] == "2"
    assert "DMLC_ROLE" not in os.environ


def test_a_single_host_needs_no_cluster(resources):
    assert from_sagemaker(resources(hosts=["algo-1"], current_host="algo-1")) is None


def test_a_file_that_is_no_resource_configuration_is_named(resources):
    with pytest.raises(TrainingError, match=r"resourceconfig\.json.*'hosts'"):
        from_sagemaker(resources(current_host="algo-1"))


def test_a_host_that_is_not_among_the_hosts_is_named(resources):
    with pytest.raises(TrainingError, match="does not list this host, 'algo-3', but algo-1"):
        from_sagemaker(resources(hosts=["algo-1", "algo-2"], current_host="algo-3"))


def test_a_host_whose_name_is_known_late_is_waited_for(monkeypatch):
    answers = iter([OSError("not yet"), "10.0.0.1"])

    def ask(host):
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(distributed.socket, "gethostbyname", ask)
    monkeypatch.setattr(distributed.time, "sleep", lambda _: None)
    assert distributed._address("algo-1") == "10.0.0.1"
    monkeypatch.setattr(distributed, "NAME_SECONDS", -1)
    answers = iter([OSError("never")])
    with pytest.raises(TrainingError, match=r"host 'algo-1' cannot be found \(never\)"):
        distributed._address("algo-1")

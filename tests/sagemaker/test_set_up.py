"""Setting up the notebooks' Python, on a notebook instance and in a JupyterLab space of Studio."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sagemaker.stack import ROOT, expanded, read

pytestmark = pytest.mark.slow

EXAMPLES = ROOT / "examples" / "sagemaker"


def tool(path: Path, *lines: str) -> None:
    path.write_text("\n".join(["#!/bin/bash", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def machine(tmp_path):
    """A machine with a Python that makes environments of this one; nothing is downloaded."""
    pytest.importorskip("ipykernel", reason="ipykernel is not installed: pip install -e '.[test]'")
    binaries, root = tmp_path / "bin", tmp_path / "SageMaker" / "htrlib"
    binaries.mkdir()
    shutil.copytree(
        EXAMPLES, root / "examples" / "sagemaker", ignore=shutil.ignore_patterns("work")
    )
    shutil.copytree(ROOT / "examples" / "data", root / "examples" / "data")
    tool(binaries / "ldconfig", "echo libquadmath.so.0")
    # The environment's Python is this one; pip is written down.
    inside = tmp_path / "inside"
    tool(
        inside,
        f'if [ "$1 $2" = "-m pip" ]; then echo "$*" >> "{tmp_path}/pip"; exit; fi',
        f'exec "{sys.executable}" "$@"',
    )
    python = binaries / "python3.11"
    tool(
        python,
        'if [ "$1 $2" = "-m venv" ]; then',
        f'  echo "$*" >> "{tmp_path}/venv"; mkdir -p "$4/bin"; cp "{inside}" "$4/bin/python"; exit',
        "fi",
        f'exec "{sys.executable}" "$@"',
    )
    environment = {
        "PATH": f"{binaries}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "HTRLIB_PYTHON": str(python),
        "JUPYTER_DATA_DIR": str(tmp_path / "jupyter"),
        "PYTHONPATH": str(ROOT),
    }

    def run(**more: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", str(root / "examples" / "sagemaker" / "set_up.sh")],
            capture_output=True,
            text=True,
            check=False,
            env={**environment, **more},
        )

    run.root, run.home, run.binaries = root, tmp_path, binaries
    return run


def test_notebooks_open_with_a_kernel_that_has_the_library(machine):
    done = machine()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "htrlib is ready"
    kernel = machine.home / "jupyter" / "kernels" / "htrlib" / "kernel.json"
    assert json.loads(kernel.read_text())["display_name"] == "htrlib"
    for path in (machine.root / "examples" / "sagemaker").glob("*.ipynb"):
        assert json.loads(path.read_text())["metadata"]["kernelspec"]["name"] == "htrlib"
    asked = (machine.home / "pip").read_text()
    assert f"{machine.root}[aws,review]" in asked


def test_setting_up_again_keeps_the_environment(machine):
    assert machine().returncode == machine().returncode == 0
    assert len((machine.home / "venv").read_text().splitlines()) == 1
    shutil.rmtree(machine.home / "SageMaker" / ".htrlib-venv" / "bin")
    assert machine().returncode == 0  # its Python was gone
    assert len((machine.home / "venv").read_text().splitlines()) == 2


def test_an_environment_that_cannot_import_the_library_is_not_ready(machine, tmp_path):
    broken = tmp_path / "broken" / "boto3"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('half of it is missing')")
    done = machine(PYTHONPATH=f"{broken.parent}:{ROOT}")
    assert done.returncode != 0
    assert done.stdout.splitlines()[-1].startswith("htrlib is not ready")
    assert "half of it is missing" in done.stderr


def test_a_space_of_studio_gets_a_kernel_that_knows_the_stack(machine):
    """A Studio space: Ubuntu, whose user may install packages, without a named Python."""
    tool(machine.binaries / "ldconfig", "echo nothing")
    tool(machine.binaries / "sudo", 'exec "$@"')
    tool(machine.binaries / "apt-get", f'echo "$*" >> "{machine.home}/apt"')
    done = machine(HTRLIB_PYTHON="", HTR_STACK="hands")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "install -y -qq libquadmath0" in (machine.home / "apt").read_text()
    kernel = json.loads(
        (machine.home / "jupyter" / "kernels" / "htrlib" / "kernel.json").read_text()
    )
    assert kernel["env"] == {"HTR_STACK": "hands"}
    assert (machine.home / "SageMaker" / ".htrlib-venv").is_dir(), "on the volume that stays"


def test_the_script_is_one_that_bash_reads():
    subprocess.run(["bash", "-n", str(EXAMPLES / "set_up.sh")], check=True)


# ---- waiting for it ----


@pytest.mark.parametrize("text", [None, "installing\nhtrlib is ready\n"])
def test_notebooks_go_on_where_nothing_is_being_set_up(script, tmp_path, text):
    log = tmp_path / "log"
    if text is not None:
        log.write_text(text)
    script("readiness").wait_until_ready(log)


def test_notebooks_wait_and_tell_for_what(script, tmp_path, monkeypatch, capsys):
    readiness, log = script("readiness"), tmp_path / "log"
    log.write_text("installing\n")
    monkeypatch.setattr(
        readiness.time, "sleep", lambda _: log.write_text("installing\nhtrlib is ready\n")
    )
    readiness.wait_until_ready(log)
    assert capsys.readouterr().err == "waiting for the set-up: installing\n"


def test_notebooks_tell_why_the_set_up_failed(script, tmp_path):
    readiness, log = script("readiness"), tmp_path / "log"
    log.write_text("no space left on device\nhtrlib is not ready: see the lines above\n")
    with pytest.raises(readiness.SetUpFailedError, match="no space left on device"):
        readiness.wait_until_ready(log)


# ---- the notebook instance ----


def script_of(template) -> str:
    (hook,) = template["Resources"]["NotebookSetUp"]["Properties"]["OnStart"]
    text = hook["Content"]["Fn::Base64"]["Fn::Sub"]
    return text[0] if isinstance(text, list) else text


def test_the_instance_s_script_is_short_and_leaves_the_work_to_the_background(tmp_path):
    text = script_of(expanded(read(), {}))
    assert len(text) < 16_384
    path = tmp_path / "start.sh"
    path.write_text(text.replace("${", "{"))
    subprocess.run(["bash", "-n", str(path)], check=True)
    assert text.rstrip().endswith("&")


def test_a_start_brings_the_stack_s_source_and_outputs(tmp_path):
    """The instance's script, with stand-ins for programs that only an instance has."""
    home, binaries = tmp_path / "SageMaker", tmp_path / "bin"
    home.mkdir()
    binaries.mkdir()
    work = home / "htrlib" / "examples" / "sagemaker" / "work"
    work.mkdir(parents=True)
    (work / "kept.json").write_text("{}")
    (work.parent / "0_demo.ipynb").write_text("of before")
    source = tmp_path / "source" / "examples" / "sagemaker"
    source.mkdir(parents=True)
    (source / "0_demo.ipynb").write_text("of now")
    (source / "set_up.sh").write_text("echo htrlib is ready\n")
    archive = shutil.make_archive(str(tmp_path / "source"), "zip", source.parents[1])
    tool(binaries / "ldconfig", "echo nothing")
    tool(binaries / "dnf", f'echo "$*" >> "{tmp_path}/dnf"')
    tool(binaries / "sudo", 'shift 2; exec "$@"')
    tool(binaries / "aws", f'echo "$*" >> "{tmp_path}/aws"; cp "{archive}" "${{@: -1}}"')
    tool(
        binaries / "unzip",
        f'exec {sys.executable} -m zipfile -e "$2" "$4"',
    )
    text = script_of(expanded(read(), {}))
    text = re.sub(r"\$\{([\w:]+)(?:\.\w+)?\}", r"<\1>", text)
    text = text.replace("<SourceKey>", "source-1.zip").replace(
        "/home/ec2-user/SageMaker", str(home)
    )
    text = text.replace("/usr/local/bin/htrlib-set-up", str(tmp_path / "set-up"))
    text = text.replace("chown ec2-user:", "true").replace("nohup bash", "bash").rstrip(" &\n")
    for _ in range(2):
        subprocess.run(
            ["bash", "-c", text],
            check=True,
            env={**os.environ, "PATH": f"{binaries}:/usr/bin:/bin"},
        )
        log = (home / "htrlib-set-up.log").read_text()
        assert log.splitlines()[-1] == "htrlib is ready", log
    outputs = json.loads((work.parent / "stack_outputs.json").read_text())
    assert outputs["S3Bucket"] == "<Bucket>"
    assert (work / "kept.json").is_file()
    assert (work / "before-update" / "0_demo.ipynb").read_text() == "of before"
    assert (work.parent / "0_demo.ipynb").read_text() == "of now"
    assert len((tmp_path / "aws").read_text().splitlines()) == 1, (
        "what is there is not fetched again"
    )
    assert "libquadmath" in (tmp_path / "dnf").read_text()


def test_the_notebook_finds_all_outputs():
    template = read()
    written = re.search(r"<<'OUTPUTS'\n(.*?)\n\s*OUTPUTS", script_of(template), re.S)[1]
    assert set(json.loads(written)) == set(template["Outputs"])

"""Reading with ONNX Runtime only, and without anything specific to Linux."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import builtins, importlib.abc, io, os, sys

MISSING = {"mxnet", "gluoncv", "onnx", "scipy", "skimage", "fcntl", "resource"}
for name in MISSING:
    sys.modules.pop(name, None)

class Elsewhere(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def without_proc(opener):
    def opened(file, *arguments, **options):
        if isinstance(file, (str, os.PathLike)) and os.fspath(file).startswith("/proc"):
            raise FileNotFoundError(file)
        return opener(file, *arguments, **options)
    return opened

sys.meta_path.insert(0, Elsewhere())
builtins.open = io.open = without_proc(open)
for name in ("fork", "forkpty", "register_at_fork", "sched_getaffinity", "setsid", "getuid"):
    if hasattr(os, name):
        delattr(os, name)

from htrlib.cli.main import main
status = main(sys.argv[1:])
assert not MISSING & set(sys.modules), MISSING & set(sys.modules)
sys.exit(status)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, cwd=ROOT
    )


@pytest.mark.slow
def test_pages_are_read_without_mxnet_and_without_linux(default_bundle: str) -> None:
    pages = [str(ROOT / "examples" / "data" / f"{name}.png") for name in ("letter", "form")]
    done = run("transcribe", *pages, "--jobs", "2")
    assert done.returncode == 0, done.stderr
    assert "Dear Ida" in done.stdout and done.stdout.count("==>") == 2


def test_the_engine_of_mxnet_says_what_it_needs_in_a_line(default_bundle: str) -> None:
    page = str(ROOT / "examples" / "data" / "letter.png")
    done = run("transcribe", page, "--engine", "mxnet")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "MXNet" in done.stderr and "Linux" in done.stderr


def test_training_says_what_it_needs_in_a_line(tmp_path: Path) -> None:
    output = str(tmp_path / "new")
    done = run("train", "line-recognition", "--train", "lines", str(tmp_path), "--output", output)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "MXNet" in done.stderr

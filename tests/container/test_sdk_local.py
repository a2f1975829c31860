"""The example for SageMaker's own Python library, in its local mode, with the image."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import htrlib
from htrlib import data
from tests.aws.conftest import SDK_PYTHONS
from tests.aws.test_examples import LETTER, SAGEMAKER
from tests.container.running import IMAGE, NO_IMAGE
from tests.training.conftest import make_lines

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not IMAGE, reason=NO_IMAGE),
    pytest.mark.skipif("sdk.py" not in SDK_PYTHONS, reason="HTRLIB_SAGEMAKER_PYTHON is not set"),
]


def test_the_image_trains_and_serves_in_local_mode(folder: Path, tmp_path: Path) -> None:
    texts = ("a red cat", "an oak door", "on and on", "no road")
    data.write_lines_folder(make_lines(16, texts=4 * texts), folder / "labels")
    tools = tmp_path / "bin"
    tools.mkdir()
    stand_in = Path(__file__).with_name("compose_stand_in.py")
    docker = tools / "docker"
    docker.write_text(f'#!/bin/sh\nPYTHONPATH= exec "{sys.executable}" "{stand_in}" "$@"\n')
    docker.chmod(0o755)
    account = {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "HOME": str(tmp_path),
        "PATH": f"{tools}:{os.environ['PATH']}",
    }
    command = ("sdk.py", folder / "labels", "--local", "--image", IMAGE, "--epochs", 1)
    script, *arguments = map(str, (*command, "--page", LETTER))
    done = subprocess.run(
        [SDK_PYTHONS["sdk.py"], str(SAGEMAKER / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **account},
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    words = set(htrlib.transcribe(LETTER).text.split())
    read = words & set(done.stdout.split())
    assert len(read) > 0.5 * len(words), done.stdout

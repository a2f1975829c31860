from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from tests.aws.conftest import aws, bucket, front, loader, moto_address  # noqa: F401
from tests.container.running import Run
from tests.sagemaker.conftest import script  # noqa: F401


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    runs = Run(tmp_path)
    yield runs
    for container in runs.containers:
        container.end()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder to mount, which other users may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)

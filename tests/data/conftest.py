from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from PIL import Image

MakePicture = Callable[..., Path]


@pytest.fixture()
def make_picture(tmp_path: Path) -> MakePicture:
    """Makes blank pictures in the test's folder."""

    def make(name: str, width: int = 200, height: int = 100) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (width, height), 255).save(path)
        return path

    return make


@pytest.fixture()
def shared_data() -> Path:
    """The folder of real data, which is not part of the project."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return folder

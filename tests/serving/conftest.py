"""A shared server that reads, and a model whose code does what a request asks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Iterator

import numpy as np
import pytest
from PIL import Image

from htrlib.bundle import BUNDLED, CONFIG, DEFAULT, write_bundle
from htrlib.document.charset import Charset
from tests.serving.running import Served, serving

EXAMPLES = Path(__file__).parents[2] / "examples" / "data"

# Runs as a model's own code, so that no test has to wait for a page to be read.
OBEDIENT = """
import os
import time
from pathlib import Path

BROKEN = Path(__file__).with_name("broken")  # while it is there nothing is read
LOADING = Path(__file__).with_name("loading")  # while it is there the model is being loaded
RELEASE = Path(__file__).with_name("release")  # what is held ends when it is there


def model_fn(model_dir):
    while LOADING.exists():
        time.sleep(0.02)
    return model_dir


def transform_fn(model, body, content_type, accept):
    words = bytes(body).split()
    if words[:1] == [b"break"]:
        BROKEN.touch()
    if words[:1] == [b"fail"] or BROKEN.exists():
        raise RuntimeError("as told")
    while words[:1] == [b"hold"] and not RELEASE.exists():
        time.sleep(0.02)
    if words[:1] == [b"work"]:
        Path(__file__).with_name("working").touch()
        end = time.monotonic() + float(words[1])
        while time.monotonic() < end:
            pass
    if words[:1] == [b"sleep"]:
        time.sleep(float(words[1]))
    if words[:1] == [b"die"]:
        os.kill(os.getpid(), 9)
    if words[:1] == [b"large"]:
        return b" " * int(words[1]), "text/plain"
    return b"%d" % os.getpid(), "text/plain"
"""


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small written page in several formats."""
    folder = tmp_path_factory.mktemp("pages")
    with Image.open(EXAMPLES / "letter.png") as letter:
        page = letter.convert("L").crop((100, 100, 1100, 420))
    page.save(folder / "page.png")
    page.save(folder / "page.jpg", quality=90)
    page.save(folder / "page.tif")
    blank = Image.fromarray(np.full((60, 90), 255, np.uint8))
    page.save(folder / "two.tif", save_all=True, append_images=[blank])
    blank.save(folder / "blank.png")
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Served]:
    """A server of the default bundle with two workers."""
    if not (BUNDLED / DEFAULT / CONFIG).is_file():
        pytest.skip(f"the bundle {DEFAULT!r} is not in the tree yet")
    with serving(["--workers", "2"]) as served:
        yield served


@pytest.fixture(scope="session")
def obedient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle without networks whose code sleeps, dies or writes as much as a request says."""
    bundle = tmp_path_factory.mktemp("models") / "obedient"
    config = {"name": "obedient", "version": "1", "networks": {}}
    write_bundle(bundle, config, Charset.from_text("abc"), {})
    (bundle / "code").mkdir()
    (bundle / "code" / "inference.py").write_text(OBEDIENT, encoding="utf-8")
    return bundle


@pytest.fixture
def broken_bundle(tmp_path: Path) -> Path:
    """A bundle with a file that does not match its checksum."""
    broken = tmp_path / "broken"
    shutil.copytree(BUNDLED / DEFAULT, broken)
    (broken / "paragraph.npz").write_bytes(b"damaged")
    return broken

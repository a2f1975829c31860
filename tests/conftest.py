"""Fixtures that several test modules share."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Callable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from htrlib import compiled
from htrlib.bundle import BUNDLED, CONFIG, DEFAULT, write_bundle
from htrlib.document.charset import Charset

# No timing in tests: on a busy machine an example takes as long as it takes. The examples are the
# same in each run, so that a failure tells of the change that was made, not of chance.
settings.register_profile("patient", deadline=None, derandomize=True)
settings.register_profile(
    "thorough",
    deadline=None,
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "20000")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")

SLOW_FIXTURES = {
    "moto_address",  # AWS, stood in for
    "moto_url",
    "server",  # htr serve
    "launch",  # trainings as processes of their own
    "trained",
    "browser",
}
"""Fixtures whose tests are slow, each marked so."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Mark the tests that use a slow fixture, and give the properties more examples if asked to."""
    for item in items:
        if item.config.getoption("--hypothesis-profile") == "thorough":
            take_more_examples(item)
        if SLOW_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def take_more_examples(item: pytest.Item) -> None:
    """Run properties with many examples, regardless of the number in the test."""
    function = getattr(getattr(item, "obj", None), "__func__", getattr(item, "obj", None))
    own = getattr(function, "_hypothesis_internal_use_settings", None)  # there is no public way
    if own is not None:
        more = settings.get_profile("thorough").max_examples
        function._hypothesis_internal_use_settings = settings(own, max_examples=more)


@pytest.fixture
def heeded_hangups() -> Iterator[None]:
    """Let this process, and those it starts, heed SIGHUP, which `nohup pytest` ignores."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


TINY_RECOGNIZER = {
    "num_classes": 4,
    "stem": 2,
    "blocks": [[3, [2, 1]]],
    "hidden": 4,
    "dropout": 0.0,
}


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Path:
    """A bundle of the symbols a, b, c with an untrained recognizer."""
    from htrlib.engines.mxnet import building, runner

    block = building.build("line-recognition", TINY_RECOGNIZER)
    block.initialize()
    runner.run(block, np.zeros((1, 1, 16, 32), dtype=np.float32))
    write_bundle(
        tmp_path / "tiny",
        {"name": "tiny", "version": "7", "networks": {"line-recognition": TINY_RECOGNIZER}},
        Charset.from_text("abc"),
        {"line-recognition": runner.get_parameters(block)},
        {"words.lm": b"a model"},
    )
    return tmp_path / "tiny"


@pytest.fixture
def default_bundle() -> str:
    """The name of the default bundle; skips the test if it is missing."""
    if not (BUNDLED / DEFAULT / CONFIG).is_file():
        pytest.skip(f"the bundle {DEFAULT!r} is not in the tree yet")
    return DEFAULT


@pytest.fixture(params=("in C", "in Python"), scope="module")
def inner_loops(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs a module's tests with the C part, if built, and with Python's loops."""
    if request.param == "in C":
        if compiled.library is None:
            pytest.skip("the C part was not built; it takes a compiler")
        yield
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled, "library", None)
            yield


@pytest.fixture()
def make_picture(tmp_path: Path) -> Callable[..., Path]:
    """Creates blank pictures in the test's folder."""

    def make(name: str, width: int = 200, height: int = 100) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (width, height), 255).save(path)
        return path

    return make


@pytest.fixture()
def shared_data() -> Path:
    """The folder of real data, which is not part of the project."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return folder

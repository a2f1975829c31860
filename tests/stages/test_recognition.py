from __future__ import annotations

from pathlib import Path
from typing import Tuple

import numpy as np
import pytest
from numpy.typing import NDArray

from htrlib.bundle import load_bundle, write_bundle
from htrlib.document.charset import Charset
from htrlib.document.geometry import Box
from htrlib.document.results import TextLine
from htrlib.engines.mxnet import building, runner
from htrlib.engines.mxnet.framework import mx
from htrlib.errors import ImageError
from htrlib.stages import recognition
from htrlib.stages.recognition import recognize_line, recognize_lines

NETWORK = {
    "num_classes": 4,
    "stem": 4,
    "blocks": [[6, [2, 2]], [8, [2, 1]]],
    "hidden": 5,
    "dropout": 0.0,
    "height": 32,
    "max_width": 400,
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    block = building.build("line-recognition", NETWORK)
    block.initialize(mx.init.Normal(0.3))
    runner.run(block, np.zeros((1, 1, 32, 64), dtype=np.float32))
    directory = tmp_path_factory.mktemp("bundles") / "small"
    config = {"name": "small", "version": "1", "networks": {"line-recognition": NETWORK}}
    parameters = {"line-recognition": runner.get_parameters(block)}
    write_bundle(directory, config, Charset.from_text("abc"), parameters)
    return directory


@pytest.fixture(scope="module")
def page() -> NDArray[np.uint8]:
    """White paper covered with strokes."""
    rng = np.random.default_rng(5)
    page = np.full((300, 900), 255, np.uint8)
    for x, y in zip(rng.integers(0, 890, 400), rng.integers(0, 280, 400)):
        page[y : y + 12, x : x + 3] = 30
    return page


def lines(*widths: float) -> Tuple[TextLine, ...]:
    return tuple(
        TextLine(Box(10, 20 + 40 * i, 10 + width, 52 + 40 * i)) for i, width in enumerate(widths)
    )


def test_a_batch_says_what_its_lines_say_alone(bundle: Path, page: NDArray[np.uint8]) -> None:
    several = lines(60, 200, 64, 310, 210)
    together = recognize_lines(page, several, bundle=str(bundle))
    for line, said in zip(several, together):
        alone = recognize_line(page, line, bundle=str(bundle))
        np.testing.assert_allclose(said.values, alone.values, atol=1e-4)


def test_each_frame_is_a_distribution(bundle: Path, page: NDArray[np.uint8]) -> None:
    (said,) = recognize_lines(page, lines(200), bundle=str(bundle))
    assert said.values.dtype == np.float32
    assert said.values.shape[1] == 4
    np.testing.assert_allclose(np.exp(said.values).sum(axis=1), 1.0, atol=1e-5)


def test_frames_span_the_line_on_the_page(bundle: Path, page: NDArray[np.uint8]) -> None:
    (line,) = lines(400)
    said = recognize_line(page, line, bundle=str(bundle))
    whole = said.frame_box(0, len(said.values))
    assert whole is not None
    assert whole.left <= line.box.left and whole.right >= line.box.right
    half = said.frame_box(0, len(said.values) // 2)
    assert half is not None
    assert half.right == pytest.approx(whole.center[0], abs=whole.width / len(said.values))


def test_a_line_wider_than_the_cap_is_cut_and_joined(bundle: Path, page: NDArray[np.uint8]) -> None:
    (said,) = recognize_lines(page, lines(880), bundle=str(bundle))
    strip = said.strip
    assert strip is not None
    columns = 32 * (strip.right - strip.left) / strip.height
    assert columns > NETWORK["max_width"]
    assert len(said.values) == pytest.approx(columns / 4, abs=4)


def test_doubtful_lines_are_recognized_twice(bundle: Path, page: NDArray[np.uint8]) -> None:
    first, second = recognize_lines(page, lines(200, 60), bundle=str(bundle))  # random weights
    for said in (first, second):
        assert said.again is not None and said.again.again is None
        assert len(said.again.values) > 1.25 * len(said.values)
        assert said.again.strip == said.strip


def test_sure_lines_are_recognized_once(
    bundle: Path, page: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "mean_sureness", lambda lines: 0.95)
    (said,) = recognize_lines(page, lines(200), bundle=str(bundle))
    assert said.again is None


def test_a_bundle_says_below_what_sureness_lines_are_recognized_twice(
    bundle: Path, page: NDArray[np.uint8], tmp_path: Path
) -> None:
    said = load_bundle(bundle)
    config = {**said.config, "decoding": {"look_again_below": 0.0}}
    parameters = {"line-recognition": said.stored_parameters("line-recognition")}
    write_bundle(tmp_path / "once", config, said.charset, parameters)
    (once,) = recognize_lines(page, lines(200), bundle=str(tmp_path / "once"))
    assert once.again is None


def test_no_lines_say_nothing(bundle: Path, page: NDArray[np.uint8]) -> None:
    assert recognize_lines(page, (), bundle=str(bundle)) == ()


def test_a_line_off_the_page_is_read_as_paper(bundle: Path, page: NDArray[np.uint8]) -> None:
    beyond = TextLine(Box(2000, 2000, 2300, 2040))
    said = recognize_line(page, beyond, bundle=str(bundle))
    assert np.isfinite(said.values).all()


def test_an_array_that_is_no_page_is_refused(bundle: Path) -> None:
    with pytest.raises(ImageError, match="uint8"):
        recognize_lines(np.zeros((4, 4)), lines(60), bundle=str(bundle))  # type: ignore[arg-type]

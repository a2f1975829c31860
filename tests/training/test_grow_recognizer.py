"""A larger recognizer from a smaller one's weights: `examples/pretrain/grow_recognizer.py`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Callable, List

import numpy as np
import pytest
from numpy.typing import NDArray

from htrlib.bundle import Bundle, load_bundle
from htrlib.engines.network_shapes import RecognizerConfig

pytestmark = pytest.mark.slow  # reads and writes a bundle, and runs both networks

NETWORK = "line-recognition"
Grown = Callable[..., Bundle]


@pytest.fixture
def grow_recognizer(script: Callable[[str], Any]) -> Any:
    return script("grow_recognizer")


@pytest.fixture
def grown(grow_recognizer: Any, tmp_path: Path) -> Grown:
    """Grows the bundled recognizer with the given command options."""

    def grow(*options: str) -> Bundle:
        base = load_bundle("english").directory
        grow_recognizer.main([str(base), str(tmp_path / "larger"), *options])
        return load_bundle(tmp_path / "larger")

    return grow


def logits(bundle: Bundle) -> NDArray[np.float32]:
    ink = np.zeros((64, 400), np.uint8)
    ink[20:44, 30:360:9] = 220
    (read,) = bundle.engine("onnx-float32", "cpu").read_lines([ink])
    return read


def test_a_wider_recognizer_reads_as_before(
    grown: Grown, grow_recognizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grow_recognizer, "NOISE", 0.0)
    wider = grown("--channels", "40", "90", "128", "200", "200", "--hidden", "200")
    assert wider.network_config(NETWORK)["hidden"] == 200
    np.testing.assert_allclose(logits(wider), logits(load_bundle("english")), atol=1e-3)


def test_copies_differ_by_a_little_noise(grown: Grown) -> None:
    weight = grown("--hidden", "200").parameters(NETWORK)["rnn1._unfused.0.l_cell.h2h_weight"]
    rows = np.split(weight[:, :192], 4)[0]
    nearest = np.abs(rows[192:, np.newaxis] - rows[np.newaxis, :192]).mean(axis=2).min(axis=1)
    assert (nearest > 0).all()
    assert (nearest < 0.1 * rows.std()).all()


def test_an_added_lstm_hands_on_what_it_sees(grown: Grown) -> None:
    deeper = grown("--layers", "3")
    before, after = logits(load_bundle("english")), logits(deeper)
    assert (before.argmax(axis=1) == after.argmax(axis=1)).mean() > 0.9


@pytest.mark.parametrize("options", [["--hidden", "100"], ["--layers", "1"], ["--channels", "40"]])
def test_a_recognizer_can_only_grow(grown: Grown, options: List[str]) -> None:
    with pytest.raises(SystemExit, match="recognizer"):
        grown(*options)


def test_the_shape_stands_in_the_new_bundle(grown: Grown) -> None:
    old = RecognizerConfig.from_dict(load_bundle("english").network_config(NETWORK))
    new = RecognizerConfig.from_dict(grown("--layers", "3").network_config(NETWORK))
    assert asdict(new) == asdict(replace(old, layers=3))

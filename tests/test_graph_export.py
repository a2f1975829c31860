from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from htrlib import graph_export
from htrlib.bundle import CHECKSUMS, load_bundle, write_bundle
from htrlib.document.charset import Charset
from htrlib.errors import DeviceError

pytest.importorskip("onnx", reason="the package onnx is not installed")


@pytest.fixture
def readable_bundle(tiny_bundle: Path) -> Path:
    """A bundle whose configuration gives the height of lines."""
    bundle = load_bundle(tiny_bundle)
    numbers = {**bundle.network_config("line-recognition"), "height": 16, "max_width": 256}
    config = {"name": "tiny", "version": "8", "networks": {"line-recognition": numbers}}
    parameters = {"line-recognition": bundle.parameters("line-recognition")}
    write_bundle(tiny_bundle, config, bundle.charset, parameters, {"words.lm": b"a model"})
    return tiny_bundle


@pytest.mark.slow
def test_int8_graphs_are_added_and_all_else_stays(readable_bundle: Path) -> None:
    before = load_bundle(readable_bundle)
    assert before.int8_graph("line-recognition") is None
    expected = before.parameters("line-recognition")
    after = graph_export.add_int8_graphs(before)
    graph = after.int8_graph("line-recognition")
    assert graph is not None and graph.stat().st_size > 1000
    assert after.extra_files == ("words.lm",)
    assert {**after.config, "engines": {}} == {**before.config, "engines": {}}
    for name, array in after.parameters("line-recognition").items():
        np.testing.assert_array_equal(array, expected[name])


@pytest.mark.slow
def test_adding_them_again_changes_nothing(readable_bundle: Path) -> None:
    graph_export.add_int8_graphs(load_bundle(readable_bundle))
    sums = (readable_bundle / CHECKSUMS).read_bytes()
    graph_export.add_int8_graphs(load_bundle(readable_bundle))
    assert (readable_bundle / CHECKSUMS).read_bytes() == sums


@pytest.mark.slow
@pytest.mark.parametrize("changed", [False, True])
def test_graphs_of_networks_that_training_left_as_they_were_are_copied(
    readable_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    before = graph_export.add_int8_graphs(load_bundle(readable_bundle))
    parameters = before.stored_parameters("line-recognition")
    if changed:
        parameters = {name: array + 1 for name, array in parameters.items()}
    config = {"name": "new", "version": "1", "networks": before.config["networks"]}
    write_bundle(tmp_path / "new", config, before.charset, {"line-recognition": parameters})
    quantized, quantize = [], graph_export.quantized_graphs

    def seen(networks: Any, names: Any) -> Any:
        quantized.extend(names)
        return quantize(networks, names)

    monkeypatch.setattr(graph_export, "quantized_graphs", seen)
    after = graph_export.add_int8_graphs(load_bundle(tmp_path / "new"), before)
    assert quantized == (["line-recognition"] if changed else [])
    for part in ("line-recognition", "line-recognition-recurrence"):
        ours, theirs = after.int8_graph(part), before.int8_graph(part)
        assert ours is not None and theirs is not None
        assert (ours.read_bytes() == theirs.read_bytes()) is not changed


@pytest.mark.slow
def test_graphs_of_other_parameters_are_not_kept(readable_bundle: Path) -> None:
    bundle = graph_export.add_int8_graphs(load_bundle(readable_bundle))
    extra = {name: bundle.file(name).read_bytes() for name in bundle.extra_files}
    parameters = {"line-recognition": bundle.parameters("line-recognition")}
    write_bundle(readable_bundle, bundle.config, Charset.from_text("abc"), parameters, extra)
    again = load_bundle(readable_bundle)
    assert again.int8_graph("line-recognition") is None
    assert not list(readable_bundle.glob("*.onnx"))


@pytest.mark.slow
@pytest.mark.parametrize("precision", graph_export.PRECISIONS)
def test_graphs_are_given_in_each_precision(readable_bundle: Path, precision: str) -> None:
    import onnx

    (content,) = graph_export.onnx_graphs(load_bundle(readable_bundle), precision).values()
    model = onnx.load_from_string(content)
    assert {output.name for output in model.graph.output} == {"logits"}


@pytest.mark.slow
def test_int8_that_is_far_from_float32_is_told(readable_bundle: Path) -> None:
    bundle = graph_export.add_int8_graphs(load_bundle(readable_bundle))
    (found,) = graph_export.check_graphs(bundle)
    assert found.network == "line-recognition" and "of the characters" in found.text
    others = dict(bundle.parameters("line-recognition"))
    others["head.bias"] = np.array([99, 0, 0, 0], np.float32)  # float32 writes one letter a line
    parts = ("line-recognition", "line-recognition-recurrence")
    graphs = {name: graph.read_bytes() for name in parts if (graph := bundle.int8_graph(name))}
    assert len(graphs) == 2
    write_bundle(
        readable_bundle,
        bundle.config,
        bundle.charset,
        {"line-recognition": others},
        int8_graphs=graphs,
    )
    (found,) = graph_export.check_graphs(load_bundle(readable_bundle))
    assert not found.close_enough


def test_without_onnx_the_error_says_what_to_install(
    readable_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "onnx":
            raise ImportError("No module named 'onnx'")
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DeviceError, match=r"pip install 'htrlib\[export\]'"):
        graph_export.add_int8_graphs(load_bundle(readable_bundle))

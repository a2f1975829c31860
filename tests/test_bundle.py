from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np
import pytest

from htrlib import bundle as bundle_module
from htrlib.bundle import (
    CHECKSUMS,
    ENVIRONMENT_VARIABLE,
    FORMAT_VERSION,
    Bundle,
    bundled_names,
    load_bundle,
    write_bundle,
)
from htrlib.decoding.decoding_options import bundled_options
from htrlib.document.charset import Charset
from htrlib.engines.mxnet import runner
from htrlib.errors import BundleError, BundleMismatchError, BundleNotFoundError, DeviceError

LINES = np.random.default_rng(0).random((2, 1, 16, 40), dtype=np.float32)

ONE_NETWORK = {"name": "one", "version": "1", "networks": {"net": {}}}


def rewrite(directory: Path, name: str, change: Callable[[Dict[str, Any]], None]) -> None:
    """Change a JSON file of a bundle and its checksum."""
    content = json.loads((directory / name).read_text())
    change(content)
    (directory / name).write_text(json.dumps(content))
    if name != CHECKSUMS:
        digest = hashlib.sha256((directory / name).read_bytes()).hexdigest()
        rewrite(directory, CHECKSUMS, lambda sums: sums.update({name: digest}))


def test_what_was_written_is_read(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    assert (bundle.name, bundle.version, bundle.label) == ("tiny", "7", "tiny 7")
    assert bundle.charset == Charset.from_text("abc")
    assert bundle.network_config("line-recognition")["hidden"] == 4
    assert bundle.file("words.lm").read_bytes() == b"a model"
    assert bundle.decoding == {}


def test_a_network_gives_the_output_of_the_one_that_was_written(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    block = bundle.engine("mxnet", "cpu").network("line-recognition")
    again = bundle.parameters("line-recognition")
    for name, array in runner.get_parameters(block).items():
        np.testing.assert_array_equal(array, again[name])
    assert runner.run(block, LINES).shape == (2, 20, 4)


def test_a_network_is_built_once(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    assert bundle.engine("mxnet").network("line-recognition") is bundle.engine(
        "mxnet", "cpu"
    ).network("line-recognition")


def test_half_precision_parameters_load_as_single(tmp_path: Path) -> None:
    array = np.array([0.1, 2.5], dtype=np.float16)
    write_bundle(tmp_path / "b", ONE_NETWORK, Charset.from_text("a"), {"net": {"w": array}})
    loaded = load_bundle(tmp_path / "b").parameters("net")["w"]
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, array.astype(np.float32))


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    parameters = {"net": {"w": np.arange(6.0).reshape(2, 3)}}
    for name in ("a", "b"):
        write_bundle(tmp_path / name, ONE_NETWORK, Charset.from_text("a"), parameters)
    assert (tmp_path / "a" / CHECKSUMS).read_bytes() == (tmp_path / "b" / CHECKSUMS).read_bytes()


def test_writing_leaves_nothing_beside_the_bundle(tiny_bundle: Path) -> None:
    assert [path.name for path in tiny_bundle.parent.iterdir()] == ["tiny"]


def test_a_bundle_written_anew_is_loaded_anew(tmp_path: Path) -> None:
    directory = tmp_path / "b"
    for symbols in ("ab", "abc"):
        write_bundle(directory, ONE_NETWORK, Charset.from_text(symbols), {"net": {}})
        assert len(load_bundle(directory).charset) == len(symbols)


def test_the_same_directory_is_loaded_once(tiny_bundle: Path) -> None:
    roundabout = tiny_bundle / ".." / "tiny"
    assert load_bundle(str(roundabout)) is load_bundle(tiny_bundle)


def test_a_bundle_is_given_back_as_it_is(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    assert load_bundle(bundle) is bundle


def test_the_environment_names_the_default(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(tiny_bundle))
    assert load_bundle().name == "tiny"


def test_writing_refuses_a_directory_that_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(BundleError, match="is not a bundle"):
        write_bundle(tmp_path, ONE_NETWORK, Charset.from_text("a"), {"net": {}})
    assert (tmp_path / "letters.txt").read_text() == "dear"


def test_writing_wants_the_parameters_of_each_network(tmp_path: Path) -> None:
    with pytest.raises(BundleMismatchError, match="networks with parameters"):
        write_bundle(tmp_path / "b", ONE_NETWORK, Charset.from_text("a"), {"other": {}})


def test_an_unknown_name_is_told_which_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BundleNotFoundError, match="klingon") as caught:
        load_bundle("klingon")
    assert all(name in str(caught.value) for name in bundled_names())
    assert isinstance(caught.value, FileNotFoundError)


def test_a_file_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "model.npz").touch()
    with pytest.raises(BundleError, match="not a directory"):
        load_bundle(tmp_path / "model.npz")


def test_a_directory_of_something_else_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is not a bundle"):
        load_bundle(tmp_path)


@pytest.mark.parametrize(
    "name", ["config.json", "charset.json", "line-recognition.npz", "words.lm"]
)
def test_a_changed_byte_is_found(tiny_bundle: Path, name: str) -> None:
    content = bytearray((tiny_bundle / name).read_bytes())
    content[-3] ^= 1
    (tiny_bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        load_bundle(tiny_bundle)


@pytest.mark.parametrize("name", ["config.json", "charset.json", "line-recognition.npz"])
def test_a_missing_file_is_named(tiny_bundle: Path, name: str) -> None:
    (tiny_bundle / name).unlink()
    with pytest.raises(BundleError, match=name.replace(".", r"\.")):
        load_bundle(tiny_bundle)


def test_a_file_without_a_checksum_is_not_used(tiny_bundle: Path) -> None:
    rewrite(tiny_bundle, CHECKSUMS, lambda sums: sums.pop("line-recognition.npz"))
    with pytest.raises(BundleError, match="line-recognition"):
        load_bundle(tiny_bundle)


def test_a_path_out_of_the_directory_is_refused(tiny_bundle: Path) -> None:
    rewrite(tiny_bundle, CHECKSUMS, lambda sums: sums.update({"../secret": "0" * 64}))
    with pytest.raises(BundleError, match="not a plain file name"):
        load_bundle(tiny_bundle)


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"{", b"\xff\xfe"])
def test_a_spoiled_list_of_checksums_is_found(tiny_bundle: Path, content: bytes) -> None:
    (tiny_bundle / CHECKSUMS).write_bytes(content)
    with pytest.raises(BundleError, match=CHECKSUMS):
        load_bundle(tiny_bundle)


def test_a_newer_format_asks_for_a_newer_library(tiny_bundle: Path) -> None:
    rewrite(tiny_bundle, "config.json", lambda c: c.update(format_version=FORMAT_VERSION + 1))
    with pytest.raises(BundleMismatchError, match="newer htrlib") as caught:
        load_bundle(tiny_bundle)
    assert caught.value.found == f"version {FORMAT_VERSION + 1}"


@pytest.mark.parametrize("key", ["name", "version", "networks", "format_version"])
def test_a_missing_key_is_named(tiny_bundle: Path, key: str) -> None:
    rewrite(tiny_bundle, "config.json", lambda config: config.pop(key))
    with pytest.raises(BundleError, match=key):
        load_bundle(tiny_bundle)


@pytest.mark.parametrize("networks", [[], {"net": {}}, {"net": 3}, {"net": {"file": "x.npz"}}])
def test_spoiled_networks_are_found(tiny_bundle: Path, networks: object) -> None:
    rewrite(tiny_bundle, "config.json", lambda config: config.update(networks=networks))
    with pytest.raises(BundleError):
        load_bundle(tiny_bundle)


DEEP = b"[" * 100_000


@pytest.mark.parametrize("name", [CHECKSUMS, "config.json", "charset.json"])
def test_json_that_is_nested_too_deeply_is_found(tiny_bundle: Path, name: str) -> None:
    (tiny_bundle / name).write_bytes(DEEP)
    if name != CHECKSUMS:
        digest = hashlib.sha256(DEEP).hexdigest()
        rewrite(tiny_bundle, CHECKSUMS, lambda sums: sums.update({name: digest}))
    with pytest.raises(BundleError, match=f"{name} is not valid JSON"):
        load_bundle(tiny_bundle)


@pytest.mark.parametrize(
    "decoding", [None, [1], {"language_models": ["words.lm"]}, {"language_models": {"de": "no.lm"}}]
)
def test_spoiled_decoding_is_found(tiny_bundle: Path, decoding: object) -> None:
    rewrite(tiny_bundle, "config.json", lambda config: config.update(decoding=decoding))
    with pytest.raises(BundleError, match=r"missing or invalid entry|no file 'no\.lm'"):
        load_bundle(tiny_bundle)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lm_weight", "heavy"),
        ("temperature", None),
        ("insertion_bonus", True),
        ("calibration", []),
        ("calibration", {"weights": {}}),
        ("calibration", {"weights": 3, "bias": 0}),
        ("calibration", {"weights": {"none": 1}, "bias": 0}),
    ],
)
def test_a_spoiled_parameter_of_decoding_is_named(
    tiny_bundle: Path, name: str, value: object
) -> None:
    rewrite(tiny_bundle, "config.json", lambda config: config.update(decoding={name: value}))
    with pytest.raises(BundleError, match=rf"decoding\.{name}"):
        bundled_options(load_bundle(tiny_bundle), with_model=False)


def stored(file: Callable[..., None], **arrays: Any) -> bytes:
    """What NumPy writes."""
    content = io.BytesIO()
    file(content, **arrays)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        stored(np.save, arr=np.zeros(3)),
        stored(np.savez, a=np.array(["x"])),
        stored(np.savez, a=np.zeros(2, np.complex64)),
        stored(np.savez_compressed, a=np.zeros(9))[:100],
        b"",
    ],
    ids=["one array", "texts", "complex", "cut", "empty"],
)
def test_spoiled_parameters_are_found(tiny_bundle: Path, content: bytes) -> None:
    (tiny_bundle / "line-recognition.npz").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    rewrite(tiny_bundle, CHECKSUMS, lambda sums: sums.update({"line-recognition.npz": digest}))
    with pytest.raises(BundleError, match=r"npz does not hold the parameters of a network \("):
        load_bundle(tiny_bundle).parameters("line-recognition")


def test_a_file_that_cannot_be_read_is_named(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_bytes

    def refused(path: Path) -> bytes:
        if path.name == "words.lm":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(BundleError, match=r"words\.lm cannot be read: Permission denied"):
        load_bundle(tiny_bundle)


@pytest.mark.parametrize("symbols", [None, 3, ["a", "a"], [], ["ab"], [1]])
def test_a_spoiled_charset_is_found(tiny_bundle: Path, symbols: object) -> None:
    rewrite(tiny_bundle, "charset.json", lambda content: content.update(symbols=symbols))
    with pytest.raises(BundleError, match=r"charset\.json"):
        load_bundle(tiny_bundle)


def test_a_charset_of_another_size_than_the_recognizer_is_found(tiny_bundle: Path) -> None:
    rewrite(tiny_bundle, "charset.json", lambda content: content.update(symbols=["x"]))
    with pytest.raises(BundleMismatchError, match="classes") as caught:
        load_bundle(tiny_bundle)
    assert (caught.value.expected, caught.value.found) == (2, 4)


def test_parameters_of_another_shape_are_found(tiny_bundle: Path) -> None:
    rewrite(
        tiny_bundle, "config.json", lambda c: c["networks"]["line-recognition"].update(hidden=5)
    )
    with pytest.raises(BundleMismatchError, match="shape"):
        load_bundle(tiny_bundle).engine("mxnet").network("line-recognition")


def test_parameters_of_another_network_are_found(tiny_bundle: Path) -> None:
    rewrite(
        tiny_bundle,
        "config.json",
        lambda c: c["networks"]["line-recognition"]["blocks"].append([3, [1, 1]]),
    )
    with pytest.raises(BundleMismatchError, match="missing"):
        load_bundle(tiny_bundle).engine("mxnet").network("line-recognition")


def test_a_network_that_is_not_there_is_named(tiny_bundle: Path) -> None:
    with pytest.raises(BundleMismatchError, match="paragraph"):
        load_bundle(tiny_bundle).engine("mxnet").network("paragraph")


def test_pickled_parameters_are_refused(tmp_path: Path) -> None:
    array = np.array([{"not": "a number"}], dtype=object)
    write_bundle(tmp_path / "b", ONE_NETWORK, Charset.from_text("a"), {"net": {"w": array}})
    with pytest.raises(BundleError, match="does not hold the parameters"):
        load_bundle(tmp_path / "b").parameters("net")


@pytest.mark.parametrize("device", ["tpu", "gpu:", "gpu:-1", "CPU", ""])
def test_a_device_that_is_none_is_refused(tiny_bundle: Path, device: str) -> None:
    with pytest.raises(DeviceError, match="'gpu:N'"):
        load_bundle(tiny_bundle).engine("mxnet", device).network("line-recognition")


def test_a_gpu_that_is_not_there_is_one_line(tiny_bundle: Path) -> None:
    with pytest.raises(DeviceError, match="gpu:99") as caught:
        load_bundle(tiny_bundle).engine("mxnet", "gpu:99").network("line-recognition")
    assert "\n" not in str(caught.value)


def test_config_charset_and_files_need_no_mxnet(tiny_bundle: Path) -> None:
    code = (
        "import sys, htrlib; b = htrlib.load_bundle(sys.argv[1]); b.charset; b.file('words.lm');"
        "b.parameters('line-recognition'); sys.exit('mxnet' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, str(tiny_bundle)], check=True)


def test_a_copied_bundle_is_the_same_bundle(tiny_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_bundle, tmp_path / "copy")
    copied: Bundle = load_bundle(tmp_path / "copy")
    first = runner.run(load_bundle(tiny_bundle).engine("mxnet").network("line-recognition"), LINES)
    np.testing.assert_array_equal(
        runner.run(copied.engine("mxnet").network("line-recognition"), LINES), first
    )


def test_what_lies_in_a_bundle_s_directory_stays_when_it_is_replaced(tiny_bundle: Path) -> None:
    bundle = load_bundle(tiny_bundle)
    (tiny_bundle / "NOTES.md").write_text("mine")
    (tiny_bundle / "run").mkdir()
    (tiny_bundle / "run" / "last.npz").write_text("state")
    networks = {name: bundle.stored_parameters(name) for name in bundle.config["networks"]}
    config = {key: value for key, value in bundle.config.items() if key != "engines"}
    write_bundle(tiny_bundle, config, bundle.charset, networks)
    assert (tiny_bundle / "NOTES.md").read_text() == "mine"
    assert (tiny_bundle / "run" / "last.npz").is_file()
    assert load_bundle(tiny_bundle).label == bundle.label


def test_a_file_that_is_no_part_of_a_bundle_is_not_taken_for_one(tmp_path: Path) -> None:
    charset, directory = Charset.from_text("a"), tmp_path / "b"
    write_bundle(directory, ONE_NETWORK, charset, {"net": {}})
    (directory / "own.lm").write_bytes(b"by hand")
    before = (directory / CHECKSUMS).read_bytes()
    with pytest.raises(BundleError, match=r"has own\.lm, which is no part"):
        write_bundle(directory, ONE_NETWORK, charset, {"net": {}}, {"own.lm": b"another"})
    assert (directory / "own.lm").read_bytes() == b"by hand"
    assert (directory / CHECKSUMS).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize("failing", ["new", "b.txt"])
def test_a_bundle_that_cannot_be_replaced_stays_with_all_that_is_in_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    directory = tmp_path / "b"
    write_bundle(directory, ONE_NETWORK, Charset.from_text("a"), {"net": {}})
    for name in ("a.txt", "b.txt", "c.txt"):
        (directory / name).write_text("mine")
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    rename = Path.rename

    def fail(path: Path, target: Path) -> Path:
        if path.name == failing:
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="no"):
        write_bundle(directory, ONE_NETWORK, Charset.from_text("ab"), {"net": {}})
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_bundle_that_is_replaced_while_it_is_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, read = tmp_path / "b", bundle_module.read_file
    write_bundle(directory, ONE_NETWORK, Charset.from_text("a"), {"net": {}})
    replaced = []

    def replace(folder: Path, name: str) -> bytes:
        content = read(folder, name)
        if not replaced:
            replaced.append(name)
            write_bundle(directory, ONE_NETWORK, Charset.from_text("ab"), {"net": {}})
        return content

    monkeypatch.setattr(bundle_module, "read_file", replace)
    assert len(load_bundle(directory).charset) == 2
    assert replaced == [CHECKSUMS]


def test_a_bundle_that_is_away_for_a_moment_is_waited_for(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = tiny_bundle.rename(tiny_bundle.with_name("away"))
    monkeypatch.setattr(bundle_module.time, "sleep", lambda seconds: away.rename(tiny_bundle))
    assert load_bundle(tiny_bundle).name == "tiny"


def test_a_damaged_bundle_is_not_read_again(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle_module.time, "sleep", lambda seconds: pytest.fail("it waits"))
    (tiny_bundle / "config.json").unlink()
    with pytest.raises(BundleError, match=r"config\.json"):
        load_bundle(tiny_bundle)

"""Bundles: the networks, charset and language model of a model, in one directory.

::

    config.json       name, version, format_version, the numbers of each network and of decoding
    charset.json      {"symbols": [...]}
    NETWORK.npz       the parameters of each network, by structural name
    NETWORK.int8.onnx networks in 8-bit integers for ONNX Runtime, see `graph_export`
    *.lm              a language model, where there is one
    checksums.json    file name -> SHA-256

``docs/data-formats.md`` has the keys. Nothing in a bundle is code, and nothing is unpickled.
`Bundle.engine` runs the networks.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.atomic_files import replace_folder
from htrlib.bundle_files import (
    CHARSET,
    CHECKSUMS,
    CONFIG,
    FORMAT_VERSION,
    check_files,
    check_version,
    parse_json,
    read_arrays,
    read_charset,
    read_file,
    sha256,
    write_json,
)
from htrlib.document.charset import Charset
from htrlib.engines.choice import make_engine
from htrlib.engines.port import RECOGNIZER, Engine, EngineLike
from htrlib.errors import BundleError, BundleMismatchError, BundleNotFoundError

__all__ = ["BUNDLED", "CHARSET", "CHECKSUMS", "CONFIG", "DEFAULT", "FORMAT_VERSION", "Bundle"]
__all__ += ["ENVIRONMENT_VARIABLE", "Parameters", "bundled_names", "check_replaceable"]
__all__ += ["load_bundle", "write_bundle"]

DEFAULT = "english"
"""The bundle used when neither the caller nor the environment names one."""

ENVIRONMENT_VARIABLE = "HTRLIB_BUNDLE"

BUNDLED = Path(__file__).parent / "bundles"

Parameters = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A model directory with verified checksums.

    Attributes:
        directory: its location.
        config: the content of `config.json`.
        charset: the symbols that the recognizer outputs.
    """

    directory: Path
    config: Mapping[str, Any]
    charset: Charset
    _files: Mapping[str, str] = field(repr=False)
    _engines: Dict[Tuple[Optional[str], Optional[str]], Engine] = field(
        default_factory=dict, init=False, repr=False
    )
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    @property
    def name(self) -> str:
        return str(self.config["name"])

    @property
    def version(self) -> str:
        return str(self.config["version"])

    @property
    def label(self) -> str:
        """Name and version, as stored in a `PageResult`."""
        return f"{self.name} {self.version}"

    @property
    def decoding(self) -> Mapping[str, Any]:
        """The decoding parameters."""
        decoding: Mapping[str, Any] = self.config.get("decoding", {})
        return decoding

    def decoding_number(self, name: str, default: float) -> float:
        """A number among the decoding parameters.

        Raises:
            BundleError: there is something else in its place.
        """
        value = self.decoding.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BundleError(
                f"{self.directory / CONFIG}: decoding.{name} must be a number, found {value!r}"
            )
        return float(value)

    def network_config(self, name: str) -> Mapping[str, Any]:
        """The configuration of a network: its architecture and its input format.

        Raises:
            BundleMismatchError: the bundle has no such network.
        """
        networks: Mapping[str, Mapping[str, Any]] = self.config["networks"]
        if name not in networks:
            raise BundleMismatchError(
                f"bundle {self.label} in {self.directory}", f"a network {name!r}", sorted(networks)
            )
        return networks[name]

    def file(self, name: str) -> Path:
        """The path of a file, whose checksum was verified when the bundle was loaded.

        Raises:
            BundleError: there is no such file.
        """
        if name not in self._files:
            raise BundleError(
                f"bundle {self.label} in {self.directory}: no file {name!r} in {CHECKSUMS}, which "
                f"has {', '.join(sorted(self._files))}"
            )
        return self.directory / name

    @property
    def size(self) -> int:
        """Total size of the files in bytes."""
        return sum((self.directory / name).stat().st_size for name in self._files)

    @property
    def extra_files(self) -> Tuple[str, ...]:
        """Files other than configuration, charset and networks: language models."""
        networks = {str(numbers["file"]) for numbers in self.config["networks"].values()}
        known = networks.union(self._int8_graphs.values(), (CONFIG, CHARSET))
        return tuple(sorted(set(self._files) - known))

    @property
    def _int8_graphs(self) -> Mapping[str, str]:
        """Network -> file name."""
        graphs: Mapping[str, str] = self.config.get("engines", {}).get("onnx", {})
        return graphs

    def int8_graph(self, network: str) -> Optional[Path]:
        """The 8-bit ONNX file of a network, or None if the bundle has none."""
        name = self._int8_graphs.get(network)
        return None if name is None else self.file(name)

    def parameters(self, name: str) -> Dict[str, NDArray[np.float32]]:
        """The parameters of a network by structural name, converted to float32.

        Raises:
            BundleError: the file is not an archive of arrays.
            BundleMismatchError: the bundle has no such network.
        """
        return {k: value.astype(np.float32) for k, value in self.stored_parameters(name).items()}

    def stored_parameters(self, name: str) -> Dict[str, NDArray[Any]]:
        """The parameters of a network in their stored type; see `parameters`."""
        return read_arrays(self.file(str(self.network_config(name)["file"])))

    def checksum(self, name: str) -> Optional[str]:
        """The SHA-256 of the file of a network's parameters, or None without the network."""
        networks = self.config["networks"]
        return self._files[str(networks[name]["file"])] if name in networks else None

    def engine(self, engine: EngineLike = None, device: Optional[str] = None) -> Engine:
        """Return the engine that runs the bundle's networks, created once per name and device.

        Args:
            engine: "onnx", "mxnet", ...; None means the one named by HTRLIB_ENGINE, or else the
                fastest one installed. An `Engine` is returned unchanged.
            device: "cpu", "gpu" or "gpu:N"; None means the first GPU, or the CPU if there is none.
        Raises:
            ConfigError: there is no engine of that name.
            DeviceError: the device or the engine's framework is missing.
        """
        if engine is not None and not isinstance(engine, str):
            return engine
        key = engine, device
        with self._lock:
            if key not in self._engines:
                made = make_engine(self, engine, device)
                self._engines[key] = self._engines.setdefault((made.name, made.device), made)
            return self._engines[key]


_PAUSES = (0.02, 0.05, 0.1)  # seconds until a bundle that is being replaced is loaded again

_loaded: Dict[Path, Tuple[bytes, Bundle]] = {}


def load_bundle(bundle: Union[str, Path, Bundle, None] = None) -> Bundle:
    """Load a bundle. A bundle that is already loaded is returned.

    Args:
        bundle: a name, the path of a directory, or a `Bundle` (returned unchanged). None means the
            one named by the environment variable HTRLIB_BUNDLE, or else "english".
    Raises:
        BundleNotFoundError: no bundle has that name, or the directory does not exist.
        BundleError: the directory is not a bundle, or is damaged.
        BundleMismatchError: the bundle needs a newer htrlib, or its parts do not match.
    """
    if isinstance(bundle, Bundle):
        return bundle
    wanted = bundle or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT
    with contextlib.suppress(BundleError):
        return _load_found(wanted)
    return _load_anew(wanted)


def _load_anew(wanted: Union[str, Path]) -> Bundle:
    """Load a bundle that could not be loaded, perhaps as it was being replaced."""
    for pause in _PAUSES:
        before = _checksums_of(wanted)
        try:
            return _load_found(wanted)
        except BundleError:
            if before is not None and before == _checksums_of(wanted):
                raise
            time.sleep(pause)  # it is missing, or was replaced while it was read
    return _load_found(wanted)


def _load_found(wanted: Union[str, Path]) -> Bundle:
    directory = _find(wanted).resolve()
    checksums = read_file(directory, CHECKSUMS)
    known = _loaded.get(directory)
    if known is None or known[0] != checksums:  # reload a directory that has changed
        known = _loaded[directory] = (checksums, _load(directory, checksums))
    return known[1]


def bundled_names() -> Tuple[str, ...]:
    """The names of the bundles included in the package."""
    return tuple(sorted(path.parent.name for path in BUNDLED.glob(f"*/{CONFIG}")))


def write_bundle(
    directory: Path,
    config: Mapping[str, Any],
    charset: Charset,
    parameters: Mapping[str, Parameters],
    extra_files: Optional[Mapping[str, bytes]] = None,
    int8_graphs: Optional[Mapping[str, bytes]] = None,
) -> None:
    """Write a bundle, replacing an existing one as a whole.

    Args:
        directory: the destination; its parent must exist.
        config: name, version, and the configuration of each network and of decoding. This function
            adds `format_version` and each network's `file` and `engines`.
        charset: the symbols that the recognizer outputs.
        parameters: network -> structural name -> array, stored in its own type.
        extra_files: file name -> content, for example the language model.
        int8_graphs: network -> content of its ONNX file, created from these parameters.
    Raises:
        BundleError: the directory exists and is not a bundle, or has other files of the names of
            the new bundle's.
        OSError: the bundle cannot be written; the old one stays.
        BundleMismatchError: `config` and `parameters` name different networks.
    """
    directory = Path(directory).resolve()
    check_replaceable(directory)
    if sorted(config["networks"]) != sorted(parameters):
        raise BundleMismatchError(
            "networks with parameters", sorted(config["networks"]), sorted(parameters)
        )
    networks = {
        name: {**numbers, "file": f"{name}.npz"} for name, numbers in config["networks"].items()
    }
    graphs = {f"{name}.int8.onnx": content for name, content in (int8_graphs or {}).items()}
    engines = {"onnx": {name: f"{name}.int8.onnx" for name in int8_graphs or {}}}
    whole_config = {
        **config,
        "format_version": FORMAT_VERSION,
        "networks": networks,
        "engines": engines,
    }
    with tempfile.TemporaryDirectory(prefix=f".{directory.name}-", dir=directory.parent) as scratch:
        fresh = Path(scratch, "new")
        fresh.mkdir()
        write_json(fresh / CONFIG, whole_config)
        write_json(fresh / CHARSET, {"symbols": list(charset.symbols)})
        for name, arrays in parameters.items():
            np.savez_compressed(fresh / f"{name}.npz", **dict(arrays))
        for name, content in {**(extra_files or {}), **graphs}.items():
            (fresh / name).write_bytes(content)
        sums = {path.name: sha256(path) for path in sorted(fresh.iterdir())}
        write_json(fresh / CHECKSUMS, sums)
        _replace(directory, fresh, Path(scratch, "old"))


def _replace(directory: Path, fresh: Path, old: Path) -> None:
    """Put a new bundle in the place of an old one, which is moved away but for what is no part."""
    if not directory.exists():
        fresh.rename(directory)
        return
    others = _others_in(directory)
    in_the_way = [name for name in others if (fresh / name).exists()]
    if in_the_way:
        raise BundleError(
            f"{directory} has {', '.join(in_the_way)}, which is no part of its bundle, and the new "
            "bundle has a file of that name; move it away, or choose another directory"
        )
    replace_folder(directory, fresh, old, others)


def _others_in(directory: Path) -> List[str]:
    """Return the names of what lies in a bundle's directory and is no part of it, such as notes."""
    known = {CHECKSUMS, *parse_json(directory / CHECKSUMS, (directory / CHECKSUMS).read_bytes())}
    return [path.name for path in directory.iterdir() if path.name not in known]


def check_replaceable(directory: Path) -> None:
    """Check that `write_bundle` may write to a directory.

    Raises:
        BundleError: the path exists and is not a bundle.
    """
    if not directory.exists() or (directory / CHECKSUMS).is_file():
        return
    if not directory.is_dir() or any(directory.iterdir()):
        raise BundleError(f"{directory} exists and is not a bundle; choose another directory")


def _place(name: Union[str, Path]) -> Path:
    """Return where the bundle of a name or path lies, if there is one."""
    return BUNDLED / name if isinstance(name, str) and name in bundled_names() else Path(name)


def _checksums_of(name: Union[str, Path]) -> Optional[bytes]:
    """Return the checksums of a bundle as they are now, or None where there are none."""
    try:
        return (_place(name) / CHECKSUMS).read_bytes()
    except (OSError, ValueError):
        return None


def _find(name: Union[str, Path]) -> Path:
    """Return the directory for a bundle's name or path."""
    path = _place(name)
    if path.is_dir():
        return path
    if path.exists():
        raise BundleError(f"{path} is not a directory; a bundle is a directory with {CONFIG}")
    there = ", ".join(bundled_names()) or "none"
    raise BundleNotFoundError(
        f"no bundle {str(name)!r}: it is neither a directory nor an included bundle ({there})"
    )


def _load(directory: Path, checksums: bytes) -> Bundle:
    files = parse_json(directory / CHECKSUMS, checksums)
    config = parse_json(directory / CONFIG, read_file(directory, CONFIG))
    # before the checksums, which a newer format may store differently
    check_version(directory, config)
    check_files(directory, files)
    charset = read_charset(directory / CHARSET)
    bundle = Bundle(directory, config, charset, files)
    try:
        for network in (bundle.network_config(name) for name in config["networks"]):
            bundle.file(network["file"])
        models = bundle.decoding.get("language_models", {}).values()
        for name in (*bundle._int8_graphs.values(), *models):
            bundle.file(name)
        classes = config["networks"].get(RECOGNIZER, {}).get("num_classes")
    except (KeyError, TypeError, AttributeError) as error:
        raise BundleError(
            f"{directory / CONFIG} has a missing or invalid entry: {error}"
        ) from error
    if classes not in (None, len(charset) + 1):
        raise BundleMismatchError(
            f"{directory}: classes of the recognizer (symbols of the charset, and the blank)",
            len(charset) + 1,
            classes,
        )
    return bundle

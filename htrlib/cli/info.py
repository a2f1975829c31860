"""`htr info`: versions, engines, devices and bundles, for bug reports."""

from __future__ import annotations

import argparse
import platform
from importlib import metadata
from typing import List, Optional

from htrlib._version import __version__
from htrlib.errors import HtrError

LIBRARIES = ("numpy", "Pillow")
PACKAGES = {"onnx": ("onnxruntime", "onnxruntime-gpu"), "mxnet": ("mxnet", "mxnet-cu112")}
"""Engine -> the packages that provide its framework."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = "Show versions, engines with their devices, and bundles."
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what is installed, and return the exit status."""
    print(f"htrlib {__version__}, Python {platform.python_version()}, {platform.platform()}")
    print(", ".join(f"{name} {_version(name) or 'missing'}" for name in LIBRARIES))
    for row in (*_engines(), _decoding(), *_bundles()):
        print(row)
    return 0


def _version(package: str) -> Optional[str]:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _engines() -> List[str]:
    from htrlib.bundle import load_bundle
    from htrlib.engines.choice import ENGINES, default_engine

    try:
        rows = [f"default engine: {default_engine()}"]
    except HtrError as error:
        rows = [f"no engine: {error}"]
    variants = {name for name in ENGINES if name.startswith("onnx-")}
    for name in sorted({*PACKAGES, *ENGINES} - variants):
        packages = PACKAGES.get(name, ())
        found = [f"{package} {_version(package)}" for package in packages if _version(package)]
        try:
            device = load_bundle().engine(name).device
            rows.append(f"engine {name}: {', '.join(found) or 'installed'}, device {device}")
        except HtrError as error:
            rows.append(f"engine {name}: {', '.join(found) or 'not installed'} ({error})")
    return rows


def _decoding() -> str:
    from htrlib import compiled

    if compiled.library is None:
        return "decoding: in Python; reinstall htrlib where there is a C compiler to decode faster"
    lstms = "in C" if compiled.runs_lstms() else "by ONNX Runtime; in C with AVX-512 VNNI"
    return f"decoding: in C\n8-bit LSTMs: {lstms}"


def _bundles() -> List[str]:
    from htrlib.bundle import bundled_names, load_bundle

    bundles = map(load_bundle, bundled_names())
    return [
        f"bundle {bundle.label}: {bundle.directory}, {bundle.size / 1e6:.1f} MB"
        for bundle in bundles
    ]

"""`htr bundle list|info|check|export`: list, check and export bundles."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List

from htrlib.errors import ConfigError

PRECISIONS = ("int8", "float32", "float16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)

    listing = actions.add_parser("list", help="list the bundles included in the package")
    listing.set_defaults(run=_list)

    info = actions.add_parser("info", help="show the contents of a bundle")
    info.add_argument("bundle", nargs="?", metavar="BUNDLE", help="name or directory")
    info.set_defaults(run=_info)

    check = actions.add_parser(
        "check",
        help="verify a bundle's files and its int8 networks",
        description="Verify the checksums of a bundle, run each network once, and compare int8 "
        "with float32 on rendered pages and lines. The exit status is 1 if they differ too much.",
    )
    check.add_argument("bundle", nargs="?", metavar="BUNDLE", help="name or directory")
    check.set_defaults(run=_check)

    export = actions.add_parser(
        "export",
        help="write a bundle's networks as ONNX graphs",
        description="Quantize a bundle's networks to 8-bit integers and store them in it, which "
        "makes reading on CPUs up to four times as fast. Run this again after changing the "
        "networks. With --output, write ONNX files to a folder and leave the bundle unchanged.",
    )
    export.add_argument("bundle", metavar="BUNDLE", help="name or directory")
    export.add_argument("--engine", choices=("onnx",), default="onnx", help="(default: onnx)")
    export.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=PRECISIONS[0],
        help="float32 and float16 only with --output: engines make them from the bundle's "
        "parameters (default: %(default)s)",
    )
    export.add_argument("--output", type=Path, metavar="DIR", help="write to this folder")
    export.set_defaults(run=_export)


def _list(args: argparse.Namespace) -> int:
    from htrlib.bundle import bundled_names, load_bundle

    for name in bundled_names():
        bundle = load_bundle(name)
        print(f"{name}  version {bundle.version}  {bundle.size / 1e6:.1f} MB  {bundle.directory}")
    return 0


def _info(args: argparse.Namespace) -> int:
    from htrlib.bundle import load_bundle

    bundle = load_bundle(args.bundle)
    print(
        f"{bundle.label}\n  directory  {bundle.directory}\n  size       {bundle.size / 1e6:.1f} MB"
    )
    print(f"  symbols    {len(bundle.charset)}: {''.join(bundle.charset.symbols)}")
    for name in bundle.config["networks"]:
        count = sum(array.size for array in bundle.stored_parameters(name).values())
        stored = ", int8 for ONNX Runtime" if bundle.int8_graph(name) else ""
        print(f"  network    {name}: {count / 1e6:.2f} million parameters{stored}")
    for name in bundle.extra_files:
        print(f"  file       {name}: {bundle.file(name).stat().st_size / 1e6:.1f} MB")
    return 0


def _check(args: argparse.Namespace) -> int:
    from htrlib.bundle import load_bundle
    from htrlib.graph_export import check_graphs

    bundle = load_bundle(args.bundle)
    print(f"{bundle.label}: all checksums match")
    good = True
    for found in check_graphs(bundle):
        good = good and found.close_enough
        print(f"{found.network}: {found.text}")
    if not good:
        print("htr: recreate the int8 graphs: htr bundle export", file=sys.stderr)
    return int(not good)


def _export(args: argparse.Namespace) -> int:
    from htrlib.bundle import load_bundle
    from htrlib.graph_export import INT8, add_int8_graphs, onnx_graphs

    bundle = load_bundle(args.bundle)
    if args.output is None:
        if args.precision != INT8:
            raise ConfigError(
                f"--precision {args.precision} is not stored in bundles, since engines make it "
                "from the parameters; give --output DIR to write ONNX files"
            )
        add_int8_graphs(bundle)
        _print_sizes(sorted(bundle.directory.glob("*.onnx")))
        return 0
    args.output.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in onnx_graphs(bundle, args.precision).items():
        paths.append(args.output / f"{name}.{args.precision}.onnx")
        paths[-1].write_bytes(content)
    _print_sizes(paths)
    return 0


def _print_sizes(paths: List[Path]) -> None:
    for path in paths:
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")

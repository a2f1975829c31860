"""The layers hold: imports point down, and heavy libraries stay where they belong.

Imports are read from the source, so that one inside a function counts too.
"""

from __future__ import annotations

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Set

import pytest

import htrlib

PACKAGE = Path(htrlib.__file__).parent

# A module imports from its own layer and from those after it.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("serving",),
    ("aws",),
    ("training",),
    ("evaluation",),
    ("jobs",),
    ("pipeline",),
    ("stages", "formats"),
    ("bundle",),
    ("networks",),
    ("data",),
    ("language", "metrics", "page_image", "line_image", "imaging"),
    ("charset", "document", "geometry", "device", "memory", "archives"),
    ("errors",),
)
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# `data` knows pictures and types; only its batches for training are MXNet's.
EXCEPTIONS = {("data.batching", "networks")}

# Decoding is a stage too; that it loads without MXNet is seen further down. Jobs load MXNet before
# they fork, so that they share it.
NETWORK_USERS = {"bundle", "data.batching", "jobs", "networks", "stages", "training"}

# library -> the parts of htrlib that may import it
CONFINED = {
    "mxnet": ("networks",),
    "gluoncv": ("training",),
    "boto3": ("aws",),
    "botocore": ("aws",),
    "aiohttp": ("serving",),
    "sagemaker_inference": ("serving",),
    "sagemaker": (),
    "cv2": (),
    "torch": (),
    "pickle": (),
}


def modules() -> Dict[str, ast.Module]:
    """Module name without the leading `htrlib.` -> its source tree."""
    trees = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:  # the package itself names everything, lazily
            trees[name] = ast.parse(path.read_text(encoding="utf-8"))
    return trees


MODULES = modules()


def imports(tree: ast.AST) -> Iterator[str]:
    """The full dotted names that a module imports, `from a import b` as `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(name: str) -> Set[str]:
    """The modules and names of htrlib that a module imports, without the leading `htrlib.`."""
    prefix = "htrlib."
    return {full[len(prefix) :] for full in imports(MODULES[name]) if full.startswith(prefix)}


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down(name: str) -> None:
    top = name.split(".")[0]
    assert top in RANKS, f"{top} has no layer: give it one here and in docs/architecture.md"
    for target in own_imports(name):
        target_top = target.split(".")[0]
        if (name, target_top) not in EXCEPTIONS:
            assert RANKS[target_top] >= RANKS[top], f"{name} imports {target}, which lies above it"


@pytest.mark.parametrize("name", MODULES)
def test_only_what_runs_networks_imports_them_and_mxnet_with_them(name: str) -> None:
    if not {name, name.split(".")[0]} & NETWORK_USERS:
        assert not [target for target in own_imports(name) if target.split(".")[0] == "networks"]


@pytest.mark.parametrize("name", MODULES)
def test_heavy_libraries_stay_where_they_belong(name: str) -> None:
    for full in imports(MODULES[name]):
        library = full.split(".")[0]
        if library in CONFINED:
            assert name.split(".")[0] in CONFINED[library], f"{name} imports {library}"


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs sys.stdlib_module_names")
def test_every_library_that_is_imported_is_declared() -> None:
    setup = configparser.ConfigParser()
    setup.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    declared = setup["options"]["install_requires"]
    declared += "".join(setup["options.extras_require"].values())
    libraries = {full.split(".")[0] for tree in MODULES.values() for full in imports(tree)}
    for library in libraries - set(sys.stdlib_module_names) - {"htrlib"}:
        project = {"PIL": "Pillow", "skimage": "scikit-image"}.get(
            library, library.replace("_", "-")
        )
        assert re.search(rf"^{project}\b", declared, re.MULTILINE), f"{library} is not declared"


@pytest.mark.parametrize("name", [n for n in MODULES if n.split(".")[0] not in ("cli", "__main__")])
def test_library_code_does_not_print(name: str) -> None:
    calls = (node.func for node in ast.walk(MODULES[name]) if isinstance(node, ast.Call))
    assert not [call.lineno for call in calls if isinstance(call, ast.Name) and call.id == "print"]


def loaded_after(statement: str) -> List[str]:
    """The top-level packages that a fresh interpreter has after a statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    "statement",
    [
        "import htrlib",
        "import htrlib; htrlib.load_image, htrlib.Box, htrlib.decode, htrlib.load_bundle",
        "import htrlib.formats.overlay, htrlib.formats.json_format, htrlib.metrics, htrlib.data",
        "from htrlib.cli.main import build_parser; build_parser()",
    ],
)
def test_what_needs_no_network_loads_no_heavy_library(statement: str) -> None:
    assert not {"mxnet", "gluoncv", "boto3", "torch"} & set(loaded_after(statement))


@pytest.mark.parametrize(
    "statement",
    ["import htrlib", "from htrlib.cli.main import build_parser; build_parser(['serve'])"],
)
def test_the_package_and_the_server_s_command_load_the_standard_library_alone(
    statement: str,
) -> None:
    assert not {"numpy", "PIL", "scipy", "skimage"} & set(loaded_after(statement))

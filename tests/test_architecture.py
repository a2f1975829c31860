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
from typing import Dict, Iterator, List, Mapping, Set

import pytest

import htrlib

PACKAGE = Path(htrlib.__file__).parent

# A room imports from its own layer and from those after it.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("serving",),
    ("review",),
    ("sagemaker",),
    ("aws",),
    ("client",),
    ("training",),
    ("evaluation",),
    ("reading",),
    ("stages",),
    ("layout", "decoding"),
    ("graph_export",),
    ("bundle",),
    ("bundle_files",),
    ("engines",),
    ("formats",),
    ("data",),
    ("synthesis",),
    ("language", "metrics", "images"),
    ("document", "archives"),
    ("compiled", "registry", "atomic_files"),
    ("errors", "progress", "ending_signals", "_version"),
)
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}

# The former name of a program, kept for those who start it: module -> the room it leads to.
FORWARDED = {"training.sagemaker": "sagemaker"}

# Imports by name that lead up, for the convenience of users: module -> what it loads when called.
LOADED_BY_NAME = {("document.results", "formats.saving")}

# Rooms that may name a framework's engine; the others ask the bundle for one.
ENGINE_USERS = {"bundle", "graph_export", "engines", "training"}
FRAMEWORK_ROOMS = ("engines.mxnet", "engines.onnx")

# Rooms that compose the stages. Other modules may use one stage, never several.
COMPOSERS = ("reading",)
# Training prepares pages at the sizes that the two stages of finding see.
USERS_OF_SEVERAL_STAGES = {"training.tasks.pixel_labeling"}

LONGEST_MODULE = 450  # lines
LONGEST_FUNCTION = 40  # lines without the docstring

# library -> the parts of htrlib that may import it
CONFINED = {
    "mxnet": ("engines.mxnet",),
    "onnx": ("engines.onnx",),
    "onnxruntime": ("engines.onnx",),
    "gluoncv": ("training",),
    "boto3": ("aws",),
    "botocore": ("aws",),
    "aiohttp": ("review", "serving"),
    "sagemaker_inference": ("serving.mms",),
    "pypdfium2": ("images.pdf",),
    "pikepdf": ("formats", "images.pdf_content"),
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


def imported_modules(name: str) -> Set[str]:
    """The modules of htrlib that a module imports; of `from a import b`, b where it is one."""
    found = set()
    for target in own_imports(name):
        while target and target not in MODULES:
            target = target.rpartition(".")[0]
        if target and target != name:
            found.add(target)
    return found


def upward(graph: Mapping[str, Set[str]]) -> List[str]:
    """The imports that lead to a higher layer."""
    return [
        f"{name} imports {target}"
        for name, targets in graph.items()
        for target in sorted(targets)
        if RANKS[target.split(".")[0]] < RANKS[name.split(".")[0]]
        and FORWARDED.get(name) != target.split(".")[0]
    ]


def circle(graph: Mapping[str, Set[str]]) -> List[str]:
    """Modules that import each other in a circle, or an empty list."""
    done: Set[str] = set()
    for start in graph:
        path: List[str] = []
        steps = [iter((start,))]
        while steps:
            target = next(steps[-1], None)
            if target is None:
                steps.pop()
                if path:
                    done.add(path.pop())
            elif target in path:
                return path[path.index(target) :]
            elif target not in done:
                path.append(target)
                steps.append(iter(sorted(graph.get(target, ()))))
    return []


def room(name: str) -> str:
    return name.rpartition(".")[0]


def shared_names(graph: Mapping[str, Set[str]]) -> List[str]:
    """Modules of one name in two rooms of which one imports from the other."""
    neighbors = {
        (room(name), room(target))
        for name, targets in graph.items()
        for target in targets
        if room(name) != room(target) and room(name) and room(target)
    }
    names = [name for name in graph if room(name) and not name.endswith("__main__")]
    return [
        f"{first} and {second}"
        for first in names
        for second in names
        if first.rpartition(".")[2] == second.rpartition(".")[2]
        and (room(first), room(second)) in neighbors
    ]


def composers(graph: Mapping[str, Set[str]]) -> Set[str]:
    """The modules outside `COMPOSERS` and the stages that import several stages."""
    return {
        name
        for name, targets in graph.items()
        if sum(target.startswith("stages.") for target in targets) > 1
        and name.split(".")[0] not in (*COMPOSERS, "stages")
    }


GRAPH = {name: imported_modules(name) for name in MODULES}


def test_every_room_has_a_layer_and_every_layer_s_room_is_there() -> None:
    rooms = {name.split(".")[0] for name in MODULES}
    assert rooms == set(RANKS), "give it a layer here and in docs/architecture.md, or take it out"
    listed = [*FRAMEWORK_ROOMS, *FORWARDED, *FORWARDED.values(), *ENGINE_USERS]
    listed += [*COMPOSERS, *USERS_OF_SEVERAL_STAGES]
    listed += [place for places in CONFINED.values() for place in places]
    assert not [name for name in listed if name not in MODULES]


def test_imports_point_down() -> None:
    assert not upward(GRAPH)
    assert upward({"document.results": {"cli.main"}})


def test_few_imports_by_name_point_up() -> None:
    loaded = {
        (name, call.args[0].value[len("htrlib.") :])
        for name, tree in MODULES.items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).endswith("import_module")
        and isinstance(call.args[0], ast.Constant)
        and call.args[0].value.startswith("htrlib.")
    }
    assert {pair for pair in loaded if upward({pair[0]: {pair[1]}})} == LOADED_BY_NAME


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert not circle(GRAPH)
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


def test_neighboring_rooms_have_no_modules_of_one_name() -> None:
    assert not shared_names(GRAPH)
    assert shared_names({"a.x": {"b.y"}, "b.y": set(), "b.x": set()})


def test_only_reading_composes_the_stages() -> None:
    assert composers(GRAPH) == USERS_OF_SEVERAL_STAGES
    assert composers({"cli.x": {"stages.lines", "stages.decoding"}}) == {"cli.x"}


def test_modules_are_short_enough_to_read() -> None:
    lengths = {
        path: len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")
    }
    assert not {path: lines for path, lines in lengths.items() if lines > LONGEST_MODULE}


def long_functions(tree: ast.AST) -> Iterator[str]:
    """The functions with more lines than `LONGEST_FUNCTION`, not counting their docstrings."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0]
            docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(node) else 0
            lines = node.end_lineno - node.lineno + 1 - docstring
            if lines > LONGEST_FUNCTION:
                yield f"{node.name}: {lines} lines"


def test_functions_are_short_enough_to_read() -> None:
    found = {name: list(long_functions(tree)) for name, tree in MODULES.items()}
    assert not {name: functions for name, functions in found.items() if functions}
    lines = ['    """Return."""', *["    pass"] * LONGEST_FUNCTION]
    assert list(long_functions(ast.parse("\n".join(["def long():", *lines]))))
    assert not list(long_functions(ast.parse("\n".join(["def short():", *lines[:-1]]))))


@pytest.mark.parametrize("name", MODULES)
def test_nothing_above_the_engines_names_a_framework_s(name: str) -> None:
    if not {name, name.split(".")[0]} & ENGINE_USERS:
        assert not [target for target in GRAPH[name] if target.startswith(FRAMEWORK_ROOMS)]


@pytest.mark.parametrize("name", MODULES)
def test_heavy_libraries_stay_where_they_belong(name: str) -> None:
    for full in imports(MODULES[name]):
        library = full.split(".")[0]
        if library in CONFINED:
            assert f"{name}.".startswith(tuple(f"{place}." for place in CONFINED[library])), (
                f"{name} imports {library}"
            )


@pytest.mark.skipif(sys.version_info < (3, 10), reason="needs sys.stdlib_module_names")
def test_every_library_that_is_imported_is_declared() -> None:
    setup = configparser.ConfigParser()
    setup.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    declared = setup["options"]["install_requires"]
    declared += "".join(setup["options.extras_require"].values())
    libraries = {full.split(".")[0] for tree in MODULES.values() for full in imports(tree)}
    for library in libraries - set(sys.stdlib_module_names) - {"htrlib"}:
        project = {"PIL": "Pillow"}.get(library, library.replace("_", "-"))
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
    [
        "import htrlib",
        "from htrlib.cli.main import build_parser; build_parser(['serve'])",
        "from htrlib.serving.protocol import answer_of; answer_of('text/markdown')",
    ],
)
def test_the_package_and_the_server_s_command_load_the_standard_library_alone(
    statement: str,
) -> None:
    assert not {"numpy", "PIL", "scipy", "skimage"} & set(loaded_after(statement))

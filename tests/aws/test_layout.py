"""All AWS calls go through `Aws`."""

from __future__ import annotations

import ast
from pathlib import Path

import htrlib.aws


def test_no_call_goes_around_the_session():
    """Other clients would lack time-outs, helpful errors and dry runs."""
    for path in Path(htrlib.aws.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert path.stem == "session" or "boto3" not in [name.name for name in node.names]

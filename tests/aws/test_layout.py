"""There is one way to AWS."""

from __future__ import annotations

import ast
from pathlib import Path

import htrlib.aws


def test_no_call_goes_around_the_session():
    """Else it would have no time-outs, no errors that say what to do, and no dry run."""
    for path in Path(htrlib.aws.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert path.stem == "session" or "boto3" not in [name.name for name in node.names]

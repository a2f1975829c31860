"""Name the kernel that notebooks open with.

    python name_kernel.py htrlib *.ipynb

Needs the standard library alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def name_kernel(kernel: str, notebook: Path) -> None:
    """Write a kernel's name into a notebook, if it names another."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    spec = content["metadata"].setdefault("kernelspec", {"language": "python"})
    if spec.get("name") == kernel:
        return
    spec.update(name=kernel, display_name=kernel)
    text = json.dumps(content, indent=1, ensure_ascii=False)
    notebook.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    for path in sys.argv[2:]:
        name_kernel(sys.argv[1], Path(path))

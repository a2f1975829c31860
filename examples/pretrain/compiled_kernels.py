"""Kernels in C for the training of the twin, compiled when it starts."""

from __future__ import annotations

import ctypes
import functools
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Optional

from torch import Tensor

from htrlib.engines.cpu_features import has_bfloat16


@functools.cache
def compiled(name: str) -> Optional[ctypes.CDLL]:
    """The library of a C file beside this one; None without a compiler, or bfloat16 in AVX-512."""
    if not has_bfloat16():
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "kernels.so")
        command = ["gcc", "-O3", "-march=native", "-shared", "-fPIC"]
        source = Path(__file__).with_name(name)
        try:
            subprocess.run([*command, source, "-o", library], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return ctypes.CDLL(os.fspath(library))


def address(array: Optional[Tensor], offset: int = 0) -> ctypes.c_void_p:
    """Where the elements of an array begin, from an offset; NULL for None."""
    if array is None:
        return ctypes.c_void_p(None)
    return ctypes.c_void_p(array.data_ptr() + offset * array.element_size())

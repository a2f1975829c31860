"""Builds the optional C part; all else about the package is in setup.cfg."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

SOURCES = Path("htrlib", "compiled_sources")

# One build serves all Pythons from 3.11, in whose stable interface buffers are.
limited = sys.version_info >= (3, 11) and not sysconfig.get_config_var("Py_GIL_DISABLED")
gcc_like = sysconfig.get_config_var("CC") is not None

setup(
    ext_modules=[
        Extension(
            "htrlib._compiled",
            sorted(str(path) for path in SOURCES.glob("*.c")),
            depends=[str(path) for path in SOURCES.glob("*.h")],
            define_macros=[("Py_LIMITED_API", "0x030b0000")] if limited else [],
            # The same numbers as Python's on machines that multiply and add in one step too.
            extra_compile_args=["-std=c11", "-ffp-contract=off"] if gcc_like else [],
            py_limited_api=limited,
            optional=True,
        )
    ]
)

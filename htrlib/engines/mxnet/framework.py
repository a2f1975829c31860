"""Import and configure MXNet. This is the only module that imports it for reading."""

from __future__ import annotations

import importlib.util
import os

import numpy

from htrlib.errors import DeviceError

# Pages come in all sizes, and oneDNN plans each layer for each shape; without a limit, the plans of
# a thousand pages fill the memory. Higher limits took 100 MB more and were a fiftieth faster.
# Layers run one by one and need only one piece of scratch memory; each further piece would grow to
# the size that the largest page needs. MXNet reads these variables once, when it is imported.
os.environ.setdefault("MXNET_MKLDNN_CACHE_NUM", "4")
os.environ.setdefault("DNNL_PRIMITIVE_CACHE_CAPACITY", "64")
os.environ.setdefault("MXNET_CPU_TEMP_COPY", "1")

# MXNet 1.9 uses numpy.bool, which NumPy 1.24 removed.
vars(numpy).setdefault("bool", numpy.bool_)

try:
    if importlib.util.find_spec("mxnet") and int(numpy.__version__.split(".")[0]) >= 2:
        raise DeviceError(
            f"MXNet needs NumPy below 2, and {numpy.__version__} is installed: "
            "pip install 'numpy<2'"
        )
    import mxnet as mx
    from mxnet import gluon
except (ImportError, OSError) as error:  # OSError: a shared library that MXNet needs is missing
    raise DeviceError(
        f"MXNet, which trains networks, cannot be imported ({error}); it has builds for Linux on "
        "x86-64 and Python 3.9 to 3.12 only: install it there with pip, and libgomp1 and "
        "libquadmath0 with the system; elsewhere use the container image "
        "htrlib:serve-mxnet (container/build.sh serve-mxnet)"
    ) from error

__all__ = ["BFLOAT16", "gluon", "mx"]

# MXNet's type for it. NumPy knows the name only where something has imported ml_dtypes.
BFLOAT16 = numpy.dtype([("bfloat16", numpy.uint16)])

"""Training of a bundle's networks: :class:`htrlib.Trainer` and its parts.

The modules that prepare batches do not import MXNet, so worker processes start without it.
"""

from __future__ import annotations

import os

CPU_PARTS = 2
"""The parts of a batch on a CPU, which are computed side by side, each by its share of the cores:
two halves of the cores do more than all of them together in one operation after the other."""

# OpenMP, oneDNN and MXNet read these once, when MXNet is imported. MXNet plans each layer
# anew where more shapes occur than it remembers; training has a few shapes for each layer, forwards
# and backwards. Operators wait for scratch memory where there is one piece; 64 were no faster.
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // CPU_PARTS)))
os.environ.setdefault("MXNET_CPU_TEMP_COPY", "4")
os.environ.setdefault("MXNET_MKLDNN_CACHE_NUM", "1024")
os.environ.setdefault("DNNL_PRIMITIVE_CACHE_CAPACITY", "2048")

"""Training: :class:`htrlib.Trainer` and what it is made of.

Half of it runs without MXNet: the processes that prepare batches import only that half.
"""

from __future__ import annotations

import os

# Both are read once: by OpenMP and oneDNN, when MXNet is imported. MXNet takes half of the cores
# unless it is told otherwise, and plans each layer anew where more shapes occur than it remembers;
# training has a few shapes for each layer, forwards and backwards.
os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))
os.environ.setdefault("MXNET_MKLDNN_CACHE_NUM", "1024")
os.environ.setdefault("DNNL_PRIMITIVE_CACHE_CAPACITY", "2048")

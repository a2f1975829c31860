"""Parse the names of devices: "cpu", "gpu", "gpu:N"."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from htrlib.errors import DeviceError


def parse_device(device: Optional[str]) -> Optional[Tuple[str, int]]:
    """Return the kind and number of a device, or None for the default.

    Whether the device exists is checked when a network is first placed on it.

    Raises:
        DeviceError: the name is not that of a device.

    >>> parse_device("gpu:1"), parse_device("cpu"), parse_device(None)
    (('gpu', 1), ('cpu', 0), None)
    """
    if device is None:
        return None
    match = re.fullmatch(r"(cpu)|gpu(?::([0-9]+))?", device)
    if match is None:
        raise DeviceError(f"a device must be 'cpu', 'gpu' or 'gpu:N', found {device!r}")
    return ("cpu", 0) if match[1] else ("gpu", int(match[2] or 0))

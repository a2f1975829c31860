"""The engine that runs networks by ONNX Runtime.

A bundle's int8 graphs are read from it (see `quantization`). Graphs of floating point are written
from the parameters when they are first asked for, which takes a tenth of a second, so that bundles
need not hold the same numbers twice and every bundle can be read.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.engines.device import parse_device
from htrlib.engines.network_shapes import RecognizerConfig
from htrlib.engines.onnx.graphs import build_graph
from htrlib.engines.onnx.model_file import Graph
from htrlib.engines.port import RECOGNIZER, WORDS, Ink, Networks
from htrlib.errors import BundleMismatchError, DeviceError, HtrError

try:
    import onnxruntime
except ImportError as error:
    raise DeviceError(
        f"ONNX Runtime cannot be imported ({error}); install it: pip install onnxruntime"
    ) from error

INT8, FLOAT32, FLOAT16 = "int8", "float32", "float16"
GPU_BATCH = 32  # lines that a GPU sees at once, at most
WIDTH_MULTIPLE = 256  # columns: GPUs tune convolutions to each width that they see

Provider = Union[str, Tuple[str, Dict[str, Any]]]


class OnnxEngine:
    """See `htrlib.engines.port.Engine`. Sessions are made when first asked for, and kept.

    On a CPU each line is read by itself: a batch is no faster there, and int8, whose scale is that
    of all that a layer sees at once, would make a line depend on its company.

    Args:
        networks: of a bundle.
        device: "cpu", "gpu" or "gpu:N"; None is the first GPU that ONNX Runtime can use, or the
            CPU.
        precision: "float32", "float16" (on GPUs), or "int8" (on CPUs): the bundle's graphs of 8-bit
            integers, and float32 for networks that have none. None: int8 on CPUs, else float32.
        threads: that each call computes with. Several callers share an engine best at 1.
    Raises:
        DeviceError: the device is not there, or does not compute with that precision.
    """

    parallel = "threads"

    def __init__(
        self,
        networks: Networks,
        device: Optional[str] = None,
        precision: Optional[str] = None,
        threads: int = 1,
    ) -> None:
        self.device, self._providers = _choose_device(device)
        on_cpu = self.device == "cpu"
        self.precision = precision or (INT8 if on_cpu else FLOAT32)
        if self.precision == (FLOAT16 if on_cpu else INT8):
            raise DeviceError(f"device {self.device} does not compute with {self.precision}")
        self.name = "onnx" if precision is None else f"onnx-{precision}"
        self._batch = 1 if on_cpu else GPU_BATCH
        self._networks = networks
        self._threads = threads
        self._sessions: Dict[str, Any] = {}
        self._lock = threading.Lock()

    def label_pixels(self, network: str, ink: Ink) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._run(network, ink=ink[np.newaxis, np.newaxis])[0][0]
        return logits

    def find_words(self, ink: Ink) -> Tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, offsets = self._run(WORDS, ink=ink[np.newaxis, np.newaxis])
        return logits[0], offsets[0]

    def read_lines(self, lines: Sequence[Ink]) -> Tuple[NDArray[np.float32], ...]:
        if not lines:
            return ()
        shape = RecognizerConfig.from_dict(self._networks.network_config(RECOGNIZER))
        frames = [-(-line.shape[1] // shape.frame_width) for line in lines]
        logits: Dict[int, NDArray[np.float32]] = {}
        by_length = sorted(range(len(lines)), key=frames.__getitem__)
        for start in range(0, len(lines), self._batch):
            members = by_length[start : start + self._batch]
            ink = self._between_paper([lines[index] for index in members], shape)
            lengths = np.array([frames[index] for index in members], np.int32)
            (said,) = self._run(RECOGNIZER, ink=ink, lengths=lengths)
            for row, index in enumerate(members):
                logits[index] = said[: frames[index], row]
        return tuple(logits[index] for index in range(len(lines)))

    def _between_paper(self, lines: Sequence[Ink], shape: RecognizerConfig) -> Ink:
        """(N, 1, H, W) ink of lines with as much paper beside them as convolutions reach."""
        multiple = shape.frame_width if self._batch == 1 else WIDTH_MULTIPLE
        width = -(-max(line.shape[1] for line in lines) // multiple) * multiple
        ink = np.zeros((len(lines), 1, lines[0].shape[0], width + 2 * shape.reach), np.uint8)
        for row, line in enumerate(lines):
            ink[row, 0, :, shape.reach : shape.reach + line.shape[1]] = line
        return ink

    def _run(self, network: str, **inputs: NDArray[Any]) -> List[NDArray[np.float32]]:
        outputs: List[NDArray[np.float32]] = self._session(network).run(None, inputs)
        return outputs

    def _session(self, network: str) -> Any:
        with self._lock:
            if network not in self._sessions:
                self._sessions[network] = self._start(network)
            return self._sessions[network]

    def _start(self, network: str) -> Any:
        """A session of a network.

        Raises:
            BundleMismatchError: the bundle has no such network, or parameters that do not fit it.
        """
        config = self._networks.network_config(network)
        stored = self._networks.int8_graph(network) if self.precision == INT8 else None
        precision = FLOAT16 if self.precision == FLOAT16 else FLOAT32
        try:
            model = (
                stored.read_bytes()
                if stored is not None
                else build_graph(network, config, self._networks.parameters(network), precision)
            )
            session = onnxruntime.InferenceSession(
                model, self._options(), providers=self._providers
            )
            session.run(None, _smallest_inputs(network, config))  # shapes are checked here only
        except HtrError:
            raise
        except Exception as error:  # ONNX Runtime's have no base of their own
            raise BundleMismatchError(
                "the parameters do not fit the network", f"those of a {network!r}", error
            ) from error
        return session

    def _options(self) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised
        # Pages come in all sizes; what one needed is given back, and costs no time to get again.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        return options


def float32_engine(networks: Networks, device: Optional[str] = None) -> OnnxEngine:
    """The engine "onnx-float32"."""
    return OnnxEngine(networks, device, FLOAT32)


def float16_engine(networks: Networks, device: Optional[str] = None) -> OnnxEngine:
    """The engine "onnx-float16", for GPUs."""
    return OnnxEngine(networks, device, FLOAT16)


def _smallest_inputs(network: str, config: Mapping[str, Any]) -> Dict[str, NDArray[Any]]:
    """Paper that a network can look at."""
    if network != RECOGNIZER:
        return {"ink": np.zeros((1, 1, 64, 64), np.uint8)}
    shape = RecognizerConfig.from_dict(config)
    width = shape.frame_width + 2 * shape.reach
    ink = np.zeros((1, 1, int(config["height"]), width), np.uint8)
    return {"ink": ink, "lengths": np.array([1], np.int32)}


def _choose_device(device: Optional[str]) -> Tuple[str, List[Provider]]:
    """The name of a device, and what ONNX Runtime calls it."""
    wanted = parse_device(device)
    cpu: List[Provider] = ["CPUExecutionProvider"]
    if wanted == ("cpu", 0):
        return "cpu", cpu
    number = 0 if wanted is None else wanted[1]
    if _computes_on_gpu(number):
        return f"gpu:{number}", [("CUDAExecutionProvider", {"device_id": number}), *cpu]
    if wanted is None:
        return "cpu", cpu
    raise DeviceError(
        f"device {device!r} is not there for ONNX Runtime {onnxruntime.__version__}; use device "
        "'cpu', or replace the package onnxruntime by onnxruntime-gpu, which needs CUDA and cuDNN"
    )


@cache
def _computes_on_gpu(number: int) -> bool:
    """Return whether a GPU session can start; ONNX Runtime's provider list shows only the build."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return False
    graph = Graph("probe")
    graph.node("Identity", graph.input("x", "float32", (1,)), output="y")
    graph.output("y", "float32", (1,))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    provider = ("CUDAExecutionProvider", {"device_id": number})
    try:
        session = onnxruntime.InferenceSession(graph.model(), options, providers=[provider])
    except Exception:  # each build raises its own
        return False
    return "CUDAExecutionProvider" in session.get_providers()

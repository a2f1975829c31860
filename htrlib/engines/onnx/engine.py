"""The engine that runs networks with ONNX Runtime.

Int8 graphs are stored in the bundle (see `quantization`). Floating-point graphs are built from the
parameters on first use, which takes a tenth of a second. So bundles need not store the same numbers
twice, and every bundle can be read.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from htrlib.engines.cpu_features import products_overflow
from htrlib.engines.device import parse_device
from htrlib.engines.network_shapes import RecognizerConfig
from htrlib.engines.onnx.graphs import build_graph
from htrlib.engines.onnx.model_file import Graph
from htrlib.engines.onnx.recurrent_layers import RecurrentLayers, can_run
from htrlib.engines.port import RECOGNIZER, RECURRENCE, WORDS, Ink, Networks
from htrlib.errors import BundleError, BundleMismatchError, DeviceError, HtrError

try:
    import onnxruntime
except ImportError as error:
    raise DeviceError(
        f"ONNX Runtime cannot be imported ({error}); install it: pip install onnxruntime"
    ) from error

INT8, FLOAT32, FLOAT16 = "int8", "float32", "float16"
GPU_BATCH = 32  # maximum lines per batch on a GPU
WIDTH_MULTIPLE = 256  # columns: widths are multiples, since GPUs tune convolutions to each

Recurrence = Callable[[Sequence[NDArray[np.float32]]], Tuple[NDArray[np.float32], ...]]
"""The logits (T, C) of lines with features (T, channels)."""

Provider = Union[str, Tuple[str, Dict[str, Any]]]


class OnnxEngine:
    """See `htrlib.engines.port.Engine`. Sessions are created on first use and cached.

    On a CPU, lines are read one by one: batches are no faster there, and dynamic int8 ranges depend
    on the whole input of a layer, so a batched line would depend on the others.

    Args:
        networks: networks of a bundle.
        device: "cpu", "gpu" or "gpu:N"; None means the first GPU that ONNX Runtime can use, or else
            the CPU.
        precision: "float32", "float16" (only on GPUs), or "int8" (only on CPUs): the bundle's 8-bit
            graphs, and float32 for networks without one. None means int8 on CPUs, else float32.
        threads: threads per call; 1 is best if several callers share the engine.
    Raises:
        DeviceError: the device does not exist, or does not support the precision.
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
            raise DeviceError(f"device {self.device} does not support {self.precision}")
        self.name = "onnx" if precision is None else f"onnx-{precision}"
        self._batch = 1 if on_cpu else GPU_BATCH
        self._networks = networks
        self._threads = threads
        self._sessions: Dict[str, Any] = {}
        self._last_part: Optional[Recurrence] = None
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
        if self.precision == INT8 and self._networks.int8_graph(RECURRENCE) is not None:
            return self._read_in_two_parts(lines, shape)
        frames = [-(-line.shape[1] // shape.frame_width) for line in lines]
        logits: Dict[int, NDArray[np.float32]] = {}
        by_length = sorted(range(len(lines)), key=frames.__getitem__)
        for start in range(0, len(lines), self._batch):
            members = by_length[start : start + self._batch]
            ink = self._between_paper([lines[index] for index in members], shape)
            lengths = np.array([frames[index] for index in members], np.int32)
            (outputs,) = self._run(RECOGNIZER, ink=ink, lengths=lengths)
            for row, index in enumerate(members):
                logits[index] = outputs[: frames[index], row]
        return tuple(logits[index] for index in range(len(lines)))

    def _read_in_two_parts(
        self, lines: Sequence[Ink], shape: RecognizerConfig
    ) -> Tuple[NDArray[np.float32], ...]:
        """Run the convolutions line by line, then the rest of lines of similar lengths in pairs."""
        by_length = sorted(range(len(lines)), key=lambda index: lines[index].shape[1])
        features = [
            self._run(RECOGNIZER, ink=self._between_paper([lines[index]], shape))[0][:, 0]
            for index in by_length
        ]
        logits = dict(zip(by_length, self._recurrence()(features)))
        return tuple(logits[index] for index in range(len(lines)))

    def _recurrence(self) -> Recurrence:
        """Return what gives the logits of features: the C part, or else ONNX Runtime."""
        with self._lock:
            if self._last_part is None:
                config = self._networks.network_config(RECOGNIZER)
                shape = RecognizerConfig.from_dict(config)
                self._last_part = self._layers(shape) if can_run(shape) else self._read_features
            return self._last_part

    def _layers(self, shape: RecognizerConfig) -> RecurrentLayers:
        """Prepare the LSTMs and the head for the C part.

        Raises:
            BundleMismatchError: the bundle's parameters do not match its configuration.
        """
        try:
            return RecurrentLayers(shape, self._networks.parameters(RECOGNIZER))
        except (KeyError, ValueError) as error:
            raise _mismatch(RECOGNIZER, error) from error

    def _read_features(
        self, features: Sequence[NDArray[np.float32]]
    ) -> Tuple[NDArray[np.float32], ...]:
        return tuple(
            self._run(
                RECURRENCE, features=line[:, np.newaxis], lengths=np.array([len(line)], np.int32)
            )[0][:, 0]
            for line in features
        )

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
        """Create a session for a network.

        Raises:
            BundleError: the file of the graph can no longer be read.
            BundleMismatchError: the bundle lacks the network, or its parameters do not match it.
        """
        config = self._networks.network_config(RECOGNIZER if network == RECURRENCE else network)
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
            known = [entry.name for entry in session.get_inputs()]
            inputs = _smallest_inputs(network, config)
            # this is the only check of shapes
            session.run(None, {name: inputs[name] for name in known})
        except (HtrError, MemoryError):
            raise
        except OSError as error:
            raise BundleError(
                f"{error.filename} cannot be read any more ({error.strerror}); load the bundle anew"
            ) from error
        except Exception as error:  # ONNX Runtime's exceptions have no common base class
            raise _mismatch(network, error) from error
        return session

    def _options(self) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised, not logged
        # Pages come in all sizes: release memory after each, which is cheap to allocate again.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        if products_overflow():
            # ONNX Runtime 1.32 would take its slow instructions on all CPUs.
            options.add_session_config_entry("session.x64quantprecision", "1")
        return options


def float32_engine(networks: Networks, device: Optional[str] = None) -> OnnxEngine:
    """Create the engine "onnx-float32"."""
    return OnnxEngine(networks, device, FLOAT32)


def float16_engine(networks: Networks, device: Optional[str] = None) -> OnnxEngine:
    """Create the engine "onnx-float16", for GPUs."""
    return OnnxEngine(networks, device, FLOAT16)


def _mismatch(network: str, error: Exception) -> BundleMismatchError:
    return BundleMismatchError(
        "the parameters do not match the network", f"those of a {network!r}", error
    )


def _smallest_inputs(network: str, config: Mapping[str, Any]) -> Dict[str, NDArray[Any]]:
    """Return the smallest inputs of a network: empty paper."""
    if network not in (RECOGNIZER, RECURRENCE):
        return {"ink": np.zeros((1, 1, 64, 64), np.uint8)}
    shape = RecognizerConfig.from_dict(config)
    width = shape.frame_width + 2 * shape.reach
    ink = np.zeros((1, 1, int(config["height"]), width), np.uint8)
    features = np.zeros((1, 1, shape.blocks[-1][0]), np.float32)
    return {"ink": ink, "features": features, "lengths": np.array([1], np.int32)}


def _choose_device(device: Optional[str]) -> Tuple[str, List[Provider]]:
    """Return the name of a device, and ONNX Runtime's providers for it."""
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
        f"ONNX Runtime {onnxruntime.__version__} finds no device {device!r}; use device 'cpu', or "
        "replace the package onnxruntime by onnxruntime-gpu, which needs CUDA and cuDNN"
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
    except Exception:  # each build raises different errors
        return False
    return "CUDAExecutionProvider" in session.get_providers()

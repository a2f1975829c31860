"""The module that Multi Model Server loads. It must contain exactly one class.

With `preload_model` the model is loaded in the model's listener, which forks the workers.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any, List, Mapping, Sequence

from sagemaker_inference.default_handler_service import DefaultHandlerService

from htrlib.errors import HtrError
from htrlib.serving.mms.stub import Stub
from htrlib.serving.mms.transformer import BatchTransformer

_PDEATHSIG = 1  # PR_SET_PDEATHSIG: the signal that a process gets when its parent dies


class HtrHandlerService(DefaultHandlerService):
    """Loads a bundle and answers batches."""

    def __init__(self) -> None:
        super().__init__(transformer=object())  # the real one needs the model's settings

    def initialize(self, context: Any) -> None:
        """Load the model; if that fails, record why and end the process.

        The model server itself would swallow the error and answer 500 forever.
        """
        # The model server copies standard error into its log, line by line.
        logging.basicConfig(
            stream=sys.stderr, format="%(message)s", level=logging.WARNING, force=True
        )
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)  # or the listener would outlive Java
        stub = Stub(Path(context.system_properties["model_dir"]))
        try:
            self._service = BatchTransformer(stub.read())
            self._service.validate_and_initialize(context=context)
            # Without `preload_model`, this process is a worker and its parent the listener.
            stub.loaded(os.getppid() if multiprocessing.parent_process() else os.getpid())
        except HtrError as error:
            stub.failed(error)
            os._exit(1)
        except Exception as error:
            logging.exception("the model cannot be loaded")
            stub.failed(RuntimeError(f"the model cannot be loaded: {error!r}"))
            os._exit(1)

    def handle(self, data: Sequence[Mapping[str, Any]], context: Any) -> List[bytes]:
        """Answer a batch of requests."""
        answers: List[bytes] = self._service.transform(data, context)
        return answers

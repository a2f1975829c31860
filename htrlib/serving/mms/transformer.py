"""Process a batch of requests in a worker: SageMaker's inference toolkit, extended to batches.

The toolkit's own `Transformer` reads only the first request of a batch, sends tracebacks to clients
and unpickles arrays. Its hooks are kept: with `allow_code`, a model's `inference.py` may replace
`model_fn`, `input_fn`, `predict_fn`, `output_fn` or `transform_fn`.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
from sagemaker_inference.default_inference_handler import DefaultInferenceHandler
from sagemaker_inference.transformer import Transformer

from htrlib.bundle import Bundle, load_bundle
from htrlib.document.geometry import Box
from htrlib.document.results import DocumentResult, PageResult, TextLine
from htrlib.engines.memory import return_free_memory, return_memory
from htrlib.errors import ConfigError, ImageError
from htrlib.images.loading import PageOutcome
from htrlib.language import NGramModel
from htrlib.language.scoring import Scorer
from htrlib.reading.options import ReadingOptions
from htrlib.reading.own_recognizer import load_recognizer
from htrlib.reading.pages import Reading
from htrlib.reading.pipeline import Pipeline
from htrlib.serving.answers import write_answer
from htrlib.serving.bodies import Body, BodyLimits, read_body
from htrlib.serving.mms.stub import WorkerSettings
from htrlib.serving.protocol import (
    ANSWERED,
    CUSTOM_ATTRIBUTES,
    DEADLINE,
    JSON,
    OCTETS,
    PDF,
    THOROUGH,
    Answer,
    RefusedError,
    answer_of,
    content_type_of,
    error_body,
    header,
    options_of,
)

_logger = logging.getLogger(__name__)

GRACE_SECONDS = 2.0  # after its deadline until the kernel ends the worker, wherever it is
FEWER_KEPT = 1 << 13  # cached contexts and states of language models; saves 40 MB per worker
IDLE_SECONDS = 0.5  # idle time after which a worker returns memory kept for the next batch
MOST_FAILURES = 3  # failed batches before a worker must prove that it works
CODE = "code"


@dataclass
class Request:
    """One request of a batch, until it is answered."""

    headers: Mapping[str, str]
    content: bytes
    options: ReadingOptions = field(default_factory=ReadingOptions)
    answer: Answer = field(default_factory=lambda: Answer(JSON))
    body: Optional[Body] = None
    results: List[PageResult] = field(default_factory=list)  # numbered
    errors: List[str] = field(default_factory=list)
    milliseconds: Dict[str, float] = field(default_factory=dict)
    refusal: Optional[RefusedError] = None
    start: float = field(default_factory=time.perf_counter)

    @property
    def deadline(self) -> float:
        return float(header(self.headers, DEADLINE) or "inf")

    @property
    def status(self) -> HTTPStatus:
        return HTTPStatus.OK if self.refusal is None else self.refusal.status

    @property
    def result(self) -> Any:
        return _gathered(self.results, self.errors)

    def skip(self, error: BaseException) -> None:
        """Record a page that cannot be read; raise the error if the answer cannot report it."""
        if self.answer.content_type != JSON or self.answer.form == "aws":
            raise RefusedError(
                HTTPStatus.BAD_REQUEST, f"{error}; or accept {JSON}, which has the other pages"
            ) from error
        self.errors.append(str(error))

    def fail(self, error: BaseException) -> None:
        """Turn an error into the answer; errors that are not the client's fault are logged."""
        if isinstance(error, RefusedError):
            self.refusal = error
        elif isinstance(error, (ImageError, ConfigError)):
            self.refusal = RefusedError(HTTPStatus.BAD_REQUEST, str(error))
        elif isinstance(error, MemoryError):
            self.refusal = RefusedError(
                HTTPStatus.INSUFFICIENT_STORAGE, "the server has not enough memory for this"
            )
        else:
            _logger.error("a request failed", exc_info=error)
            self.refusal = RefusedError(
                HTTPStatus.INTERNAL_SERVER_ERROR, "reading failed; the server's log says why"
            )


class BundleInferenceHandler(DefaultInferenceHandler):
    """The toolkit's hooks, implemented for bundles."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.limits = BodyLimits(settings.max_pixels, settings.max_request_bytes, settings.allow_s3)
        self._recognize_lines = load_recognizer(settings.recognizer)

    def pipeline(self, bundle: Bundle) -> Pipeline:
        """Return the pipeline that reads pages with a bundle."""
        return Pipeline(
            recognize_lines=self._recognize_lines, bundle=bundle, engine=self.settings.engine
        )

    def default_model_fn(self, model_dir: str, context: Any = None) -> Bundle:
        """Load a bundle, and read an empty and a written page to initialize everything."""
        bundle = load_bundle(model_dir)
        return_memory()
        NGramModel.contexts_kept = Scorer.states_kept = FEWER_KEPT
        warm_up(self.pipeline(bundle))
        # Workers are forked after this and share this memory: freezing keeps the garbage collector
        # from touching it, trimming keeps the workers from filling its gaps.
        gc.collect()
        gc.freeze()
        return_free_memory()
        return bundle

    def default_input_fn(self, input_data: bytes, content_type: str, context: Any = None) -> Body:
        """Decode a body into pages."""
        return read_body(content_type, bytes(input_data), self.limits)

    def default_predict_fn(self, data: Body, model: Bundle, context: Any = None) -> Any:
        """Read pages with the default options."""
        pipeline = self.pipeline(model)
        results: List[PageResult] = []
        for page in data.pages:
            result = pipeline.transcribe_page(page)
            results.append(replace(result, number=len(results) + 1))
        return _gathered(results)

    def default_output_fn(self, prediction: Any, accept: str, context: Any = None) -> Any:
        """Return the body of an answer and its content type."""
        answer = answer_of(accept, self.settings.default_accept)
        return write_answer(prediction, answer, load_bundle(self.settings.bundle), {})


class BatchTransformer(Transformer):
    """A transformer that answers every request of a batch separately."""

    def __init__(self, settings: WorkerSettings) -> None:
        super().__init__(BundleInferenceHandler(settings))
        self.settings = settings
        self._initialized = False
        self.custom = False  # True if the model's own code reads
        self._idle = threading.Timer(0.0, return_free_memory)
        self._failures = 0  # batches with an answer of 500 since this worker last proved fit

    def validate_and_initialize(self, model_dir: str = "", context: Any = None) -> None:
        """Load the bundle, and its code if that is allowed.

        Raises:
            BundleError: see `load_bundle` and `Bundle.engine`.
        """
        if self._initialized:
            return
        bundle = load_bundle(self.settings.bundle)
        code = bundle.directory / CODE
        if code.is_dir() and self.settings.allow_code:
            sys.path.insert(0, str(code))
            super().validate_and_initialize(str(bundle.directory), context)
            self.custom = (code / "inference.py").is_file()
            return
        if code.is_dir():
            _logger.warning("%s is not run; HTRLIB_ALLOW_CODE=1 would run it", code)
        self._model = self._default_inference_handler.default_model_fn(str(bundle.directory))
        self._initialized = True

    def transform(self, data: Sequence[Mapping[str, Any]], context: Any) -> List[bytes]:
        """Answer a batch, and set statuses and content types in the context."""
        requests = [
            Request(context.get_all_request_header(index), bytes(entry.get("body") or b""))
            for index, entry in enumerate(data)
        ]
        self._idle.cancel()
        with _time_limit(requests):
            if self._failures >= MOST_FAILURES and not self.custom:
                self._prove_fit()
            for request in requests:
                _guarded(request, self._open)
            if self.custom:
                for request in requests:
                    _guarded(request, self._run_code)
            else:
                self._read(requests)
            answers = [self._close(request, context, i) for i, request in enumerate(requests)]
        self._failures += any(
            request.status == HTTPStatus.INTERNAL_SERVER_ERROR for request in requests
        )
        self._idle = threading.Timer(IDLE_SECONDS, return_free_memory)
        self._idle.daemon = True
        self._idle.start()
        return answers

    def _pipeline(self) -> Pipeline:
        pipeline: Pipeline = self._default_inference_handler.pipeline(self._model)
        return pipeline

    def _prove_fit(self) -> None:
        """Read a known good page, and end this process if that fails.

        Another worker then reads its requests. While other workers succeed, the supervisor would
        not notice a broken one.
        """
        try:
            warm_up(self._pipeline())
        except Exception:
            _logger.exception("a worker that failed %d times reads nothing; it ends", MOST_FAILURES)
            os._exit(1)
        self._failures = 0

    def _open(self, request: Request) -> None:
        _check_deadline(request)
        if self.custom:  # the model's code checks the headers itself
            return
        kind = content_type_of(header(request.headers, "Content-Type"))
        request.answer = answer_of(header(request.headers, "Accept"), self.settings.default_accept)
        request.options = options_of(header(request.headers, CUSTOM_ATTRIBUTES))
        if header(request.headers, THOROUGH):
            warm_up(self._pipeline())
        request.body = self._default_inference_handler.default_input_fn(request.content, kind)
        if request.body.is_pixel_list and request.answer.form is None:
            request.answer = Answer(request.answer.content_type, "aws")
        if request.answer.content_type != PDF:
            request.body = replace(request.body, file=None)
        request.content = b""

    def _read(self, requests: Sequence[Request]) -> None:
        """Read the first pages of all requests together, then the second pages, and so on."""
        open_requests = [request for request in requests if request.refusal is None]
        while open_requests:
            readings: List[Tuple[Request, int, Reading]] = []
            for request in open_requests:
                _guarded(request, partial(_take_page, readings=readings))
            self._pipeline().read([reading for _, _, reading in readings])
            for request, number, reading in readings:
                if reading.error is not None:
                    request.fail(reading.error)
                elif reading.result is not None:
                    request.results.append(replace(reading.result, number=number))
                for stage, value in reading.milliseconds.items():
                    request.milliseconds[stage] = request.milliseconds.get(stage, 0.0) + value
            open_requests = [request for request, _, _ in readings if request.refusal is None]

    def _run_code(self, request: Request) -> None:
        content_type = header(request.headers, "Content-Type") or OCTETS
        accept = header(request.headers, "Accept") or self.settings.default_accept
        outcome = self._run_handler_function(
            self._transform_fn, self._model, request.content, content_type, accept
        )
        content, kind = outcome if isinstance(outcome, tuple) else (outcome, accept)
        request.content = content.encode("utf-8") if isinstance(content, str) else bytes(content)
        request.answer = Answer(kind)

    def _close(self, request: Request, context: Any, index: int) -> bytes:
        body, kind = b"", JSON
        if request.refusal is None:
            try:
                body, kind = self._write(request)
            except Exception as error:
                request.fail(error)
        status = request.status
        if request.refusal is not None:
            body, kind = error_body(status, request.refusal.message), JSON
        context.set_response_header(index, ANSWERED, "1")
        context.set_response_content_type(index, kind)
        context.request_processor[index].report_status(int(status), status.phrase)
        return body

    def _write(self, request: Request) -> Tuple[bytes, str]:
        if self.custom:
            body, kind = request.content, request.answer.content_type
        else:
            request.milliseconds["total"] = 1000.0 * (time.perf_counter() - request.start)
            file = None if request.body is None else request.body.file
            body, kind = write_answer(
                request.result, request.answer, self._model, request.milliseconds, file
            )
        if len(body) > self.settings.max_answer_bytes:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the answer has {len(body):,} bytes, at most {self.settings.max_answer_bytes:,} "
                "are sent; ask for text/plain, or send fewer pages",
            )
        return body, kind


def warm_up(pipeline: Pipeline) -> None:
    """Run every network and the decoder once, so that the first request is not slower."""
    page = np.full((96, 256), 255, dtype=np.uint8)
    pipeline.transcribe_page(page)
    box = Box(8, 8, 248, 88)
    pipeline.segment_lines(page, box)
    for log_probs in pipeline.recognize_lines(page, (TextLine(box),)):
        pipeline.decode(log_probs)


def _gathered(
    results: Sequence[PageResult], errors: Sequence[str] = ()
) -> Union[PageResult, DocumentResult]:
    """Combine the numbered pages of a file into one result; a single page loses its number."""
    if len(results) == 1 and not errors:
        return replace(results[0], number=None)
    return DocumentResult(tuple(results), errors=tuple(errors))


def _take_page(request: Request, readings: List[Tuple[Request, int, Reading]]) -> None:
    """Decode a request's next page that can be read."""
    _check_deadline(request)
    if request.body is None:
        raise RuntimeError("the request was not opened")
    start = time.perf_counter()
    outcome = _next_outcome(request, request.body)
    request.milliseconds["load"] = request.milliseconds.get("load", 0.0) + 1000.0 * (
        time.perf_counter() - start
    )
    if outcome is not None and outcome.page is not None:
        readings.append((request, outcome.number, Reading(outcome.page, request.options)))


def _next_outcome(request: Request, body: Body) -> Optional[PageOutcome]:
    first: Optional[ImageError] = None
    for outcome in body.outcomes:
        if outcome.error is None:
            return outcome
        request.skip(outcome.error)
        first = first or outcome.error
        _check_deadline(request)
    if first is not None and not request.results:
        raise first  # of a file without any page that can be read
    return None


def _guarded(request: Request, work: Any) -> None:
    if request.refusal is None:
        try:
            work(request)
        except Exception as error:
            request.fail(error)


def _check_deadline(request: Request) -> None:
    if time.time() > request.deadline:
        raise RefusedError(HTTPStatus.GATEWAY_TIMEOUT, "the request took too long")


@contextlib.contextmanager
def _time_limit(requests: Sequence[Request]) -> Iterator[None]:
    """End this process some time after the last deadline, even inside native code.

    The model server would start another worker and let this one run forever.
    """
    last = max(request.deadline for request in requests)
    seconds = min(max(last - time.time(), 0.0) + GRACE_SECONDS, 1e6)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)

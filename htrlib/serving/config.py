"""Server configuration from the arguments of `htr serve` or SageMaker's environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

from htrlib.bundle import DEFAULT
from htrlib.errors import ConfigError
from htrlib.serving.cpus import available_cpus
from htrlib.serving.protocol import JSON, TEXT

MODEL = Path("/opt/ml/model")
MODELS = Path("/opt/ml/models")
MOST_WORKERS = 8  # default limit: each worker takes about 200 MB
_MOST_IN_TRANSIT = 100  # maximum of concurrent requests times megabytes, in SageMaker
MEGABYTE = 1 << 20

_MOST_MEGABYTES = 2046  # of a body or an answer: the model server counts bytes in 31 bits

_COUNTS = (
    *("workers", "threads", "batch_size", "queue_length"),
    *("max_request_bytes", "max_answer_bytes", "max_pixels", "most_jobs", "job_folder_bytes"),
)
_TIMES = ("request_seconds", "body_seconds", "recovery_seconds", "job_seconds", "job_hours")


@dataclass(frozen=True)
class ServingConfig:
    """Configuration of a server.

    Attributes:
        bundle: name or directory of the model; ignored in multi-model mode.
        models: directory from which models may be loaded (multi-model mode), or None.
        host: address to listen at.
        port: public port.
        workers: worker processes per model.
        threads: threads per worker.
        batch_size: requests that a worker processes together.
        queue_length: maximum number of waiting requests.
        max_request_bytes: maximum size of a body.
        max_answer_bytes: maximum size of an answer, for which `configure` adds to the default what
            a body may have, since a searchable PDF holds the one it was made of.
        max_pixels: maximum pixels per page.
        request_seconds: time limit for a request, from its headers to its answer.
        body_seconds: time limit for a body to arrive.
        drain_seconds: time limit for pending requests after SIGTERM.
        recovery_seconds: time limit for a broken model server to recover before this server exits;
            at least twice the time that its first start took.
        model_bytes: free memory in bytes required per worker to load another model.
        default_accept: content type of answers to clients that accept any.
        allow_code: run a model's own `code/`.
        allow_s3: read `s3_uri`.
        recognizer: `module:function` that recognizes lines, or None for the model's recognizer.
        engine: name of the engine that runs the networks, or None for the fastest one.
        jobs: directory of requests that are answered later, or None for no such requests.
        job_seconds: that reading one of them may take.
        job_hours: that their answers are kept.
        most_jobs: that are kept, done or not.
        job_folder_bytes: that they may take.
    """

    bundle: str = DEFAULT
    models: Optional[Path] = None
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    threads: int = 1
    batch_size: int = 1
    queue_length: int = 64
    max_request_bytes: int = 25 * MEGABYTE
    max_answer_bytes: int = 25 * MEGABYTE
    max_pixels: int = 40_000_000
    request_seconds: float = 60.0
    body_seconds: float = 30.0
    drain_seconds: float = 25.0
    recovery_seconds: float = 10.0
    model_bytes: int = 256 * MEGABYTE
    default_accept: str = JSON
    allow_code: bool = False
    allow_s3: bool = False
    recognizer: Optional[str] = None
    engine: Optional[str] = None
    jobs: Optional[Path] = None
    job_seconds: float = 600.0
    job_hours: float = 24.0
    most_jobs: int = 1000
    job_folder_bytes: int = 4096 * MEGABYTE

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, found {getattr(self, name)}")
        for name in ("max_request_bytes", "max_answer_bytes"):
            if getattr(self, name) > _MOST_MEGABYTES * MEGABYTE:
                raise ConfigError(
                    f"{name} must be at most {_MOST_MEGABYTES} MB, found "
                    f"{getattr(self, name) / MEGABYTE:,.0f} MB"
                )
        for name in _TIMES:
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be above 0, found {getattr(self, name)}")
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port must be from 0 to 65535, found {self.port}")
        if self.jobs is not None and self.models is not None:
            raise ConfigError(
                f"jobs, kept in {self.jobs}, are read by a single model, and several are served; "
                "leave one of them out"
            )
        if self.jobs is not None and self.batch_size > 1:
            raise ConfigError(
                f"jobs, kept in {self.jobs}, are read one by one, and batch_size is "
                f"{self.batch_size}, in which they would hold every worker; leave one of them out"
            )
        if self.default_accept not in (JSON, TEXT):
            raise ConfigError(
                f"the default answer must be {JSON} or {TEXT}, found {self.default_accept!r}"
            )

    @property
    def at_once(self) -> int:
        """Requests that the workers of a model process at once."""
        return self.workers * self.batch_size

    @property
    def transform_limits(self) -> Tuple[int, int]:
        """The limits reported to batch transform: concurrent requests, and megabytes per request.

        SageMaker refuses a job whose product of both is above 100.
        """
        payload = min(max(1, self.max_request_bytes // MEGABYTE), _MOST_IN_TRANSIT)
        return min(self.at_once, _MOST_IN_TRANSIT // payload), payload

    @property
    def longest_seconds(self) -> float:
        """That a worker may need at most for what it is sent."""
        return max(self.request_seconds, 0.0 if self.jobs is None else self.job_seconds)

    @property
    def queue_bytes(self) -> int:
        """Maximum bytes of all bodies in memory, so that a few large ones cannot exhaust it."""
        return 8 * self.max_request_bytes


def configure(environment: Mapping[str, str], **given: Any) -> ServingConfig:
    """Build the configuration from the environment, the machine and explicit values.

    Args:
        environment: environment variables; `docs/serving.md` lists those that are used.
        given: fields of `ServingConfig` that override the environment unless they are None.
    Raises:
        ConfigError: a value is invalid.
    """
    fields = _environment_fields(environment)
    fields.update({name: value for name, value in given.items() if value is not None})
    if fields.get("models") is not None and fields.get("bundle") is not None:
        raise ConfigError(
            "several models are served, each loaded by its name; leave out the bundle "
            f"{str(fields['bundle'])!r}, or SAGEMAKER_MULTI_MODEL and --models"
        )
    fields = {name: value for name, value in fields.items() if value is not None}
    fields.setdefault("bundle", default_bundle(environment))
    body = fields.get("max_request_bytes", ServingConfig.max_request_bytes)
    answer = min(body + ServingConfig.max_answer_bytes, _MOST_MEGABYTES * MEGABYTE)
    fields.setdefault("max_answer_bytes", answer)
    cpus = available_cpus()
    # In multi-model mode each model has its own workers.
    fields.setdefault("workers", 1 if "models" in fields else min(cpus, MOST_WORKERS))
    fields.setdefault("threads", max(1, cpus // max(1, fields["workers"])))
    return ServingConfig(**fields)


def _environment_fields(environment: Mapping[str, str]) -> Dict[str, Any]:
    """Return the fields of `ServingConfig` that the environment sets; None where it does not."""
    fields: Dict[str, Any] = {
        "port": _number(environment, "SAGEMAKER_BIND_TO_PORT"),
        "workers": _number(environment, "SAGEMAKER_MODEL_SERVER_WORKERS"),
        "threads": _number(environment, "OMP_NUM_THREADS"),
        "request_seconds": _number(environment, "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS"),
        "recovery_seconds": _number(environment, "HTRLIB_RECOVERY_SECONDS"),
        "max_request_bytes": _number(environment, "SAGEMAKER_MAX_PAYLOAD_IN_MB", MEGABYTE),
        "default_accept": environment.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT"),
        "queue_length": _number(environment, "HTRLIB_QUEUE_LENGTH"),
        "batch_size": _number(environment, "HTRLIB_BATCH_SIZE"),
        "max_pixels": _number(environment, "HTRLIB_MAX_PIXELS"),
        "model_bytes": _number(environment, "HTRLIB_MODEL_MEMORY_IN_MB", MEGABYTE),
        "jobs": Path(environment["HTRLIB_JOBS"]) if environment.get("HTRLIB_JOBS") else None,
        "job_seconds": _number(environment, "HTRLIB_JOB_SECONDS"),
        "job_hours": _number(environment, "HTRLIB_JOB_HOURS"),
        "most_jobs": _number(environment, "HTRLIB_MOST_JOBS"),
        "job_folder_bytes": _number(environment, "HTRLIB_JOB_SPACE_IN_MB", MEGABYTE),
        "allow_code": _switch(environment, "HTRLIB_ALLOW_CODE"),
        "allow_s3": _switch(environment, "HTRLIB_ALLOW_S3"),
    }
    if environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true":
        fields["models"] = MODELS
    fields["engine"] = environment.get("HTRLIB_ENGINE") or None
    fields["recognizer"] = environment.get("HTRLIB_RECOGNIZER") or None
    if fields["recognizer"] and not fields["allow_code"]:
        raise ConfigError(
            "HTRLIB_RECOGNIZER names code that would run in the server; allow that with "
            "HTRLIB_ALLOW_CODE=1, or name it with `htr serve --recognizer`"
        )
    return fields


def default_bundle(environment: Mapping[str, str], model: Path = MODEL) -> str:
    """Return the bundle to serve by default: a mounted model, or else the included one.

    A directory with any content counts as a model, even a broken one: silently serving a model
    other than the mounted one would be worse than failing.
    """
    mounted = model.is_dir() and any(entry.name != "lost+found" for entry in model.iterdir())
    return str(model) if mounted else environment.get("HTRLIB_BUNDLE") or DEFAULT


def _number(environment: Mapping[str, str], name: str, unit: int = 1) -> Optional[int]:
    text = environment.get(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise ConfigError(f"{name} must be a whole number, found {text!r}")
    return int(text) * unit


def _switch(environment: Mapping[str, str], name: str) -> Optional[bool]:
    text = environment.get(name)
    if text not in (None, "", "0", "1"):
        raise ConfigError(f"{name} must be 0 or 1, found {text!r}")
    return None if not text else text == "1"

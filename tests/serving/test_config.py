from __future__ import annotations

from pathlib import Path

import pytest

from htrlib.errors import ConfigError
from htrlib.serving import config
from htrlib.serving.config import MEGABYTE, ServingConfig, configure, default_bundle
from htrlib.serving.cpus import available_cpus


def test_sagemaker_s_environment_is_heeded() -> None:
    made = configure(
        {
            "SAGEMAKER_BIND_TO_PORT": "9000",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "3",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "20",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": "6",
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/plain",
            "SAGEMAKER_MULTI_MODEL": "true",
            "OMP_NUM_THREADS": "2",
            "HTRLIB_ALLOW_S3": "1",
        }
    )
    assert (made.port, made.workers, made.threads) == (9000, 3, 2)
    assert (made.request_seconds, made.max_request_bytes) == (20, 6 << 20)
    assert (made.default_accept, made.models) == ("text/plain", config.MODELS)
    assert (made.allow_s3, made.allow_code) == (True, False)


def test_an_answer_may_hold_the_pdf_of_its_request_and_what_was_read() -> None:
    assert configure({}).max_answer_bytes == 50 * MEGABYTE
    for megabytes, answer in (("200", 225), ("2046", 2046)):
        made = configure({"SAGEMAKER_MAX_PAYLOAD_IN_MB": megabytes})
        assert made.max_answer_bytes == answer * MEGABYTE
    assert configure({}, max_request_bytes=MEGABYTE).max_answer_bytes == 26 * MEGABYTE
    assert configure({}, max_answer_bytes=MEGABYTE).max_answer_bytes == MEGABYTE


def test_a_recognizer_s_code_runs_where_that_is_allowed_or_it_is_an_argument() -> None:
    named = {"HTRLIB_RECOGNIZER": "strokes:recognize_lines"}
    with pytest.raises(ConfigError, match="HTRLIB_ALLOW_CODE=1"):
        configure(named)
    assert configure({**named, "HTRLIB_ALLOW_CODE": "1"}).recognizer == "strokes:recognize_lines"
    assert configure({}, recognizer="a:b").recognizer == "a:b"


def test_the_engine_is_the_argument_s_or_the_environment_s() -> None:
    environment = {"HTRLIB_ENGINE": "mxnet"}
    assert configure({}).engine is None
    assert configure(environment).engine == "mxnet"
    assert configure(environment, engine="onnx").engine == "onnx"


def test_arguments_win_and_the_machine_fills_in() -> None:
    made = configure({"SAGEMAKER_BIND_TO_PORT": "9000"}, port=9001, workers=None)
    cpus = available_cpus()
    assert (made.port, made.workers) == (9001, min(cpus, config.MOST_WORKERS))
    assert made.workers * made.threads <= max(cpus, made.workers)


def test_a_worker_alone_gets_all_cpus() -> None:
    assert configure({}, workers=1).threads == available_cpus()


@pytest.mark.parametrize(
    "environment",
    [
        {"SAGEMAKER_BIND_TO_PORT": "http"},
        {"SAGEMAKER_BIND_TO_PORT": "70000"},
        {"SAGEMAKER_MODEL_SERVER_WORKERS": "0"},
        {"SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "0"},
        {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "0"},
        {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "2047"},
        {"HTRLIB_QUEUE_LENGTH": "0"},
        {"HTRLIB_RECOVERY_SECONDS": "0"},
        {"HTRLIB_BATCH_SIZE": "0"},
        {"HTRLIB_BATCH_SIZE": "2", "HTRLIB_JOBS": "jobs"},
        {"HTRLIB_MAX_PIXELS": "0"},
        {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/html"},
        {"HTRLIB_ALLOW_CODE": "yes"},
    ],
)
def test_values_that_cannot_work_are_refused(environment: dict) -> None:
    with pytest.raises(ConfigError):
        configure(environment)


def test_a_bundle_is_not_passed_over_where_several_models_are_served(tmp_path: Path) -> None:
    assert configure({}, models=tmp_path).models == tmp_path
    for environment in ({}, {"SAGEMAKER_MULTI_MODEL": "true"}):
        models = None if environment else tmp_path
        with pytest.raises(ConfigError, match="leave out the bundle 'english'"):
            configure(environment, models=models, bundle="english")


def test_a_mounted_model_is_served_even_if_it_is_broken(tmp_path: Path) -> None:
    assert default_bundle({}, tmp_path) == "english"
    assert default_bundle({"HTRLIB_BUNDLE": "/b"}, tmp_path) == "/b"
    assert default_bundle({}, tmp_path / "none") == "english"
    (tmp_path / "half-a-model").touch()
    assert default_bundle({"HTRLIB_BUNDLE": "/b"}, tmp_path) == str(tmp_path)


@pytest.mark.parametrize(
    ("workers", "megabytes", "expected"),
    [(2, 25, (2, 25)), (64, 25, (4, 25)), (64, 1, (64, 1)), (4, 200, (1, 100))],
)
def test_batch_transform_is_told_no_more_than_it_takes(workers, megabytes, expected):
    config = ServingConfig(workers=workers, batch_size=1, max_request_bytes=megabytes * MEGABYTE)
    assert config.transform_limits == expected

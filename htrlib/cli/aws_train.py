"""`htr aws train|register`: training jobs and the model registry."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from htrlib.aws import machines
from htrlib.cli import datasets
from htrlib.cli.aws_options import (
    Add,
    add_account_options,
    add_endpoint_options,
    add_network_options,
    endpoint_config,
    give_result,
    tell,
    vpc_of,
)
from htrlib.errors import ConfigError

if TYPE_CHECKING:
    from htrlib.aws.endpoints import EndpointConfig
    from htrlib.aws.session import Aws
    from htrlib.aws.training import TrainingJobConfig


def add_verbs(add: Add) -> None:
    """Add the commands."""
    _add_train(add)
    verb = add("register", _register, "add a model to the model registry")
    verb.add_argument("group", help="model package group; created if missing")
    verb.add_argument("--image", required=True, metavar="URI", help="container image in ECR")
    verb.add_argument("--model-data", required=True, metavar="S3_URI", help="a model.tar.gz")
    verb.add_argument("--description", default="", help="where the model comes from")
    add_account_options(verb)


def _add_train(add: Add) -> None:
    verb = add("train", _train, "train on SageMaker")
    verb.add_argument("name", help="name of the job")
    verb.add_argument("--image", required=True, metavar="URI", help="container image in ECR")
    verb.add_argument("--role", required=True, metavar="ARN", help="execution role")
    verb.add_argument(
        "--train", required=True, metavar="S3_URI", help="prefix of the training data"
    )
    verb.add_argument("--validation", metavar="S3_URI", help="prefix of validation data")
    verb.add_argument("--images", metavar="S3_URI", help="prefix of the images, if separate")
    verb.add_argument("--output", required=True, metavar="S3_URI", help="prefix for the model")
    verb.add_argument(
        "--init", metavar="BUNDLE|S3_URI", help="bundle to start from: a name, or a model.tar.gz"
    )
    verb.add_argument("--task", default="line-recognition", help="(default: %(default)s)")
    verb.add_argument("--format", help="format of the data (default: detected)")
    verb.add_argument(
        "--set",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="another hyperparameter, such as epochs=10; can be repeated",
    )
    verb.add_argument("--instance-type", default=machines.TRAINING, help="(default: %(default)s)")
    verb.add_argument("--instances", type=int, default=1, metavar="N", help="number of machines")
    verb.add_argument("--hours", type=float, default=24.0, help="time limit (default: %(default)s)")
    verb.add_argument(
        "--spot", action="store_true", help="use spot instances, at about a third of the price"
    )
    verb.add_argument("--detach", action="store_true", help="return without waiting for the model")
    verb.add_argument("--register", metavar="GROUP", help="add the model to the model registry")
    verb.add_argument(
        "--deploy", metavar="ENDPOINT", help="deploy the model to it when the job completes"
    )
    verb.add_argument(
        "--serving-role", metavar="ARN", help="role of that endpoint (default: --role)"
    )
    add_endpoint_options(verb, "endpoint-")
    add_network_options(verb)
    add_account_options(verb)


def _train(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.endpoints import deploy
    from htrlib.aws.names import checked
    from htrlib.aws.training import start_training, wait_for_training

    if parsed.deploy and parsed.detach:
        raise ConfigError("--deploy waits for the model; remove --detach")
    job = _job_config(parsed)
    # what is asked for after the training is checked before it is paid for
    endpoint = _endpoint(parsed) if parsed.deploy else None
    if parsed.register:
        checked(parsed.register)
    start_training(job, aws)
    if parsed.detach:
        tell(f"training job {parsed.name} started: htr aws watch training {parsed.name}")
        return 0
    trained = wait_for_training(parsed.name, aws, tell)
    give_result(trained.model_data, aws)
    if parsed.register:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in trained.metrics.items())
        _add_to_registry(
            parsed.register, trained.model_data, f"{parsed.name}: {scores}", parsed, aws
        )
    if endpoint is not None:
        model = replace(endpoint.model, model_data=trained.model_data)
        deploy(replace(endpoint, model=model), aws, tell)
    return 0


def _endpoint(parsed: argparse.Namespace) -> EndpointConfig:
    """The endpoint to deploy to, without its model. Serverless ones have no network of a job."""
    vpc = None if parsed.serverless else vpc_of(parsed)
    return endpoint_config(parsed.deploy, None, parsed.serving_role or parsed.role, vpc, parsed)


def _job_config(parsed: argparse.Namespace) -> TrainingJobConfig:
    from htrlib.aws.training import TrainingJobConfig

    init = parsed.init or ""
    channels = {
        "train": parsed.train,
        "validation": parsed.validation,
        "images": parsed.images,
        "init": init if init.startswith("s3://") else None,
    }
    settings = {"task": parsed.task, "format": parsed.format, **datasets.pairs(parsed.set, "--set")}
    if not channels["init"]:
        settings["init"] = init
    return TrainingJobConfig(
        name=parsed.name,
        image=parsed.image,
        role=parsed.role,
        channels={name: uri for name, uri in channels.items() if uri},
        output=parsed.output,
        hyperparameters={name: value for name, value in settings.items() if value},
        instance_type=parsed.instance_type,
        instances=parsed.instances,
        seconds=int(3600 * parsed.hours),
        spot=parsed.spot,
        vpc=vpc_of(parsed),
        kms_key=parsed.kms_key,
        tags=datasets.pairs(parsed.tag, "--tag"),
    )


def _register(parsed: argparse.Namespace, aws: Aws) -> int:
    _add_to_registry(parsed.group, parsed.model_data, parsed.description, parsed, aws)
    return 0


def _add_to_registry(
    group: str, model_data: str, description: str, parsed: argparse.Namespace, aws: Aws
) -> None:
    from htrlib.aws.registry import register
    from htrlib.aws.sagemaker_models import ModelConfig

    model = ModelConfig(image=parsed.image, role="", model_data=model_data)
    arn = register(group, model, description, datasets.pairs(parsed.tag, "--tag"), aws)
    tell(f"{arn} is pending approval")

"""What the commands of `htr aws` do; `htrlib.cli.aws` has their arguments."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Callable, Dict, Optional

from htrlib.cli import datasets
from htrlib.errors import ConfigError, ImageError

if TYPE_CHECKING:
    from htrlib.aws.endpoints import EndpointConfig
    from htrlib.aws.network import Vpc
    from htrlib.aws.session import Aws

_OK, _PARTLY = 0, 1


def upload(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.storage import upload

    done = upload(parsed.folder, parsed.s3_uri, aws)
    _say(
        f"{parsed.s3_uri}: {done.files} files, {done.skipped} were there, {done.sent:,} bytes sent"
    )
    return _OK


def download(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.storage import download, download_archive

    if parsed.unpack:
        _give(str(download_archive(parsed.s3_uri, parsed.folder, aws)), aws)
        return _OK
    done = download(parsed.s3_uri, parsed.folder, aws)
    _say(
        f"{parsed.folder}: {done.files} files, {done.skipped} were there, {done.sent:,} bytes came"
    )
    return _OK


def label(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws import labeling

    members = labeling.WorkTeamMembers(*parsed.members) if parsed.members else None
    team = labeling.work_team(parsed.team, members, aws)
    labeling.check_workers(parsed.workers, team)
    manifest, attribute = parsed.correct, labeling.ATTRIBUTE
    if manifest:
        attribute = labeling.next_attribute(manifest, aws)
        what = f"the labels of {manifest}, corrected as {attribute!r},"
    else:
        manifest = f"{parsed.output.rstrip('/')}/{parsed.name}/input.manifest"
        what = f"{labeling.write_manifest(parsed.pages, manifest, aws)} pages"
    config = labeling.LabelingJobConfig(
        name=parsed.name,
        manifest=manifest,
        output=parsed.output,
        role=parsed.role,
        work_team=team.arn,
        template=parsed.template,
        pre_lambda=parsed.pre_lambda,
        post_lambda=parsed.post_lambda,
        attribute=attribute,
        workers=parsed.workers,
        kms_key=parsed.kms_key,
        tags=datasets.pairs(parsed.tag, "--tag"),
    )
    labeling.start_labeling(config, aws)
    portal = f" at {team.portal}" if team.portal else ""
    _say(f"labeling job {parsed.name}: {what} wait for {parsed.team}{portal}")
    return _OK if parsed.detach else _watch_labeling(parsed.name, aws)


def train(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.endpoints import deploy
    from htrlib.aws.training import TrainingJobConfig, start_training, wait_for_training

    if parsed.deploy and parsed.detach:
        raise ConfigError("--deploy waits for the model; leave out --detach")
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
    config = TrainingJobConfig(
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
        vpc=_vpc(parsed),
        kms_key=parsed.kms_key,
        tags=datasets.pairs(parsed.tag, "--tag"),
    )
    start_training(config, aws)
    if parsed.detach:
        _say(f"training job {parsed.name} runs: htr aws watch training {parsed.name}")
        return _OK
    trained = wait_for_training(parsed.name, aws, _say)
    _give(trained.model_data, aws)
    if parsed.register:
        scores = ", ".join(f"{name} {value:.4g}" for name, value in trained.metrics.items())
        _register(parsed.register, trained.model_data, f"{parsed.name}: {scores}", parsed, aws)
    if parsed.deploy:
        role = parsed.serving_role or parsed.role
        deploy(_endpoint(parsed.deploy, trained.model_data, role, parsed), aws, _say)
    return _OK


def register(parsed: argparse.Namespace, aws: Aws) -> int:
    _register(parsed.group, parsed.model_data, parsed.description, parsed, aws)
    return _OK


def _register(
    group: str, model_data: str, description: str, parsed: argparse.Namespace, aws: Aws
) -> None:
    from htrlib.aws.registry import register
    from htrlib.aws.sagemaker_models import ModelConfig

    model = ModelConfig(image=parsed.image, role="", model_data=model_data)
    arn = register(group, model, description, datasets.pairs(parsed.tag, "--tag"), aws)
    _say(f"{arn} waits for approval")


def push_image(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.images import build_image, push_image

    if parsed.codebuild:
        build_image(parsed.codebuild, aws=aws, tell=_say)
    else:
        _give(push_image(parsed.image, parsed.repository, aws), aws)
    return _OK


def deploy(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.endpoints import deploy
    from htrlib.aws.storage import upload_archive

    if parsed.bundle:
        if not parsed.model_data:
            raise ConfigError("--bundle is packed to an S3 URI: give --model-data")
        upload_archive(parsed.bundle, parsed.model_data, aws)
    deploy(_endpoint(parsed.name, parsed.model_data, parsed.role, parsed), aws, _say)
    return _OK


def _endpoint(
    name: str, model_data: Optional[str], role: str, parsed: argparse.Namespace
) -> EndpointConfig:
    from htrlib.aws.endpoints import (
        DataCapture,
        EndpointConfig,
        ModelConfig,
        Queue,
        Rollout,
        Scaling,
        Serverless,
    )

    return EndpointConfig(
        name=name,
        model=ModelConfig(
            image=parsed.image,
            role=role,
            model_data=model_data,
            multi_model=getattr(parsed, "multi_model", False),
            environment=datasets.pairs(parsed.environment, "--environment"),
            vpc=_vpc(parsed),
        ),
        instance_type=parsed.endpoint_type,
        instances=parsed.endpoint_instances,
        scaling=Scaling(*parsed.scale) if parsed.scale else None,
        serverless=Serverless(parsed.serverless) if parsed.serverless else None,
        queue=Queue(parsed.queue) if parsed.queue else None,
        capture=DataCapture(parsed.capture) if parsed.capture else None,
        rollout=Rollout(
            parsed.rollout,
            parsed.rollout_percent,
            parsed.rollout_wait,
            tuple(parsed.rollout_alarms),
        ),
        kms_key=parsed.kms_key,
        tags=datasets.pairs(parsed.tag, "--tag"),
    )


def _vpc(parsed: argparse.Namespace) -> Optional[Vpc]:
    from htrlib.aws.network import Vpc

    if not parsed.subnets and not parsed.security_groups:
        return None
    return Vpc(tuple(parsed.subnets), tuple(parsed.security_groups))


def undeploy(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.endpoints import undeploy

    undeploy(parsed.name, aws)
    _say(f"endpoint {parsed.name} is deleted")
    return _OK


def batch(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.batch import BatchJobConfig, fetch_results, start_batch
    from htrlib.aws.sagemaker_models import copy_model, delete_model, model_of

    tags = datasets.pairs(parsed.tag, "--tag")
    model = parsed.model or model_of(parsed.endpoint, aws)
    if parsed.role:
        model = copy_model(parsed.name, model, parsed.role, tags, aws)
    config = BatchJobConfig(
        name=parsed.name,
        model=model,
        input=parsed.input,
        output=parsed.output,
        instance_type=parsed.instance_type,
        instances=parsed.instances,
        kms_key=parsed.kms_key,
        tags=tags,
    )
    start_batch(config, aws)
    if parsed.detach:
        _say(f"batch job {parsed.name} runs: htr aws watch batch {parsed.name}")
        return _OK
    _watch_batch(parsed.name, aws)
    if parsed.role:
        delete_model(model, aws)
    if parsed.fetch:
        _say(f"{parsed.fetch}: {len(fetch_results(parsed.output, parsed.fetch, aws))} results")
    return _OK


def transcribe(parsed: argparse.Namespace, aws: Optional[Aws]) -> int:
    from htrlib.aws.endpoint_client import EndpointClient
    from htrlib.formats.json_format import to_json
    from htrlib.formats.text import to_text

    if parsed.queue and aws is not None:
        return _transcribe_queued(parsed, aws)
    client = EndpointClient(parsed.endpoint, url=parsed.url, aws=aws)
    status = _OK
    for path in parsed.paths:
        try:
            result = client.transcribe(
                path,
                beam_width=parsed.beam_width,
                stage=parsed.stage,
                language_model=None if not parsed.language_model else parsed.language_model == "on",
                target_model=parsed.target_model,
            )
        except ImageError as error:
            print(f"htr: {error}", file=sys.stderr)
            status = _PARTLY
            continue
        print(to_json(result) if parsed.format == "json" else to_text(result), end="")
    return status


def _transcribe_queued(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.endpoint_client import attributes_of
    from htrlib.aws.queue import ask, collect
    from htrlib.formats.json_format import to_json
    from htrlib.formats.text import to_text

    attributes = attributes_of(
        beam_width=parsed.beam_width,
        stage=parsed.stage,
        language_model=None if not parsed.language_model else parsed.language_model == "on",
    )
    asked = [
        ask(parsed.endpoint, path, parsed.queue, attributes=attributes, aws=aws)
        for path in parsed.paths
    ]
    if aws.dry:
        return _OK
    for result in collect(asked, aws, _say).values():
        print(to_json(result) if parsed.format == "json" else to_text(result), end="")
    return _OK


def status(_: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.status import overview

    for row in overview(aws):
        print(f"{row.kind:<10} {row.status:<12} {row.name}")
    return _OK


def watch(parsed: argparse.Namespace, aws: Aws) -> int:
    watches: Dict[str, Callable[[str, Aws], int]] = {
        "training": _watch_training,
        "labeling": _watch_labeling,
        "batch": _watch_batch,
    }
    return watches[parsed.kind](parsed.name, aws)


def _watch_training(name: str, aws: Aws) -> int:
    from htrlib.aws.training import wait_for_training

    _give(wait_for_training(name, aws, _say).model_data, aws)
    return _OK


def _watch_labeling(name: str, aws: Aws) -> int:
    from htrlib.aws.labeling import wait_for_labels

    _give(wait_for_labels(name, aws, _say).manifest, aws)
    return _OK


def _watch_batch(name: str, aws: Aws) -> int:
    from htrlib.aws.batch import wait_for_batch

    _give(wait_for_batch(name, aws, _say), aws)
    return _OK


def stop(parsed: argparse.Namespace, aws: Aws) -> int:
    from htrlib.aws.batch import stop_batch
    from htrlib.aws.labeling import stop_labeling
    from htrlib.aws.training import stop_training

    stops = {"training": stop_training, "labeling": stop_labeling, "batch": stop_batch}
    stops[parsed.kind](parsed.name, aws)
    return _OK


def _say(line: str) -> None:
    """A line for the reader."""
    print(line, file=sys.stderr, flush=True)


def _give(result: str, aws: Aws) -> None:
    """A result for the next program; in a dry run there is none, only the requests."""
    if not aws.dry:
        print(result)

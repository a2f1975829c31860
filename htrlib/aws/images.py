"""The container image to ECR: pushed from here, or built there."""

from __future__ import annotations

import base64
import shutil
import subprocess
from contextlib import suppress
from typing import List, Mapping, Optional, Tuple

from htrlib.aws.following import State, Tell, follow, silent
from htrlib.aws.session import Aws, Response
from htrlib.errors import AwsError, AwsNotFoundError, ConfigError

_FORMAT = ("--format", "v2s2")
_INSPECT = {
    "docker": ("docker", "image", "inspect"),
    "podman": ("podman", "image", "inspect"),
    "skopeo": ("skopeo", "inspect", "--raw"),
}
"""Program -> the command that fails for an image that it does not have."""


def push_image(image: str, repository: str, aws: Optional[Aws] = None) -> str:
    """Push an image of this machine to ECR, and return its URI there.

    Args:
        image: name of the image in docker, podman or skopeo, such as "htrlib:serve".
        repository: repository in ECR; created if missing.
    Raises:
        ConfigError: none of the programs is here, or none has the image.
        AwsError: see `Aws.call`, or the program fails, with what it said.
    """
    aws = aws or Aws()
    program = "" if aws.dry else _program_with(image)
    address = repository_uri(repository, aws)
    target = f"{address}:{_tag(image)}"
    user, password = _login(aws)
    if aws.dry:
        return target
    registry = address.partition("/")[0]
    _run([program, "login", "--username", user, "--password-stdin", registry], password)
    try:
        for command in _commands(program, image, target):
            _run(command)
    finally:  # the token would lie in the program's configuration for hours
        _run([program, "logout", registry])
    return target


def repository_uri(repository: str, aws: Optional[Aws] = None) -> str:
    """The address of a repository, which is made where there is none. Raises as `Aws.call`."""
    aws = aws or Aws()
    found = aws.find("ecr", "describe_repositories", repositoryNames=[repository])
    if found is not None:
        return str(found["repositories"][0]["repositoryUri"])
    made = aws.call(
        "ecr",
        "create_repository",
        repositoryName=repository,
        imageScanningConfiguration={"scanOnPush": True},
    )
    return str(made["repository"]["repositoryUri"])


def build_image(
    project: str,
    environment: Optional[Mapping[str, str]] = None,
    aws: Optional[Aws] = None,
    tell: Tell = silent,
) -> str:
    """Let a CodeBuild project build and push the image, and return the build's id.

    Args:
        project: as the stack of `examples/sagemaker` sets it up.
        environment: variables of the build, over those of the project.
        tell: is told each phase.
    Raises:
        AwsJobError: the build failed; with the phase and what it said.
        AwsError: see `Aws.call`.
    """
    aws = aws or Aws()
    variables = [{"name": name, "value": value} for name, value in (environment or {}).items()]
    started = aws.call(
        "codebuild",
        "start_build",
        projectName=project,
        environmentVariablesOverride=variables,
    )
    build = str(started["build"]["id"])

    def describe() -> Response:
        found: List[Response] = aws.call("codebuild", "batch_get_builds", ids=[build])["builds"]
        if not found:
            raise AwsNotFoundError(f"CodeBuild has no build {build}; check its id")
        return found[0]

    follow(aws, f"build {build}", describe, _build_state, tell)
    return build


def _build_state(answer: Response) -> State:
    status, phase = answer["buildStatus"], answer.get("currentPhase", "")
    if status in ("IN_PROGRESS", "SUCCEEDED"):
        return State(f"{status}, {phase}", ended=status == "SUCCEEDED")
    said = [
        f"{phase['phaseType']}: {context.get('message', '')}"
        for phase in answer.get("phases", ())
        for context in phase.get("contexts", ())
        if context.get("message")
    ]
    logs = answer.get("logs", {}).get("deepLink", "the console")
    return State(status, failure=f"{status}; {'; '.join(said) or 'no message'}; its log: {logs}")


def _program_with(image: str) -> str:
    """The first of the programs here that has an image; Docker's may be without its daemon."""
    here = [program for program in _INSPECT if shutil.which(program)]
    if not here:
        raise ConfigError(
            f"pushing an image takes one of {', '.join(_INSPECT)}, and none is on PATH; install "
            "one, or let CodeBuild build the image (--codebuild)"
        )
    for program in here:
        with suppress(AwsError):
            _run([*_INSPECT[program], _source(program, image)])
            return program
    raise ConfigError(
        f"{', '.join(here)}: no image {image!r} there; build it (container/README.md)"
    )


def _source(program: str, image: str) -> str:
    return f"containers-storage:{image}" if program == "skopeo" else image


def _tag(image: str) -> str:
    """The tag of an image's name: what follows a colon behind its last slash."""
    return image.rpartition("/")[2].partition(":")[2] or "latest"


def _login(aws: Aws) -> Tuple[str, str]:
    data = aws.call("ecr", "get_authorization_token")["authorizationData"]
    if not data:  # in a dry run
        return "AWS", ""
    user, _, password = base64.b64decode(data[0]["authorizationToken"]).decode().partition(":")
    return user, password


def _commands(program: str, image: str, target: str) -> List[List[str]]:
    """What pushes an image, with a manifest in Docker's format: SageMaker takes none of OCI's."""
    if program == "skopeo":
        return [["skopeo", "copy", *_FORMAT, _source(program, image), f"docker://{target}"]]
    form = () if program == "docker" else _FORMAT
    return [[program, "tag", image, target], [program, "push", *form, target]]


def _run(command: List[str], secret: str = "") -> None:
    """Run a program; a secret goes to its standard input and nowhere else."""
    done = subprocess.run(command, input=secret, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        said = said.replace(secret, "***") if secret else said
        raise AwsError(f"{' '.join(command[:2])} ended with {done.returncode}: {said}")

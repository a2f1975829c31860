from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path

import pytest

from htrlib.aws.images import build_image, push_image, repository_uri
from htrlib.errors import AwsError, AwsJobError, AwsNotFoundError, ConfigError
from tests.aws.conftest import REGION, ROLE

REGISTRY = f"123456789012.dkr.ecr.{REGION}.amazonaws.com"
TOKEN = "123456789012-auth-token"  # moto's


@pytest.fixture
def programs(tmp_path: Path, monkeypatch):
    """Puts programs on PATH that record their arguments and input."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str, failing: str = "nothing") -> Path:
        log = tmp_path / "log"
        program = folder / name
        program.write_text(
            f"#!{shutil.which('sh', path='/bin:/usr/bin')}\n"
            f'echo "{name} $*" >> {log}\n'
            f'if [ "$1" = login ]; then read -r secret; echo "told $secret" >> {log}; fi\n'
            f'if [ "$1" = {failing} ]; then echo "denied with $secret" >&2; exit 3; fi\n'
        )
        program.chmod(0o755)
        return log

    return make


@pytest.mark.parametrize(
    ("program", "push"), [("docker", "push"), ("podman", "push --format v2s2")]
)
def test_an_image_is_pushed_with_what_is_here(aws, programs, program, push):
    """Docker's format, because SageMaker does not accept OCI manifests."""
    log = programs(program)
    target = f"{REGISTRY}/hands:serve"
    assert push_image("htrlib:serve", "hands", aws) == target
    assert log.read_text().splitlines() == [
        f"{program} image inspect htrlib:serve",
        f"{program} login --username AWS --password-stdin {REGISTRY}",
        f"told {TOKEN}",
        f"{program} tag htrlib:serve {target}",
        f"{program} {push} {target}",
        f"{program} logout {REGISTRY}",
    ]


def test_an_image_is_copied_where_only_skopeo_is(aws, programs):
    log = programs("skopeo")
    push_image("localhost:5000/htrlib", "hands", aws)
    assert (
        "skopeo copy --format v2s2 containers-storage:localhost:5000/htrlib "
        f"docker://{REGISTRY}/hands:latest" in log.read_text()
    )


def test_the_program_that_has_the_image_pushes_it(aws, programs):
    programs("docker", failing="image")  # the client without its daemon, or without the image
    log = programs("podman")
    push_image("htrlib:serve", "hands", aws)
    assert f"podman push --format v2s2 {REGISTRY}/hands:serve" in log.read_text()


def test_an_image_that_is_not_here_is_told(aws, programs):
    programs("docker", failing="image")
    with pytest.raises(ConfigError, match="docker: no image 'htrlib:serve' there; build it"):
        push_image("htrlib:serve", "hands", aws)


def test_a_push_that_fails_says_why_without_the_token_and_logs_out(aws, programs):
    log = programs("docker", failing="push")
    with pytest.raises(AwsError, match="docker push ended with 3: denied with"):
        push_image("htrlib:serve", "hands", aws)
    assert log.read_text().endswith(f"docker logout {REGISTRY}\n")


def test_a_login_that_fails_does_not_tell_the_token(aws, programs):
    programs("docker", failing="login")
    with pytest.raises(AwsError, match=r"docker login ended with 3: denied with \*\*\*") as caught:
        push_image("htrlib:serve", "hands", aws)
    assert TOKEN not in str(caught.value)
    assert base64.b64encode(TOKEN.encode()).decode() not in str(caught.value)


def test_without_any_program_it_is_said_what_to_do(aws, monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(ConfigError, match="one of docker, podman, skopeo, and none is on PATH"):
        push_image("htrlib:serve", "hands", aws)


def test_a_repository_is_made_once(front, aws):
    assert repository_uri("hands", aws) == repository_uri("hands", aws) == f"{REGISTRY}/hands"
    assert len(front.asked("CreateRepository")) == 1


@pytest.fixture
def project(aws):
    client = aws.client("codebuild")
    client.create_project(
        name="htrlib-image",
        source={"type": "S3", "location": "pages/source.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole=ROLE,
    )
    return "htrlib-image"


def test_codebuild_builds_it_and_is_followed(front, aws, project):
    lines = []
    build = build_image(project, {"TAG": "serve"}, aws, lines.append)
    assert build.startswith("htrlib-image:")
    assert lines == [f"build {build}: SUCCEEDED, COMPLETED"]
    (started,) = front.asked("StartBuild")
    assert started["environmentVariablesOverride"] == [{"name": "TAG", "value": "serve"}]


def test_a_build_that_failed_says_in_which_phase_and_why(front, aws, project):
    context = {"statusCode": "COMMAND_EXECUTION_ERROR", "message": "docker build: exit status 1"}
    failed = {
        "id": "x",
        "buildStatus": "FAILED",
        "phases": [{"phaseType": "BUILD", "contexts": [context]}],
        "logs": {"deepLink": "https://logs/x"},
    }
    going = {"id": "x", "buildStatus": "IN_PROGRESS", "currentPhase": "BUILD"}
    front.answers("BatchGetBuilds", {"builds": [going]}, {"builds": [failed]})
    with pytest.raises(AwsJobError, match=r"BUILD: docker build: exit status 1; .*https://logs/x"):
        build_image(project, aws=aws)


def test_a_project_that_is_not_there_is_told(aws):
    with pytest.raises(AwsNotFoundError, match="htrlib-image is not there"):
        build_image("htrlib-image", aws=aws)

"""The stack's code: archives, their upload, and the build of the image."""

from __future__ import annotations

import importlib
import io
import json
import re
import subprocess
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple
from urllib.parse import parse_qs

import boto3
import pytest

from tests.sagemaker.stack import PATH, ROOT, Template, read, resources


@pytest.fixture(scope="module")
def template() -> Template:
    return read()


# ---- the code ----


def test_the_functions_are_the_tested_files(template, script):
    package = script("package")
    archive = zipfile.ZipFile(io.BytesIO(package.archive(package.function_files())))
    functions = resources(template, "AWS::Lambda::Function")
    assert len(functions) == 4
    for function in functions.values():
        assert function["Code"] == {
            "S3Bucket": {"Ref": "CodeBucket"},
            "S3Key": {"Ref": "FunctionsKey"},
        }
        module, name = function["Handler"].split(".")
        tested = importlib.import_module(module)
        assert callable(getattr(tested, name))
        assert archive.read(f"{module}.py") == Path(tested.__file__).read_bytes()


def test_the_source_archive_holds_what_the_image_is_built_from(script):
    package = script("package")
    names = {name for name, _ in package.source_files()}
    dockerfile = (ROOT / "container" / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+) \S+$", dockerfile, re.M)
    for path in " ".join(copied).split():
        pattern = re.escape(path).replace(r"\*", "[^/]*")
        assert any(re.match(f"{pattern}(/|$)", name) for name in names), path
    assert {"container/build.sh", "container/engine.sh"} <= names
    assert not [name for name in names if "__pycache__" in name]


def test_what_is_uploaded_fills_in_the_form_of_the_stack(
    template, script, aws, capsys, monkeypatch
):
    monkeypatch.setattr("sys.argv", ["package.py", "--bucket", "my-artifacts", "--stack", "hands"])
    assert script("package").main() is None
    link = capsys.readouterr().out.strip()
    address, _, query = link.partition("#/stacks/create/review?")
    assert "us-east-1.console.aws.amazon.com/cloudformation" in address
    fields = {name: values[0] for name, values in parse_qs(query).items()}
    given = {name[6:]: value for name, value in fields.items() if name.startswith("param_")}
    assert fields["stackName"] == "hands"
    s3 = aws("s3")

    def stored(key: str) -> bytes:
        return s3.get_object(Bucket="my-artifacts", Key=key)["Body"].read()

    assert stored(fields["templateURL"].partition(".amazonaws.com/")[2]) == PATH.read_bytes()
    assert given["CodeBucket"] == "my-artifacts"
    for name in ("FunctionsKey", "SourceKey"):
        assert re.match(template["Parameters"][name]["AllowedPattern"], given[name])
        assert zipfile.ZipFile(io.BytesIO(stored(given[name]))).testzip() is None


def test_without_a_name_the_bucket_is_called_after_the_account(script, aws, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["package.py"])
    assert script("package").main() is None
    assert "param_CodeBucket=htrlib-artifacts-123456789012-us-east-1" in capsys.readouterr().out


def test_a_bucket_in_another_region_is_refused_with_what_to_do(script, aws, monkeypatch):
    aws("s3", region_name="eu-west-1").create_bucket(
        Bucket="my-artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    monkeypatch.setattr("sys.argv", ["package.py", "--bucket", "my-artifacts"])
    said = script("package").main()
    assert "my-artifacts is in eu-west-1, and the stack would be in us-east-1" in said
    assert "create the stack there with --region eu-west-1" in said


def test_a_bucket_of_somebody_else_is_told_by_the_right_that_is_missing(script):
    from botocore.stub import Stubber

    s3 = boto3.client("s3", "us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    with Stubber(s3) as stub:
        stub.add_client_error("head_bucket", "403", "Forbidden", 403)
        with pytest.raises(
            script("package").BucketError, match="s3:ListBucket on theirs is denied"
        ):
            script("package")._open_bucket(s3, "theirs", "us-east-1")


def test_packaging_needs_neither_the_library_nor_what_it_needs(script):
    code = Path(script("package").__file__).read_text(encoding="utf-8")
    assert not re.search(r"^\s*(?:from|import) (?:htrlib|numpy)", code, re.M)


# ---- the build, which CloudFormation waits for ----


@pytest.fixture
def cloudformation() -> Iterator[Tuple[str, List[Dict[str, Any]]]]:
    """A ResponseURL, and the content sent to it."""
    answers: List[Dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert not self.headers.get("Content-Type")
            answers.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/answer?Signature=a%2Bb", answers
    server.shutdown()
    thread.join()
    server.server_close()


def request(url: str, kind: str = "Create") -> Dict[str, Any]:
    return {
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "arn:stack",
        "RequestId": "request",
        "LogicalResourceId": "BuiltImage",
        "ResourceProperties": {"Project": "htr-image", "Image": "registry/htr:1a2b"},
    }


def buildspec(template: Template) -> Dict[str, Any]:
    import yaml

    return yaml.safe_load(template["Resources"]["Build"]["Properties"]["Source"]["BuildSpec"])


@pytest.fixture
def codebuild(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of CodeBuild, with the project; `started` has what builds were started with."""
    client = aws("codebuild")
    client.create_project(
        name="htr-image",
        source={"type": "S3", "location": "b/source.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        serviceRole="arn:aws:iam::123456789012:role/build",
    )
    client.started = []
    client.meta.events.register(
        "provide-client-params.codebuild.StartBuild",
        lambda params, **_: client.started.append(params),
    )
    monkeypatch.setattr(boto3, "client", lambda service: client)
    return client


def end_of(codebuild: Any, status: str, phases: List[Dict[str, Any]]) -> Dict[str, Any]:
    """EventBridge's event for the end of the build that was started, which CodeBuild describes."""
    (build,) = codebuild.list_builds()["ids"]
    (given,) = codebuild.started
    described = {
        "id": build,
        "phases": phases,
        "logs": {"deepLink": "https://logs.example"},
        "environment": {"environmentVariables": given["environmentVariablesOverride"]},
    }
    codebuild.batch_get_builds = lambda ids: {"builds": [described] if ids == [build] else []}
    return {"detail": {"build-id": build, "build-status": status, "project-name": "htr-image"}}


def test_the_stack_waits_for_the_build_and_hears_that_it_succeeded(
    script, codebuild, cloudformation
):
    url, answers = cloudformation
    script("build_image").handler(request(url), None)
    assert answers == [], "the build has not ended"
    script("build_image").handler(end_of(codebuild, "SUCCEEDED", []), None)
    (answer,) = answers
    assert answer["Status"] == "SUCCESS"
    assert answer["PhysicalResourceId"] == "registry/htr:1a2b"
    assert answer["RequestId"] == "request"


@pytest.mark.parametrize("status", ["FAILED", "FAULT", "STOPPED", "TIMED_OUT"])
def test_the_stack_hears_at_once_that_a_build_died_before_its_commands(
    script, codebuild, cloudformation, status
):
    url, answers = cloudformation
    script("build_image").handler(request(url), None)
    said = {"phaseType": "DOWNLOAD_SOURCE", "contexts": [{"message": "AccessDenied"}]}
    script("build_image").handler(end_of(codebuild, status, [said]), None)
    (answer,) = answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        f"the build ended with {status}; DOWNLOAD_SOURCE: AccessDenied; its log: "
        "https://logs.example"
    )


def test_a_build_that_does_not_start_is_told_at_once(script, aws, cloudformation):
    url, answers = cloudformation
    script("build_image").handler(request(url), None)  # there is no such project
    assert [answer["Status"] for answer in answers] == ["FAILED"]
    assert "did not start" in answers[0]["Reason"]


def test_deleting_the_stack_needs_no_build(script, aws, cloudformation):
    url, answers = cloudformation
    script("build_image").handler(request(url, "Delete"), None)
    assert [answer["Status"] for answer in answers] == ["SUCCESS"]


def test_a_build_by_hand_answers_nobody(script, codebuild, cloudformation):
    _, answers = cloudformation
    codebuild.start_build(projectName="htr-image", environmentVariablesOverride=[])
    script("build_image").handler(end_of(codebuild, "SUCCEEDED", []), None)
    assert answers == []


def test_every_end_of_this_build_reaches_the_function(template):
    rule = resources(template, "AWS::Events::Rule")["BuildEnded"]
    detail = rule["EventPattern"]["detail"]
    assert detail["project-name"] == [{"Ref": "Build"}]
    assert detail["build-status"] == [{"anything-but": "IN_PROGRESS"}]
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": ["BuildFunction", "Arn"]}
    waits = template["Resources"]["BuiltImage"]["DependsOn"]
    assert waits == ["BuildEnded", "BuildEndedMayCall"]


def test_the_build_pushes_what_it_built(template, tmp_path):
    """Run with stand-ins for docker and aws that record their arguments."""
    (command,) = buildspec(template)["phases"]["build"]["commands"]
    for name in ("docker", "aws"):
        tool = tmp_path / name
        tool.write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/calls"\n')
        tool.chmod(0o755)
    (tmp_path / "container").mkdir()
    (tmp_path / "container" / "build.sh").write_text(f'echo "build $1" >> "{tmp_path}/calls"\n')
    for target, tag in (("serve-mxnet", "1a2b"), ("gpu", "1a2b-gpu")):
        (tmp_path / "calls").unlink(missing_ok=True)
        environment = {"IMAGE": "host.example/htr", "TAG": "1a2b", "TARGET": target}
        environment["PATH"] = f"{tmp_path}:/usr/bin:/bin"
        subprocess.run(["sh", "-c", command], check=True, env=environment, cwd=tmp_path, timeout=60)
        calls = (tmp_path / "calls").read_text().splitlines()
        assert f"build {target}" in calls
        assert "docker login --username AWS --password-stdin host.example" in calls
        assert calls[-2:] == [
            f"docker tag htrlib:{target} host.example/htr:{tag}",
            f"docker push host.example/htr:{tag}",
        ]


def test_docker_adds_nothing_to_the_image_that_sagemaker_does_not_take(tmp_path):
    """Run with a stand-in for docker that records its arguments and the variable."""
    docker = tmp_path / "docker"
    docker.write_text(
        f'#!/bin/sh\necho "$1 $BUILDX_NO_DEFAULT_ATTESTATIONS" >> "{tmp_path}/calls"\n'
    )
    docker.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run(
        ["bash", str(ROOT / "container" / "build.sh")], check=True, env=environment, timeout=60
    )
    assert "build 1" in (tmp_path / "calls").read_text().splitlines()

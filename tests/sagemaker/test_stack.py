"""The CloudFormation stack: well-formed, as narrow as the walk, and with the tested code in it."""

from __future__ import annotations

import ast
import importlib
import io
import json
import re
import subprocess
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set, Tuple
from urllib.parse import parse_qs

import pytest

from htrlib.aws.failures import action_of
from htrlib.aws.session import Aws

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "examples" / "sagemaker" / "template.yaml"

pytest.importorskip("cfnlint", reason="cfn-lint is not installed: pip install -e '.[test]'")

from cfnlint.api import lint_file  # noqa: E402
from cfnlint.decode import decode  # noqa: E402


@pytest.fixture(scope="module")
def template() -> Dict[str, Any]:
    decoded, problems = decode(str(PATH))
    assert not problems
    return json.loads(json.dumps(decoded))


def resources(template: Dict[str, Any], kind: str) -> Dict[str, Dict[str, Any]]:
    found = template["Resources"].items()
    return {name: r["Properties"] for name, r in found if r["Type"] == kind}


def statements(template: Dict[str, Any]) -> Iterator[Tuple[str, Dict[str, Any]]]:
    """Every statement of what the stack's roles may do, with its resource's name."""
    for name, role in resources(template, "AWS::IAM::Role").items():
        for policy in role["Policies"]:
            yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])
    for name, policy in resources(template, "AWS::IAM::ManagedPolicy").items():
        yield from ((name, statement) for statement in policy["PolicyDocument"]["Statement"])


def actions(statement: Dict[str, Any]) -> List[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def test_cfn_lint_has_nothing_to_say():
    assert [str(match) for match in lint_file(PATH)] == []


def test_every_parameter_is_used(template):
    text = json.dumps({key: template[key] for key in ("Conditions", "Resources", "Outputs")})
    for name in template["Parameters"]:
        assert f'"Ref": "{name}"' in text or f"${{{name}}}" in text, name


# ---- rights ----

# What AWS wants besides.
BESIDES = {
    "iam:PassRole": "jobs take on the execution role",
    "cloudwatch:DeleteAlarms": "autoscaling",
    "cloudwatch:DescribeAlarms": "autoscaling",
    "cloudwatch:PutMetricAlarm": "autoscaling",
    "iam:CreateServiceLinkedRole": "the first autoscaling of an account",
    "sagemaker:UpdateEndpointWeightsAndCapacities": "autoscaling",
    "sagemaker:AddTags": "what is made with tags",
    "ecr:BatchCheckLayerAvailability": "docker push",
    "ecr:BatchGetImage": "docker push",
    "ecr:CompleteLayerUpload": "docker push",
    "ecr:GetDownloadUrlForLayer": "docker push",
    "ecr:InitiateLayerUpload": "docker push",
    "ecr:PutImage": "docker push",
    "ecr:UploadLayerPart": "docker push",
}


def calls_of_the_library() -> Set[Tuple[str, str]]:
    """Service and operation of each AWS call in htrlib.aws, read from its source."""
    import boto3

    session = boto3.Session("x", "y", region_name="us-east-1")
    sagemaker = session.client("sagemaker").meta.method_to_api_mapping
    found = set()
    for path in sorted((ROOT / "htrlib" / "aws").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in sagemaker:
                found.add(("sagemaker", node.value))  # also those that stand in a table
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr not in ("call", "find", "items", "explained") or len(node.args) < 2:
                continue
            service, operation = node.args[:2]
            if isinstance(service, ast.Constant) and isinstance(operation, ast.Constant):
                found.add((service.value, operation.value))
    return found


def test_the_walk_may_make_exactly_the_calls_of_the_library(template):
    calls = calls_of_the_library()
    assert ("s3", "get_object") in calls, (
        "the calls are written in another way than this test reads"
    )
    assert ("sagemaker", "create_labeling_job") in calls
    needed = {action_of(*call) for call in calls}
    allowed = {
        action
        for name, statement in statements(template)
        if name == "WalkPolicy"
        for action in actions(statement)
    }
    assert allowed - set(BESIDES) == needed
    assert set(BESIDES) <= allowed


# AWS takes no resource for these.
FOR_ALL = {
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:RegisterScalableTarget",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "sagemaker:ListEndpoints",
    "sagemaker:ListLabelingJobs",
    "sagemaker:ListTrainingJobs",
    "sagemaker:ListTransformJobs",
}


def test_no_role_may_do_more_than_it_names_to_more_than_it_names(template):
    for name, statement in statements(template):
        assert statement["Effect"] == "Allow"
        assert not [action for action in actions(statement) if "*" in action], name
        if statement["Resource"] == "*":
            assert set(actions(statement)) <= FOR_ALL, (name, statement["Sid"])
        if "iam:PassRole" in actions(statement):
            assert statement["Condition"] == {
                "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
            }


def test_the_bucket_is_encrypted_private_and_speaks_tls_only(template):
    bucket = resources(template, "AWS::S3::Bucket")["Bucket"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert "BucketEncryption" in bucket
    (statement,) = resources(template, "AWS::S3::BucketPolicy")["BucketPolicy"]["PolicyDocument"][
        "Statement"
    ]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


# ---- the code ----


def test_the_functions_are_the_tested_files(template, script):
    package = script("package")
    archive = zipfile.ZipFile(io.BytesIO(package.archive(package.function_files())))
    functions = resources(template, "AWS::Lambda::Function")
    assert len(functions) == 3
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


# ---- the build, which CloudFormation waits for ----


@pytest.fixture
def cloudformation() -> Iterator[Tuple[str, List[Dict[str, Any]]]]:
    """A ResponseURL, and what was put there."""
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


def post_build(template: Dict[str, Any], **environment: str) -> None:
    """Run the last command of the build as CodeBuild does."""
    (command,) = buildspec(template)["phases"]["post_build"]["commands"]
    subprocess.run(
        ["sh", "-c", command], check=True, env={"PATH": "/usr/bin:/bin", **environment}, timeout=60
    )


def buildspec(template: Dict[str, Any]) -> Dict[str, Any]:
    import yaml

    return yaml.safe_load(template["Resources"]["Build"]["Properties"]["Source"]["BuildSpec"])


@pytest.mark.parametrize(("succeeding", "status"), [("1", "SUCCESS"), ("0", "FAILED")])
def test_the_build_answers_for_the_stack(
    template, script, aws, cloudformation, monkeypatch, succeeding, status
):
    import boto3

    url, answers = cloudformation
    started: List[Dict[str, Any]] = []
    codebuild = aws("codebuild")
    codebuild.create_project(
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
    codebuild.meta.events.register(
        "provide-client-params.codebuild.StartBuild", lambda params, **_: started.append(params)
    )
    monkeypatch.setattr(boto3, "client", lambda service: codebuild)
    script("build_image").handler(request(url), None)
    assert answers == [], "the build answers, when it is done"
    assert len(codebuild.list_builds()["ids"]) == 1
    variables = {v["name"]: v["value"] for v in started[0]["environmentVariablesOverride"]}
    post_build(template, CODEBUILD_BUILD_SUCCEEDING=succeeding, **variables)
    (answer,) = answers
    assert answer["Status"] == status
    assert answer["PhysicalResourceId"] == "registry/htr:1a2b"
    assert answer["RequestId"] == "request"


def test_a_build_that_does_not_start_is_told_at_once(script, aws, cloudformation):
    url, answers = cloudformation
    script("build_image").handler(request(url), None)  # there is no such project
    assert [answer["Status"] for answer in answers] == ["FAILED"]
    assert "did not start" in answers[0]["Reason"]


def test_taking_the_stack_away_needs_no_build(script, aws, cloudformation):
    url, answers = cloudformation
    script("build_image").handler(request(url, "Delete"), None)
    assert [answer["Status"] for answer in answers] == ["SUCCESS"]


def test_a_build_by_hand_answers_nobody(template):
    post_build(template, CODEBUILD_BUILD_SUCCEEDING="1")


def test_the_build_pushes_what_it_built(template, tmp_path):
    """With stand-ins for docker and aws that write down what they are called with."""
    (command,) = buildspec(template)["phases"]["build"]["commands"]
    for name in ("docker", "aws"):
        tool = tmp_path / name
        tool.write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/calls"\n')
        tool.chmod(0o755)
    (tmp_path / "container").mkdir()
    (tmp_path / "container" / "build.sh").write_text(f'echo "build $1" >> "{tmp_path}/calls"\n')
    for target, tag in (("serve", "1a2b"), ("gpu", "1a2b-gpu")):
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


# ---- as a whole, as far as moto goes ----

# moto has no CloudFormation for these.
NOT_IN_MOTO = (
    "AWS::Budgets::Budget",
    "AWS::CodeBuild::Project",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolDomain",
    "AWS::Cognito::UserPoolGroup",
    "AWS::Cognito::UserPoolUser",
    "AWS::Cognito::UserPoolUserToGroupAttachment",
    "AWS::S3::BucketPolicy",
    "AWS::SageMaker::Workteam",
    "Custom::BuiltImage",
)


def without(template: Dict[str, Any], kinds: Tuple[str, ...]) -> Dict[str, Any]:
    """The template without resources of some types; what refers to them gets an ARN or a name."""
    gone = {name for name, r in template["Resources"].items() if r["Type"] in kinds}

    def replaced(node: Any) -> Any:
        if isinstance(node, list):
            return [replaced(item) for item in node]
        if not isinstance(node, dict):
            return re.sub(r"\$\{(\w+)(\.\w+)?\}", name_of, node) if isinstance(node, str) else node
        if node.get("Ref") in gone:
            return f"arn:aws:none:us-east-1:123456789012:kind/of/{node['Ref']}"
        if "Fn::GetAtt" in node and node["Fn::GetAtt"][0] in gone:
            return f"arn:aws:none:us-east-1:123456789012:{node['Fn::GetAtt'][0]}"
        return {
            key: replaced(value)
            for key, value in node.items()
            if key != "DependsOn" or value not in gone
        }

    def name_of(match: re.Match[str]) -> str:
        return match[1] if match[1] in gone else match[0]

    kept = {name: r for name, r in template["Resources"].items() if name not in gone}
    return replaced({**template, "Resources": kept})


def test_the_stack_comes_up_in_moto(template, script, aws):
    package = script("package")
    uploaded = package.upload("my-artifacts", Aws("us-east-1"))
    parameters = {name: value for name, value in uploaded.items() if name != "template_url"}
    parameters["S3BucketName"] = "pages"
    aws("cloudformation").create_stack(
        StackName="htr",
        TemplateBody=json.dumps(without(template, NOT_IN_MOTO)),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )
    (stack,) = aws("cloudformation").describe_stacks(StackName="htr")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs["S3Bucket"] == "htr-pages"

    (rule,) = aws("s3").get_bucket_encryption(Bucket="htr-pages")[
        "ServerSideEncryptionConfiguration"
    ]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    functions = {f["FunctionArn"]: f for f in aws("lambda").list_functions()["Functions"]}
    assert functions[outputs["PreLabelLambdaArn"]]["Handler"] == "pre_annotation.handler"
    assert functions[outputs["PostLabelLambdaArn"]]["Handler"] == "post_annotation.handler"
    aws("iam").get_role(RoleName=outputs["SageMakerIamRole"].rpartition("/")[2])

    (endpoint,) = aws("sagemaker").list_endpoints()["Endpoints"]  # moto names them by itself
    assert endpoint["EndpointStatus"] == "InService"
    assert len(aws("sagemaker").list_notebook_instances()["NotebookInstances"]) == 1
    assert aws("ecr").describe_repositories(repositoryNames=["htr"])


def test_the_notebook_finds_all_outputs(template):
    set_up = template["Resources"]["NotebookSetUp"]["Properties"]["OnCreate"][0]["Content"]
    text = set_up["Fn::Base64"]["Fn::Sub"][0]
    written = re.search(r"<<'OUTPUTS'\n(.*?)\n\s*OUTPUTS", text, re.S)[1]
    assert set(json.loads(written)) == set(template["Outputs"])

"""Check every request of the library and examples against AWS's service descriptions.

boto3 checks names, types and what is required. Here patterns, enumerations and bounds are checked
too, by the models of the botocore that is installed: the newest tells the most.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Iterator, List

import botocore.session
import pytest

from htrlib.aws.dry_run import Request
from htrlib.aws.session import Aws
from htrlib.cli.main import build_parser
from tests.aws.conftest import IMAGE, ROLE
from tests.sagemaker.conftest import script  # noqa: F401
from tests.sagemaker.test_rights import calls_of_the_walk

KEY = "arn:aws:kms:eu-west-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:htr-pre-annotation"
MODEL = "s3://pages/models/a/output/model.tar.gz"
LETTER = Path(__file__).resolve().parents[2] / "examples" / "data" / "letter.png"

OWN = f"--kms-key {KEY} --tag htrlib=htr"
NETWORK = "--subnets subnet-0123abcd --security-groups sg-0123abcd"
JOB = f"--image {IMAGE} --role {ROLE}"
LABELING = (
    f"--output s3://pages/labels --role {ROLE} --template s3://pages/t.html --team htr-labelers "
    f"--pre-lambda {FUNCTION} --post-lambda {FUNCTION} "
    f"--members eu-west-1_Abc labelers 0123456789 {OWN}"
)
COMMANDS = (
    f"upload {LETTER} s3://pages/in",
    "download s3://pages/in FOLDER",
    f"download {MODEL} FOLDER --unpack",
    f"label htr-a --pages s3://pages/in {LABELING}",
    f"label htr-b --correct s3://pages/output.manifest {LABELING}",
    f"train htr-a {JOB} --train s3://pages/labels --validation s3://pages/more --images s3://pages "
    f"--output s3://pages/models --init {MODEL} --spot --instances 2 --register htr-models "
    f"--deploy htr-endpoint --serving-role {ROLE} --environment A=b {NETWORK} {OWN}",
    f"train htr-b {JOB} --train s3://pages/labels --output s3://pages/models "
    f"--instance-type ml.g5.xlarge {OWN}",
    "push-image --repository htr",
    "push-image --codebuild htr-image",
    f"deploy htr-endpoint {JOB} --model-data {MODEL} --instances 2 --capture s3://pages/captures "
    f"--scale 1 4 {NETWORK} {OWN}",
    f"deploy htr-endpoint {JOB} --serverless 3072 --tag htrlib=htr",
    f"deploy htr-endpoint {JOB} --queue s3://pages/queue --scale 0 4 {OWN}",
    f"deploy htr-endpoint {JOB} --model-data s3://pages/models --multi-model",
    "undeploy htr-endpoint",
    f"register htr-models --image {IMAGE} --model-data {MODEL} --description best --tag htrlib=htr",
    f"batch htr-a s3://pages/in s3://pages/out --endpoint htr-endpoint --role {ROLE} {OWN}",
    f"batch htr-b s3://pages/in s3://pages/out --model htr-a {OWN}",
    f"transcribe {LETTER} --endpoint htr-endpoint --beam-width 50 --stage lines --target-model a",
    f"transcribe {LETTER} --endpoint htr-endpoint --queue s3://pages/queue",
    "status",
    *(f"{verb} {kind} htr-a" for verb in ("watch", "stop") for kind in ("training", "batch")),
    *("watch labeling htr-a", "stop labeling htr-a"),
)

SENT_WITH_AN_ACCOUNT_ONLY = {
    "update_endpoint": "of an endpoint that is there: tests/aws/test_endpoints.py",
    "describe_endpoint_config": "of an endpoint that is there",
    "delete_endpoint_config": "of an endpoint that is there",
    "delete_model": "of an endpoint that is there",
    "list_users_in_group": "of a team that is there",
    "list_parts": "of an upload that is there",
    "describe_stacks": "of examples/sagemaker/walk.py",
    "create_multipart_upload": "of a large file: tests/aws/test_storage.py",
    "upload_part": "of a large file",
    "complete_multipart_upload": "of a large file",
    "list_multipart_uploads": "of a large file",
    "get_object": "of an object that is listed",
    "head_object": "of an object that is listed",
    "delete_alarms": "of an endpoint that scales",
}

PLACEHOLDER = re.compile(r"<[\w-]+>")
NOT_CHECKED = {"Body"}


def faults(shape: Any, value: Any, where: str) -> Iterator[str]:
    """How a value violates its model: pattern, enumeration, length, range."""
    kind = shape.type_name
    if kind == "structure":
        for name, member in value.items():
            if name not in NOT_CHECKED:
                yield from faults(shape.members[name], member, f"{where}.{name}")
        return
    bounds = shape.metadata
    size = len(value) if kind in ("string", "list", "map") else value
    if not bounds.get("min", size) <= size <= bounds.get("max", size):
        yield f"{where}: {value!r} is outside {bounds.get('min')} to {bounds.get('max')}"
    if kind == "list":
        for number, item in enumerate(value):
            yield from faults(shape.member, item, f"{where}[{number}]")
    elif kind == "map":
        for name, item in value.items():
            yield from faults(shape.key, name, f"{where} key")
            yield from faults(shape.value, item, f"{where}.{name}")
    elif kind == "string" and not PLACEHOLDER.search(value):
        pattern = bounds.get("pattern")
        if pattern and not re.fullmatch(_python(pattern), value):
            yield f"{where}: {value!r} is not {pattern}"
        if shape.enum and value not in shape.enum:
            yield f"{where}: {value!r} is none of {shape.enum}"


def _python(pattern: str) -> str:
    """Compile a Java expression; Unicode classes, which Python lacks, match everything."""
    pattern = pattern.replace(r"\p{ASCII}", r"[\x00-\x7f]")
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    return r"(?s:.*)" if r"\p{" in pattern else pattern


@pytest.fixture(scope="module")
def models() -> Any:
    session = botocore.session.Session()
    known = {}

    def model(service: str, operation: str) -> Any:
        if service not in known:
            known[service] = session.get_service_model(service)
        return known[service].operation_model(operation).input_shape

    return model


def sent(command: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> List[Request]:
    """The requests that an `htr aws` command would send."""
    requests: List[Request] = []
    monkeypatch.setattr("htrlib.aws.dry_run.to_json", lambda request: requests.append(request))
    words = command.replace("FOLDER", str(folder / "down")).split()
    parsed = build_parser().parse_args(["aws", *words, "--dry-run", "--region", "eu-west-1"])
    assert parsed.run(parsed) == 0
    return requests


def check(requests: List[Request], models: Any) -> None:
    found = []
    for request in requests:
        shape = models(request.service.replace("_", "-"), request.operation)
        found += list(faults(shape, request.parameters, request.operation))
    assert found == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: "-".join(c.split()[:3:2]))
def test_a_command_s_requests_are_such_as_aws_describes(command, models, monkeypatch, tmp_path):
    requests = sent(command, monkeypatch, tmp_path)
    assert requests
    check(requests, models)


def test_the_smoke_test_s_requests_are_such_as_aws_describes(script, models):  # noqa: F811
    requests: List[Request] = []
    aws = Aws("eu-west-1", dry_run=requests.append)
    smoke = script("smoke_steps").Smoke(aws, "htr-smoke", None, lambda _: None)
    results = script("smoke").run(smoke, False, lambda _: None)
    assert [result.failure for result in results if result.failure] == []
    check(requests, models)


@pytest.mark.slow
def test_every_call_of_the_source_is_among_those_that_are_checked(monkeypatch, tmp_path):
    made = {
        request.operation
        for command in COMMANDS
        for request in sent(command, monkeypatch, tmp_path)
    }
    names = {operation.title().replace("_", "") for _, operation in calls_of_the_walk()}
    besides = {name.title().replace("_", "") for name in SENT_WITH_AN_ACCOUNT_ONLY}
    assert names - made <= besides


def test_a_request_that_aws_would_refuse_is_found(models):
    shape = models("sagemaker", "CreateTransformJob")
    wrong = {
        "TransformJobName": "a_b",
        "BatchStrategy": "Some",
        "MaxPayloadInMB": -1,
        "Tags": [{"Key": "", "Value": "x"}],
    }
    assert len(list(faults(shape, wrong, ""))) == len(wrong)

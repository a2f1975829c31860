"""The stack's roles allow exactly the calls that the code makes."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any, Iterator, Set, Tuple

import pytest

from htrlib.aws.failures import action_of
from tests.sagemaker.stack import (
    ACCOUNT,
    REGION,
    ROOT,
    SWITCHES,
    Template,
    actions,
    expanded,
    read,
    resources,
    statements,
)

EXAMPLES = ROOT / "examples" / "sagemaker"

# What AWS wants besides.
BESIDES = {
    "iam:PassRole": "jobs and endpoints take on their roles",
    "cloudwatch:DescribeAlarms": "autoscaling",
    "iam:CreateServiceLinkedRole": "the first autoscaling of an account",
    "sagemaker:UpdateEndpointWeightsAndCapacities": "autoscaling",
    "sagemaker:AddTags": "what is made with tags",
    "cognito-idp:AdminListGroupsForUser": "a new work team",
    "cognito-idp:DescribeUserPool": "a new work team",
    "cognito-idp:DescribeUserPoolClient": "a new work team",
    "cognito-idp:ListGroups": "a new work team",
    "cognito-idp:UpdateUserPoolClient": "a new work team, whose portal the client leads to",
    "sagemaker:ListWorkforces": "a new work team",
    "ecr:BatchCheckLayerAvailability": "docker push",
    "ecr:BatchGetImage": "docker push",
    "ecr:CompleteLayerUpload": "docker push",
    "ecr:GetDownloadUrlForLayer": "docker push",
    "ecr:InitiateLayerUpload": "docker push",
    "ecr:PutImage": "docker push",
    "ecr:UploadLayerPart": "docker push",
    "kms:CreateGrant": "volumes with your own key",
    "kms:Decrypt": "objects with your own key",
    "kms:DescribeKey": "volumes with your own key",
    "kms:GenerateDataKey": "objects with your own key",
}

FUNCTIONS = ("build_image", "invitation")  # Lambdas; those of ground_truth lie elsewhere
OF_OTHERS = (
    *("package", "simulated_jobs", "simulated_stack", "smoke", "smoke_steps", "stand_ins"),
    *FUNCTIONS,
)
"""Scripts that go with other rights: of who creates the stack, none, and roles of their own."""


@pytest.fixture(scope="module")
def template() -> Template:
    return read()


def sources() -> Iterator[Tuple[str, str]]:
    """Name and code of everything that goes with the walk's policy: library, scripts, notebooks."""
    for path in sorted((ROOT / "htrlib" / "aws").glob("*.py")):
        yield path.name, path.read_text(encoding="utf-8")
    for path in sorted(EXAMPLES.glob("*.py")):
        if path.stem not in OF_OTHERS:
            yield path.name, path.read_text(encoding="utf-8")
    for path in sorted(EXAMPLES.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
        yield path.name, re.sub(r"(?m)^\s*[%!].*$", "", code)


def calls_of_the_walk() -> Set[Tuple[str, str]]:
    """Service and operation of each AWS call, read from the source."""
    import boto3

    session = boto3.Session("x", "y", region_name="us-east-1")
    sagemaker = session.client("sagemaker").meta.method_to_api_mapping
    found = set()
    for name, code in sources():
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Constant) and node.value in sagemaker:
                found.add(("sagemaker", node.value))  # also those that stand in a table
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr == "client" and node.args and name not in ("session.py",):
                assert name.endswith(".py"), f"{name} goes past htrlib.aws"
            if node.func.attr not in ("call", "find", "items", "explained") or len(node.args) < 2:
                continue
            service, operation = node.args[:2]
            if isinstance(service, ast.Constant) and isinstance(operation, ast.Constant):
                found.add((service.value, operation.value))
    return found


def test_the_walk_may_make_exactly_the_calls_of_the_library_and_the_examples(template):
    calls = calls_of_the_walk()
    assert ("s3", "get_object") in calls, (
        "the calls are written in another way than this test reads"
    )
    assert {("sagemaker", "create_labeling_job"), ("cloudformation", "describe_stacks")} <= calls
    needed = {action_of(*call) for call in calls}
    allowed = {
        action
        for name, statement in statements(template)
        if name == "WalkPolicy"
        for action in actions(statement)
    }
    assert allowed - set(BESIDES) == needed
    assert set(BESIDES) <= allowed


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("build_image", "BuildFunctionRole"),
        ("invitation", "InvitationRole"),
        ("ground_truth/pre_annotation", "PreAnnotationRole"),
        ("ground_truth/post_annotation", "PostAnnotationRole"),
    ],
)
def test_a_function_may_make_exactly_its_calls(template, path, role):
    code = (EXAMPLES / f"{path}.py").read_text(encoding="utf-8")
    made = re.findall(r'boto3\.client\("([\w-]+)"\)\.(\w+)\(', code)
    assert code.count("boto3.client") == len(made)
    needed = {action_of(*call) for call in made} | {"logs:CreateLogStream", "logs:PutLogEvents"}
    allowed = {a for name, s in statements(template) if name == role for a in actions(s)}
    assert allowed - {"kms:Decrypt"} == needed


# AWS takes no resource for these.
FOR_ALL = {
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:RegisterScalableTarget",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:PutMetricData",
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ecr:GetAuthorizationToken",
    "sagemaker:ListEndpoints",
    "sagemaker:ListLabelingJobs",
    "sagemaker:ListTrainingJobs",
    "sagemaker:ListTransformJobs",
    "sagemaker:ListWorkforces",
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


def test_names_are_matched_with_the_hyphen_that_ends_the_prefix(template):
    """A right to the prefix htr does not cover names that begin with htrx."""
    text = json.dumps([statement for _, statement in statements(template)])
    assert "${SolutionPrefix}-*" in text
    assert "${SolutionPrefix}*" not in text


def test_endpoints_read_models_and_nothing_else_of_the_bucket(template):
    own = [s for name, s in statements(template) if name == "ServingRole"]
    read_from = {
        json.dumps(s["Resource"])
        for s in own
        if "s3:GetObject" in actions(s) and s["Sid"] != "Queue"
    }
    assert read_from == {'{"Fn::Sub": "${Bucket.Arn}/models/*"}'}
    (listed,) = [s for s in own if "s3:ListBucket" in actions(s)]
    assert listed["Condition"] == {"StringLike": {"s3:prefix": "models/*"}}


def test_endpoints_may_look_at_the_stack_s_alarms_that_end_a_rollout(template):
    (seen,) = [
        s["Resource"]["Fn::Sub"]
        for name, s in statements(template)
        if name == "ServingRole" and "cloudwatch:DescribeAlarms" in actions(s)
    ]
    assert seen.endswith(":alarm:${SolutionPrefix}-*")
    for alarm in resources(template, "AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmName"]["Fn::Sub"].startswith("${SolutionPrefix}-")


def test_roles_are_taken_on_for_this_account_alone(template):
    for name, role in resources(template, "AWS::IAM::Role").items():
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        wanted = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
        assert trust["Condition"] == wanted, name


def test_rights_to_a_network_come_with_a_network_alone(template):
    def allowed(given: Any) -> Set[str]:
        left = expanded(template, given)
        return {action for _, statement in statements(left) for action in actions(statement)}

    assert not [action for action in allowed({}) if action.startswith(("ec2:", "kms:"))]
    given = {"VpcSubnetIds": "subnet-1", "KmsKeyArn": "arn"}
    assert {"ec2:CreateNetworkInterface", "kms:CreateGrant"} <= allowed(given)


def test_paths_of_this_test_are_there():
    assert all(Path(EXAMPLES / f"{name}.py").is_file() for name in OF_OTHERS)


def test_a_new_work_team_may_do_what_aws_says_that_it_takes(template):
    """By the description that CloudFormation publishes of the resource."""
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, "AWS::SageMaker::Workteam").schema
    allowed = {a for name, s in statements(template) if name == "WalkPolicy" for a in actions(s)}
    assert set(schema["handlers"]["create"]["permissions"]) <= allowed


MOST_CHARACTERS = 6144
"""Of a managed policy, without white space."""


def test_the_walk_s_policy_is_not_larger_than_iam_takes(template):
    longest = {"SolutionPrefix": "h" * 20, "ImageUri": "", "WorkteamArn": ""}
    left = expanded(template, {**{name: v[1] for name, v in SWITCHES.items()}, **longest})
    document = left["Resources"]["WalkPolicy"]["Properties"]["PolicyDocument"]
    written = json.dumps(document, separators=(",", ":"))
    for name, value in (
        *(("AWS::Partition", "aws-us-gov"), ("AWS::Region", "ap-southeast-2")),
        *(("AWS::AccountId", ACCOUNT), ("SolutionPrefix", "h" * 20), ("AWS::StackName", "s" * 128)),
        *(("Bucket.Arn", "a" * 80), ("KmsKeyArn", "k" * 100)),
    ):
        written = written.replace(f"${{{name}}}", value)
    assert "${" not in written
    roles = 3 * 150  # what the ARNs of two roles and a project are longer than their references
    assert len(written) + roles < MOST_CHARACTERS

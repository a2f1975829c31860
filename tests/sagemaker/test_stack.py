"""The CloudFormation stack: well-formed for every combination of its switches, and up in moto."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any, Dict, Tuple

import boto3
import pytest

pytest.importorskip("cfnlint", reason="cfn-lint is not installed: pip install -e '.[test]'")

from cfnlint.api import lint, lint_file
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.sagemaker.stack import (
    CODE,
    PATH,
    REGION,
    ROOT,
    SWITCHES,
    Template,
    combinations,
    expanded,
    forms,
    named,
    read,
    resources,
    switches_of,
)

PSEUDO = {"AWS::AccountId", "AWS::Partition", "AWS::Region", "AWS::StackId", "AWS::StackName"}
GUIDE = (ROOT / "docs" / "sagemaker.md").read_text(encoding="utf-8")
GROUPS = {"VpcSecurityGroupIds": "sg-0123abcd"}  # which go with subnets
OFTEN = (  # of the combinations, those that cfn-lint looks at one by one
    {},
    {"WithLabeling": "true", "LabelerEmails": "a@example.org"},
    {"WithLabeling": "true", "WorkteamArn": SWITCHES["WorkteamArn"][1]},
    {"ImageUri": SWITCHES["ImageUri"][1], "DemoEndpointKind": "real-time"},
    {"CreateSageMakerNotebookInstance": "false", "CreateDemoEndpoint": "false"},
    {
        **{name: values[1] for name, values in SWITCHES.items() if "Create" not in name},
        **GROUPS,
    },
)


@pytest.fixture(scope="module")
def template() -> Template:
    return read()


@pytest.mark.slow
def test_cfn_lint_has_nothing_to_say():
    assert [str(match) for match in lint_file(PATH)] == []


@pytest.mark.slow
@pytest.mark.parametrize("switches", OFTEN, ids=lambda switches: "+".join(switches) or "defaults")
def test_cfn_lint_has_nothing_to_say_of_what_switches_leave(template, switches):
    left = expanded(template, switches)
    used = named({key: left[key] for key in ("Resources", "Outputs")})
    left["Parameters"] = {k: v for k, v in left["Parameters"].items() if k in used}
    del left["Metadata"]
    assert [str(match) for match in lint(json.dumps(left), regions=["us-east-1"])] == []


@pytest.mark.slow
def test_cfn_lint_has_nothing_to_say_of_any_form_that_switches_give_a_resource(template):
    """All of them in one template, in which those beyond a resource's first have a number."""
    every = {"Resources": {}, "Outputs": {}}
    for section, name, form in forms(template):
        number = sum(
            re.fullmatch(rf"{name}(Form\d+)?", other) is not None for other in every[section]
        )
        every[section][f"{name}Form{number}" if number else name] = form
    assert len(every["Resources"]) > 1.2 * len(template["Resources"])
    used = named(every)
    parameters = {k: dict(v) for k, v in template["Parameters"].items() if k in used}
    filled = {**{name: values[1] for name, values in SWITCHES.items()}, **GROUPS}
    for name in set(filled) & used:  # forms use them only where they are set
        parameters[name]["Default"] = filled[name]
    text = json.dumps({**every, "Parameters": parameters})
    found = [str(match) for match in lint(text, regions=["us-east-1"])]
    two_of_a_name = "[E3019:"  # as two forms of a resource are
    assert [match for match in found if not match.startswith(two_of_a_name)] == []


@pytest.mark.slow
def test_nothing_names_what_its_switches_leave_out(template):
    """In every combination, since CloudFormation would refuse the stack otherwise."""
    for switches in combinations():
        left = expanded(template, switches)
        known = {*left["Resources"], *left["Parameters"], *PSEUDO}
        for section in ("Resources", "Outputs"):
            missing = named(left[section]) - known
            assert not missing, (switches, missing)


def test_every_switch_is_one_that_the_tests_turn(template):
    conditions = named(template["Conditions"]) - {"AWS::NoValue"}
    assert conditions == set(SWITCHES)


def test_a_stack_of_defaults_needs_no_ground_truth(template):
    kinds = {resource["Type"] for resource in expanded(template, {})["Resources"].values()}
    assert not [kind for kind in kinds if "Cognito" in kind or "Workteam" in kind]
    assert not {"PreLabelLambdaArn", "WorkteamArn"} & set(expanded(template, {})["Outputs"])


def test_yaml_has_no_aliases_which_cloudformation_does_not_read():
    assert not re.findall(r"(?m)^[^#]*[:\-\[,] [&*]\w+", PATH.read_text(encoding="utf-8"))


def test_every_parameter_is_used(template):
    text = json.dumps({key: template[key] for key in ("Conditions", "Resources", "Outputs")})
    for name in template["Parameters"]:
        assert f'"Ref": "{name}"' in text or f"${{{name}}}" in text, name


# ---- platforms that AWS ends ----

PLATFORMS = {"notebook-al2023-v1"}  # Amazon Linux 2 was retired on 30 June 2026
RUNTIMES = {  # of Lambda, and when AWS ends them
    "python3.13": datetime.date(2029, 6, 30),
    "python3.14": datetime.date(2029, 6, 30),
}


def test_notebooks_run_on_a_platform_that_aws_still_starts(template):
    for notebook in resources(template, "AWS::SageMaker::NotebookInstance").values():
        assert notebook["PlatformIdentifier"] in PLATFORMS


def test_no_function_s_runtime_ends_within_a_year(template):
    soon = datetime.date.today() + datetime.timedelta(days=365)
    functions = resources(template, "AWS::Lambda::Function")
    assert functions
    for name, function in functions.items():
        end = RUNTIMES.get(function["Runtime"])
        assert end is not None, f"{name}: look up when {function['Runtime']} ends"
        assert end > soon, name


# ---- parameters ----

GOOD_PREFIXES = ("htr", "hands2", "my-hands", "a" * 20)
BAD_PREFIXES = (
    "h" * 21,
    "Htr",
    "2htr",
    "htr-",
    "a--b",
    "my-aws",
    "amazon-htr",
    "xn--a",
    "a_b",
    "-a",
)


def fits(parameter: Dict[str, Any], value: str) -> bool:
    length = parameter.get("MinLength", 0) <= len(value) <= parameter.get("MaxLength", 4096)
    return length and re.match(parameter["AllowedPattern"], value) is not None


def test_prefixes_are_those_that_every_resource_takes(template):
    parameter = template["Parameters"]["SolutionPrefix"]
    assert all(fits(parameter, prefix) for prefix in GOOD_PREFIXES)
    assert not [prefix for prefix in BAD_PREFIXES if fits(parameter, prefix)]


def test_the_longest_names_fit(template):
    prefix, parameters = "a" * 20, template["Parameters"]
    account, region = "1" * 12, "ap-southeast-9"
    assert len(f"{prefix}-{'b' * parameters['S3BucketName']['MaxLength']}-{account}") <= 63
    assert len(f"{prefix}-{account}-{region}") <= 63  # the domain at Cognito
    assert len(f"{prefix}-demo-{'c' * 16}-ml-inf2-48xlarge") <= 63


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("S3BucketName", ("pages", "a-b"), ("-a", "a-", "a.b", "A", "a" * 30)),
        ("LabelerEmails", ("", "a@b.c", "a@b.c,d@e.f"), ("a", "a@b.c, d@e.f", "a@b.c,")),
        ("ImageUri", ("", SWITCHES["ImageUri"][1]), ("htrlib:serve", SWITCHES["ImageUri"][1] * 2)),
        ("KmsKeyArn", ("", SWITCHES["KmsKeyArn"][1]), ("alias/mine",)),
        ("SourceKey", (CODE["SourceKey"],), ("source.zip",)),
        ("SageMakerInferenceInstanceType", ("ml.m5.large", "ml.m7i-flex.large"), ("m5.large",)),
    ],
)
def test_what_cannot_work_is_refused_in_the_form(template, name, good, bad):
    parameter = template["Parameters"][name]
    assert all(fits(parameter, value) for value in good)
    assert not [value for value in bad if fits(parameter, value)]


def test_what_an_update_cannot_change_is_told_in_the_form(template):
    """It would take another resource of the same name, which AWS refuses."""
    fixed = {"ImageUri", "LabelerEmails"}  # not all of them is in the names
    for resource in template["Resources"].values():
        if resource["Type"].startswith("Custom::"):
            continue
        schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource["Type"]).schema
        in_name, in_rest = {"SolutionPrefix"}, set()  # that is in every name
        for path in schema.get("createOnlyProperties", ()):
            value = resource["Properties"]
            for key in path.split("/")[2:]:
                value = value.get(key, {})
            found = in_name if path.lower().endswith("name") else in_rest
            found |= named(value) | switches_of(value, template)
        fixed |= (in_rest - in_name) & set(template["Parameters"])
    assert {"KmsKeyArn", "VpcSubnetIds", "VpcSecurityGroupIds"} < fixed
    for name in fixed:
        assert re.search("[Ll]ater", template["Parameters"][name]["Description"]), name
        assert name in GUIDE, name


# ---- what is safe by default ----


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


def test_a_stack_that_fails_leaves_no_bucket_in_the_way_of_the_next(template):
    bucket = template["Resources"]["Bucket"]
    assert bucket["DeletionPolicy"] == "RetainExceptOnCreate"
    assert "${AWS::AccountId}" in bucket["Properties"]["BucketName"]["Fn::Sub"]


def test_a_key_is_used_for_the_bucket_the_disks_and_the_endpoint(template):
    key = {"Ref": "KmsKeyArn"}
    left = expanded(template, {"KmsKeyArn": "arn", "DemoEndpointKind": "real-time"})["Resources"]
    rule = left["Bucket"]["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key
    assert left["Notebook"]["Properties"]["KmsKeyId"] == key
    assert left["DemoEndpointConfig"]["Properties"]["KmsKeyId"] == key


def test_the_demo_waits_for_nothing_and_reads_alone(template):
    left = expanded(template, {})["Resources"]
    (variant,) = left["DemoEndpointConfig"]["Properties"]["ProductionVariants"]
    assert variant["ServerlessConfig"]["MemorySizeInMB"] == 3072
    left = expanded(template, {"DemoEndpointKind": "real-time"})["Resources"]
    assert left["DemoModel"]["Properties"]["EnableNetworkIsolation"] is True
    for name in ("DemoModel", "DemoEndpointConfig", "DemoEndpoint"):
        names = [v for k, v in left[name]["Properties"].items() if k == f"{name[4:]}Name"]
        assert json.dumps(names).count("${SolutionPrefix}-demo") == 1


def test_no_image_expires_since_an_endpoint_may_run_it(template):
    assert "LifecyclePolicy" not in resources(template, "AWS::ECR::Repository")["Repository"]


TAGGED = {"Tags", "UserPoolTags", "ResourceTags"}


def takes_tags(kind: str) -> bool:
    """Return whether CloudFormation tags resources of a type, by its published schema."""
    if kind.startswith("Custom::"):
        return False
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return bool(TAGGED & set(schema["properties"]))


def test_the_budget_counts_what_carries_the_stack_s_tag(template):
    for name, resource in template["Resources"].items():
        if not takes_tags(resource["Type"]):
            continue
        ((_, tags),) = [(k, v) for k, v in resource["Properties"].items() if k in TAGGED]
        wanted = {"Ref": "SolutionPrefix"}
        assert tags in ([{"Key": "htrlib", "Value": wanted}], {"htrlib": wanted}), name
    budget = resources(template, "AWS::Budgets::Budget")["Budget"]["Budget"]
    (tag,) = budget["CostFilters"]["TagKeyValue"]
    assert tag == {"Fn::Join": ["", ["user:htrlib$", {"Ref": "SolutionPrefix"}]]}


# ---- as a whole, as far as moto goes ----

# moto has no CloudFormation for these.
NOT_IN_MOTO = (
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::CodeBuild::Project",
    "AWS::Cognito::UserPool",
    "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolDomain",
    "AWS::Cognito::UserPoolGroup",
    "AWS::Cognito::UserPoolUser",
    "AWS::Cognito::UserPoolUserToGroupAttachment",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SageMaker::Workteam",
    "Custom::BuiltImage",
)


def without(template: Template, kinds: Tuple[str, ...]) -> Template:
    """The template without resources of some types; what refers to them gets an ARN or a name."""
    gone = {name for name, r in template["Resources"].items() if r["Type"] in kinds}

    def replaced(node: Any) -> Any:
        if isinstance(node, list):
            return [replaced(item) for item in node if not (isinstance(item, str) and item in gone)]
        if not isinstance(node, dict):
            return re.sub(r"\$\{(\w+)(\.\w+)?\}", name_of, node) if isinstance(node, str) else node
        if node.get("Ref") in gone:
            return f"arn:aws:none:us-east-1:123456789012:kind/of/{node['Ref']}"
        if "Fn::GetAtt" in node and node["Fn::GetAtt"][0] in gone:
            return f"arn:aws:none:us-east-1:123456789012:{node['Fn::GetAtt'][0]}"
        return {
            key: replaced(value)
            for key, value in node.items()
            if key != "DependsOn" or not isinstance(value, str) or value not in gone
        }

    def name_of(match: re.Match[str]) -> str:
        return match[1] if match[1] in gone else match[0]

    kept = {name: r for name, r in template["Resources"].items() if name not in gone}
    return replaced({**template, "Resources": kept})


@pytest.mark.parametrize("labeling", ["false", "true"])
def test_the_stack_comes_up_in_moto(template, script, aws, labeling):
    uploaded = script("package").upload("my-artifacts", boto3.Session(region_name="us-east-1"))
    parameters = {name: value for name, value in uploaded.items() if name != "template_url"}
    parameters["WithLabeling"] = labeling
    aws("cloudformation").create_stack(
        StackName="htr",
        TemplateBody=json.dumps(without(expanded(template, parameters), NOT_IN_MOTO)),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )
    (stack,) = aws("cloudformation").describe_stacks(StackName="htr")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    bucket = outputs["S3Bucket"]
    assert bucket == "htr-pages-123456789012"

    (rule,) = aws("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"][
        "Rules"
    ]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    functions = {f["FunctionArn"]: f for f in aws("lambda").list_functions()["Functions"]}
    if labeling == "true":
        assert functions[outputs["PreLabelLambdaArn"]]["Handler"] == "pre_annotation.handler"
        assert functions[outputs["PostLabelLambdaArn"]]["Handler"] == "post_annotation.handler"
    for name in ("SageMakerIamRole", "ServingRole"):
        aws("iam").get_role(RoleName=outputs[name].rpartition("/")[2])
    (endpoint,) = aws("sagemaker").list_endpoints()["Endpoints"]
    assert endpoint["EndpointStatus"] == "InService"
    assert len(aws("sagemaker").list_notebook_instances()["NotebookInstances"]) == 1
    assert aws("ecr").describe_repositories(repositoryNames=["htr"])

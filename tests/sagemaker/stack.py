"""The stack's template, read and expanded for given parameters as CloudFormation does."""

from __future__ import annotations

import copy
import itertools
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Set, Tuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATH = ROOT / "examples" / "sagemaker" / "template.yaml"

Template = Dict[str, Any]

ACCOUNT, REGION = "123456789012", "us-east-1"
KEY = "01234567-89ab-cdef-0123-456789abcdef"
CODE = {
    "CodeBucket": "my-artifacts",
    "FunctionsKey": "htrlib/functions-00ff.zip",
    "SourceKey": "htrlib/source-0123456789abcdef.zip",
}
SWITCHES: Dict[str, Tuple[str, ...]] = {
    "CreateSageMakerNotebookInstance": ("true", "false"),
    "CreateDemoEndpoint": ("true", "false"),
    "DemoEndpointKind": ("serverless", "real-time"),
    "WithLabeling": ("false", "true"),
    "LabelerEmails": ("", "a@example.org,b@example.org"),
    "WorkteamArn": ("", f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workteam/private-crowd/us"),
    "BudgetEmail": ("", "a@example.org"),
    "AlarmEmail": ("", "a@example.org"),
    "VpcSubnetIds": ("", "subnet-0123abcd,subnet-4567abcd"),
    "KmsKeyArn": ("", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{KEY}"),
    "ImageUri": ("", f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/mine:v1"),
}
"""Parameters that a condition looks at, and what they may be."""

GONE = object()  # AWS::NoValue


@cache
def read() -> Template:
    decode = pytest.importorskip(
        "cfnlint.decode", reason="cfn-lint is not installed: pip install -e '.[test]'"
    ).decode
    decoded, problems = decode(str(PATH))
    assert not problems
    return json.loads(json.dumps(decoded))


def combinations() -> Iterator[Dict[str, str]]:
    """Every combination of the switches."""
    for values in itertools.product(*SWITCHES.values()):
        yield dict(zip(SWITCHES, values))


def resources(template: Template, kind: str) -> Dict[str, Dict[str, Any]]:
    """The properties of the resources of a type, by name."""
    found = template["Resources"].items()
    return {name: r["Properties"] for name, r in found if r["Type"] == kind}


def statements(template: Template) -> Iterator[Tuple[str, Dict[str, Any]]]:
    """Every statement of roles and policies, with its resource's name."""
    policies = [
        (name, policy["PolicyDocument"])
        for name, role in resources(template, "AWS::IAM::Role").items()
        for policy in role["Policies"]
    ]
    for name, policy in resources(template, "AWS::IAM::ManagedPolicy").items():
        policies.append((name, policy["PolicyDocument"]))
    for name, document in policies:
        for statement in document["Statement"]:
            if "Fn::If" in statement:
                statement = statement["Fn::If"][1]
            yield name, statement


def actions(statement: Mapping[str, Any]) -> List[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def expanded(template: Template, given: Mapping[str, str]) -> Template:
    """The template with conditions evaluated, without resources that they switch off."""
    return Expansion(template, given).result()


class Expansion:
    """Evaluate conditions, and insert the values of parameters."""

    def __init__(self, template: Template, given: Mapping[str, str]) -> None:
        self.template = template
        self.values: Dict[str, Any] = {}
        for name, parameter in template["Parameters"].items():
            value = {**CODE, **given}.get(name, parameter.get("Default"))
            is_list = parameter["Type"] == "CommaDelimitedList"
            self.values[name] = str(value).split(",") if is_list else value
        self.values.update({"AWS::AccountId": ACCOUNT, "AWS::Region": REGION})

    def result(self) -> Template:
        expanded = copy.deepcopy(self.template)
        for section in ("Resources", "Outputs"):
            expanded[section] = {
                name: self.kept({k: v for k, v in entry.items() if k != "Condition"})
                for name, entry in expanded[section].items()
                if "Condition" not in entry or self.holds(entry["Condition"])
            }
        del expanded["Conditions"]
        for name, parameter in expanded["Parameters"].items():
            value = self.values[name]
            parameter["Default"] = ",".join(value) if isinstance(value, list) else value
        return expanded

    def holds(self, name: str) -> bool:
        return self.decided(self.template["Conditions"][name])

    def decided(self, node: Mapping[str, Any]) -> bool:
        ((function, value),) = node.items()
        if function == "Condition":
            return self.holds(value)
        if function == "Fn::Not":
            return not self.decided(value[0])
        if function in ("Fn::And", "Fn::Or"):
            return (all if function == "Fn::And" else any)(map(self.decided, value))
        assert function == "Fn::Equals"
        left, right = map(self.text, value)
        return bool(left == right)

    def text(self, node: Any) -> Any:
        """Evaluate an expression that contains only parameters."""
        if not isinstance(node, dict):
            return node
        ((function, value),) = node.items()
        if function == "Ref":
            return self.values[value]
        if function == "Fn::Sub":
            return re.sub(r"\$\{([\w:]+)\}", lambda match: str(self.values[match[1]]), value)
        if function == "Fn::Split":
            return self.text(value[1]).split(value[0])
        if function == "Fn::Select":
            return self.text(value[1])[int(value[0])]
        assert function == "Fn::Join"
        return value[0].join(self.text(value[1]))

    def kept(self, node: Any) -> Any:
        """The node with each Fn::If replaced by the branch that holds."""
        if isinstance(node, list):
            return [item for item in map(self.kept, node) if item is not GONE]
        if not isinstance(node, dict):
            return node
        if node == {"Ref": "AWS::NoValue"}:
            return GONE
        if "Fn::If" in node:
            name, then, otherwise = node["Fn::If"]
            return self.kept(then if self.holds(name) else otherwise)
        found = {key: self.kept(value) for key, value in node.items()}
        return {key: value for key, value in found.items() if value is not GONE}


def forms(template: Template) -> Iterator[Tuple[str, str, Dict[str, Any]]]:
    """Every form that some combination of the switches gives a resource or an output.

    Yields section, name, and form: a resource has as many as its conditions make of it.
    """
    for section in ("Resources", "Outputs"):
        for name, entry in template[section].items():
            switches = sorted(switches_of(entry, template) & set(SWITCHES))
            seen = set()
            for values in itertools.product(*(SWITCHES[switch] for switch in switches)):
                expansion = Expansion(template, dict(zip(switches, values)))
                if "Condition" in entry and not expansion.holds(entry["Condition"]):
                    continue
                form = expansion.kept({k: v for k, v in entry.items() if k != "Condition"})
                text = json.dumps(form, sort_keys=True)
                if text not in seen:
                    seen.add(text)
                    yield section, name, form


def switches_of(node: Any, template: Template) -> Set[str]:
    """The parameters that the conditions of a part of a template look at."""
    if isinstance(node, list):
        return set().union(*(switches_of(item, template) for item in node))
    if not isinstance(node, dict):
        return set()
    found = switches_of(list(node.values()), template)
    own = [node["Condition"]] if isinstance(node.get("Condition"), str) else []
    own += [node["Fn::If"][0]] if "Fn::If" in node else []
    for name in own:
        condition = template["Conditions"][name]
        found |= named(condition) | switches_of(condition, template)
    return found


def named(node: Any) -> Set[str]:
    """The resources and parameters that a part of a template names."""
    if isinstance(node, list):
        return set().union(*map(named, node))
    if not isinstance(node, dict):
        return set()
    if set(node) == {"Ref"}:
        return {node["Ref"]}
    if set(node) == {"Fn::GetAtt"}:
        return {node["Fn::GetAtt"][0]}
    if set(node) == {"Fn::Sub"}:
        text, own = node["Fn::Sub"], {}
        if isinstance(text, list):
            text, own = text
        inside = {name.partition(".")[0] for name in re.findall(r"\$\{([\w:.]+)\}", text)}
        return (inside - set(own)) | named(list(own.values()))
    found = set().union(*map(named, node.values()))
    depends = node.get("DependsOn", [])
    return found | set([depends] if isinstance(depends, str) else depends)

"""The smoke test runs to its end against stand-ins, which proves nothing about AWS."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from typing import Dict, Iterator

import pytest

from htrlib.aws import machines, session
from htrlib.aws.session import Aws
from htrlib.errors import AwsError, ConfigError
from tests.sagemaker.conftest import EXAMPLES
from tests.sagemaker.stack import read

STEPS = ["create", "demo", "train", "deploy", "update", "batch", "delete"]


@pytest.fixture
def stand_ins(tmp_path, monkeypatch) -> Iterator[Dict[str, str]]:
    """AWS on this machine; its addresses are in the environment."""
    for package in ("moto", "aiohttp", "mms", "sagemaker_inference"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install '.[aws,serve,test]'")
    if shutil.which("java") is None:
        pytest.skip("Java is not installed, which serving needs")
    server = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "stand_ins.py"), str(tmp_path / "work"), "htr-here"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(EXAMPLES.parents[1])},
    )
    for name, value in json.loads(server.stdout.readline()).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(session, "POLL_SECONDS", 0.5)
    yield server
    server.communicate()


def in_a_dry_run(script, tell=print):
    aws = Aws("us-east-1", dry_run=lambda request: tell(request.operation))
    return script("smoke_steps").Smoke(aws, "htr-smoke", None, tell)


@pytest.mark.slow
def test_a_run_takes_every_step_reports_it_and_leaves_nothing(
    stand_ins, script, tmp_path, monkeypatch
):
    smoke, report = script("smoke"), script("smoke_report")
    monkeypatch.setattr(script("smoke_steps"), "SECONDS_BETWEEN", 0.1)  # its machine is at hand
    told = []
    run = script("smoke_steps").Smoke(Aws(), "htr-smoke", None, told.append)
    results = smoke.run(run, False, told.append)
    assert [result.failure for result in results] == [""] * len(STEPS), told
    assert [result.step.name for result in results] == STEPS
    for result in results:
        assert f"{result.step.name}: proved in" in "\n".join(told)
    assert "2 results" in results[5].found
    left = Aws().call("s3", "list_buckets")["Buckets"]
    assert [bucket["Name"] for bucket in left] == ["htr-here"]

    report.write_report(tmp_path / "report.md", results, "us-east-1")
    text = (tmp_path / "report.md").read_text()
    assert text.count("| ok: ") == len(STEPS)
    for name in STEPS:
        assert f"### {name}\n\n- \n" in text, "there is room for what was found"


def test_the_first_step_that_fails_is_the_last_but_for_the_deletion(script, tmp_path, monkeypatch):
    smoke, steps = script("smoke"), script("smoke_steps")

    def refused(self):
        raise AwsError("0 machines | quota")

    monkeypatch.setattr(steps.Smoke, "train", refused)
    results = smoke.run(in_a_dry_run(script), False, lambda _: None)
    assert [result.step.name for result in results] == ["create", "demo", "train", "delete"]
    assert [bool(result.failure) for result in results] == [False, False, True, False]
    script("smoke_report").write_report(tmp_path / "report.md", results, "us-east-1")
    assert "**failed**: 0 machines \\| quota" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (FileNotFoundError(2, "No such file", "history.json"), "FileNotFoundError: "),
        (KeyError("AutoMLJobs"), "KeyError: 'AutoMLJobs'"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_whatever_ends_a_step_everything_is_deleted(script, monkeypatch, error, failure):
    def ended(self):
        raise error

    monkeypatch.setattr(script("smoke_steps").Smoke, "train", ended)
    results = script("smoke").run(in_a_dry_run(script), False, lambda _: None)
    assert [result.step.name for result in results] == ["create", "demo", "train", "delete"]
    assert results[2].failure.startswith(failure)
    assert not results[3].failure


class Account(Aws):
    """An account in which the jobs run until they are stopped."""

    def __init__(self, refused=(), left=(), endpoint=("InService",)):
        super().__init__("us-east-1")
        self.called, self.refused, self.left = [], refused, dict(left)
        self.endpoint, self.deleted = list(endpoint), []

    def call(self, service, operation, **parameters):
        self.called.append(operation)
        if operation == "describe_endpoint":
            status = self.endpoint.pop(0) if len(self.endpoint) > 1 else self.endpoint[0]
            return {"EndpointStatus": status, "EndpointConfigName": "other"}
        if operation == "delete_endpoint" and self.endpoint[0] in ("Creating", "Updating"):
            raise AwsError("Cannot update in-progress endpoint")
        if operation.startswith("delete_"):
            self.deleted += parameters.values()
        if operation in self.refused:
            raise AwsError(f"{operation} is refused")
        if operation in ("describe_training_job", "describe_transform_job"):
            kind = operation.split("_")[1]
            running = f"stop_{kind}_job" not in self.called
            return {f"{kind.title()}JobStatus": "InProgress" if running else "Stopped"}
        stack = {"StackName": "htr-smoke", "StackId": "arn", "StackStatus": "DELETE_COMPLETE"}
        return {"Stacks": [stack]}

    def items(self, service, operation, key, **parameters):
        return self.left.get(operation, ())


def interrupted_run(script, monkeypatch, account):
    """A run that was interrupted while its jobs ran."""
    monkeypatch.setattr(session, "POLL_SECONDS", 0)
    run = script("smoke_steps").Smoke(account, "htr-smoke", None, lambda _: None)
    run._stack, run._training, run._batch = "arn", "htr-smoke-train-1", "htr-smoke-batch-1"
    run._code_bucket = "htr-smoke-code"
    return run


def test_jobs_that_still_run_are_stopped_before_their_bucket_goes(script, monkeypatch):
    account = Account()
    interrupted_run(script, monkeypatch, account).delete()
    done = account.called
    for stop in ("stop_training_job", "stop_transform_job"):
        assert done.count(stop) == 1
        assert done.index(stop) < done.index("delete_stack") < done.index("delete_bucket")
    assert {"delete_endpoint", "delete_model"} <= set(done)


def test_what_cannot_be_deleted_is_reported_when_the_rest_is(script, monkeypatch):
    refused = ("stop_training_job", "delete_endpoint", "delete_stack")
    running = {"TrainingJobName": "htr-smoke-train-1", "TrainingJobStatus": "InProgress"}
    ended = {"TrainingJobName": "htr-smoke-train-0", "TrainingJobStatus": "Completed"}
    account = Account(refused, {"list_training_jobs": [running, ended]})
    with pytest.raises(AwsError) as raised:
        interrupted_run(script, monkeypatch, account).delete()
    assert str(raised.value) == (
        "stop_training_job is refused; delete_endpoint is refused; delete_stack is refused; left "
        "behind, delete or stop them by hand: trainingjob htr-smoke-train-1"
    )
    assert {"stop_transform_job", "delete_model", "delete_bucket"} <= set(account.called)


def test_an_endpoint_that_is_still_created_is_deleted_when_that_has_ended(script, monkeypatch):
    account = Account(endpoint=["Creating", "Creating", "InService"])
    interrupted_run(script, monkeypatch, account).delete()
    assert "htr-smoke-endpoint" in account.deleted


def test_what_an_interrupted_exchange_left_is_deleted(script, monkeypatch):
    stamped = [f"htr-smoke-endpoint-2026010{day}-000000" for day in (1, 2)]
    names = [*stamped, "htr-smoke-endpoint-of-anna"]
    left = {
        "list_models": [{"ModelName": name} for name in names],
        "list_endpoint_configs": [{"EndpointConfigName": name} for name in names],
    }
    account = Account(left=left)
    with pytest.raises(AwsError, match=r"left behind.*htr-smoke-endpoint-of-anna"):
        interrupted_run(script, monkeypatch, account).delete()
    for name in stamped:
        assert account.deleted.count(name) == 2
    assert names[2] not in account.deleted


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_left_comes_with_the_commands_that_delete_it(script, monkeypatch, keep):
    account = Account(endpoint=["Creating"])
    run = interrupted_run(script, monkeypatch, account)
    steps = script("smoke_steps").Smoke
    for step in STEPS[:-1]:
        monkeypatch.setattr(steps, step, lambda self: "")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "_tell", interrupted)
    told = []
    results = script("smoke").run(run, keep, told.append)
    assert keep or results[-1].failure == "interrupted"
    assert [line.strip() for line in told[-5:]] == [
        "aws sagemaker stop-training-job --training-job-name htr-smoke-train-1",
        "aws sagemaker stop-transform-job --transform-job-name htr-smoke-batch-1",
        "htr aws undeploy htr-smoke-endpoint",
        "aws cloudformation delete-stack --stack-name htr-smoke",
        "aws s3 rb --force s3://htr-smoke-code",
    ]


def test_a_stack_that_was_made_in_spite_of_an_interruption_is_deleted(script, monkeypatch):
    class Interrupted(Account):
        def find(self, service, operation, **parameters):
            made = "create_stack" in self.called
            return super().find(service, operation, **parameters) if made else None

        def call(self, service, operation, **parameters):
            answer = super().call(service, operation, **parameters)
            if operation == "create_stack":
                raise KeyboardInterrupt
            return {"Account": "123456789012", **answer}

    account = Interrupted(endpoint=["Failed"])
    steps = script("smoke_steps")
    uploaded = {"CodeBucket": "b", "template_url": "https://b/template"}
    monkeypatch.setattr(steps.package, "upload", lambda *_: uploaded)
    monkeypatch.setattr(session, "POLL_SECONDS", 0)
    run = steps.Smoke(account, "htr-smoke", None, lambda _: None)
    created, deleted = script("smoke").run(run, False, lambda _: None)
    assert (created.failure, deleted.failure) == ("interrupted", "")
    assert "arn" in account.deleted


def test_what_is_to_be_kept_is_not_deleted(script):
    results = script("smoke").run(in_a_dry_run(script), True, lambda _: None)
    assert [result.step.name for result in results] == STEPS[:-1]


def test_a_stack_that_was_there_before_is_left_alone(script, aws, monkeypatch):
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    aws("cloudformation").create_stack(StackName="htr-smoke", TemplateBody=json.dumps(template))
    run = script("smoke_steps").Smoke(Aws(), "htr-smoke", None, print)
    created, deleted = script("smoke").run(run, False, lambda _: None)
    assert "a stack htr-smoke is there already" in created.failure
    assert deleted.found == "no stack was made"
    (stack,) = aws("cloudformation").describe_stacks()["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"


def test_nothing_is_made_before_somebody_has_seen_what_it_costs(script, monkeypatch, capsys):
    smoke = script("smoke")
    monkeypatch.setattr(sys, "argv", ["smoke.py", "--region", "us-east-1"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "n")
    monkeypatch.setattr(smoke, "run", lambda *_: pytest.fail("it runs"))
    assert smoke.main() == "smoke.py: nothing was made"
    assert "in all" in capsys.readouterr().out


def test_the_estimate_is_of_the_prices_and_machines_that_are_used(script):
    steps = {step.name: step for step in script("smoke_report").STEPS}
    assert list(steps) == STEPS
    assert steps["train"].dollars == pytest.approx(machines.PRICES[machines.TRAINING] / 6)
    assert 0.2 < sum(step.dollars for step in steps.values()) < 1
    notebook = read()["Parameters"]["SageMakerNotebookInstanceType"]["Default"]
    assert notebook == script("smoke_report").NOTEBOOK


def test_a_prefix_that_makes_no_names_is_refused(script):
    with pytest.raises(ConfigError, match="2 to 20 lowercase letters"):
        script("smoke_steps").Smoke(None, "Htr_smoke", None, print)

"""What the notebooks share: access to AWS or its stand-in, and a folder.

`open_walk` decides: with the account of a stack, whose outputs are in `stack_outputs.json` (as in
the stack's notebook instance) or whose name is in the environment variable HTR_STACK; otherwise on
this machine, with `stand_ins.py` in AWS's place. The cells are the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Mapping, Optional

from readiness import wait_until_ready

wait_until_ready()  # on a notebook instance that has just started

from htrlib.aws import session  # noqa: E402
from htrlib.aws.network import Vpc  # noqa: E402
from htrlib.aws.session import Aws  # noqa: E402

HERE = Path(__file__).resolve().parent

# The outputs of a stack that is not there; nobody asks for its roles and functions.
ACCOUNT = "123456789012"
STAND_INS = {
    "SolutionPrefix": "htr",
    "S3Bucket": "htr-here",
    "SageMakerIamRole": f"arn:aws:iam::{ACCOUNT}:role/htr-execution",
    "ServingRole": f"arn:aws:iam::{ACCOUNT}:role/htr-serving",
    "ImageUri": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/htr:serve",
    "PreLabelLambdaArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:htr-pre-annotation",
    "PostLabelLambdaArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:htr-post-annotation",
    "WorkteamArn": f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:workteam/private-crowd/htr-labelers",
    "SageMakerDemoEndpointName": "htr-demo",
    "SageMakerEndpointName": "htr-endpoint",
    "SageMakerTrainingInstanceType": "ml.m5.2xlarge",
    "SageMakerInferenceInstanceType": "ml.m5.large",
}


class MissingStepError(Exception):
    """A notebook needs results of an earlier one."""

    def _render_traceback_(self) -> list:  # the sentence says it all
        return [str(self)]


@dataclass
class Walk:
    """The settings of the notebooks, and their results so far.

    Attributes:
        settings: the stack's outputs, or their stand-ins.
        aws: the account.
        folder: of files that the notebooks leave for the next.
    """

    settings: Mapping[str, str]
    aws: Aws
    folder: Path
    server: Optional[subprocess.Popen] = None

    def __repr__(self) -> str:
        where = "on this machine, without an account" if self.server else "with the stack's account"
        return f"The walk goes {where}; its bucket is {self.bucket}."

    @property
    def bucket(self) -> str:
        return f"s3://{self.settings['S3Bucket']}"

    @property
    def tags(self) -> Dict[str, str]:
        """Tags by which the stack's budget counts costs."""
        return {"htrlib": self.settings["SolutionPrefix"]}

    @property
    def kms_key(self) -> Optional[str]:
        """ARN of the stack's key; None is that of AWS."""
        return self.settings.get("KmsKeyArn") or None

    @property
    def vpc(self) -> Optional[Vpc]:
        """The stack's network; None is SageMaker's own."""
        subnets = self.settings.get("VpcSubnetIds") or ""
        groups = self.settings.get("VpcSecurityGroupIds") or ""
        return Vpc(tuple(subnets.split(",")), tuple(groups.split(","))) if subnets else None

    def keep(self, **values: str) -> None:
        """Store values for the next notebooks."""
        kept = json.dumps({**self._kept(), **values}, indent=2)
        (self.folder / "kept.json").write_text(kept, encoding="utf-8")

    def kept(self, name: str, notebook: str) -> str:
        """Return a value that an earlier notebook stored.

        Raises:
            MissingStepError: it was not run.
        """
        try:
            return self._kept()[name]
        except KeyError:
            raise MissingStepError(
                f"Run {notebook}.ipynb first, to its end: it leaves what this notebook needs."
            ) from None

    def require_ground_truth(self) -> None:
        """Check that the stack has Ground Truth.

        Raises:
            MissingStepError: it has none.
        """
        if not self.settings.get("PreLabelLambdaArn"):
            raise MissingStepError(
                "This stack has no Ground Truth (WithLabeling is false), and needs none: your "
                "labels of htr review are in the bucket. Go on with 3_visualize.ipynb."
            )

    def end(self) -> None:
        """Stop what was started on this machine; keep the bucket. With an account, do nothing."""
        if self.server is not None:
            self.server.communicate()  # its input ends, which tells it to
            self.server = None

    def _kept(self) -> Dict[str, str]:
        path = self.folder / "kept.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def open_walk() -> Walk:
    """Begin a notebook.

    Raises:
        AwsError: the stack that HTR_STACK names cannot be asked.
        RuntimeError: the stand-ins do not start.
    """
    folder = HERE / "work"
    folder.mkdir(exist_ok=True)
    outputs = HERE / "stack_outputs.json"
    if outputs.is_file():
        settings = json.loads(outputs.read_text(encoding="utf-8"))
        return Walk(settings, Aws(settings["AwsRegion"]), folder)
    if os.environ.get("HTR_STACK"):
        aws = Aws()
        stacks = aws.call("cloudformation", "describe_stacks", StackName=os.environ["HTR_STACK"])
        settings = {o["OutputKey"]: o["OutputValue"] for o in stacks["Stacks"][0]["Outputs"]}
        return Walk(settings, aws, folder)
    return _open_here(folder)


def _open_here(folder: Path) -> Walk:
    log = folder / "stand_ins.log"
    with log.open("w") as errors:
        server = subprocess.Popen(
            [sys.executable, str(HERE / "stand_ins.py"), str(folder), STAND_INS["S3Bucket"]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,  # stopping a cell stops what runs in the kernel's own
        )
    said = server.stdout.readline()
    if not said:
        server.wait()
        raise RuntimeError(f"the stand-ins did not start: {log.read_text()[-1000:]}")
    # All that speaks with AWS in this process speaks with them, and with no other account.
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(json.loads(said))
    session.POLL_SECONDS = 1  # nobody minds being asked often here
    return Walk(STAND_INS, Aws(), folder, server)

"""The steps of `smoke.py`, what each costs and proves, and the report of a run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from htrlib._version import __version__
from htrlib.aws.machines import BATCH, ENDPOINT, PRICES, TRAINING
from htrlib.errors import HtrError

NOTEBOOK = "ml.t3.medium"
BUILD_MINUTE = 0.01  # dollars, of CodeBuild general1.medium
SERVERLESS_SECOND = 0.00006  # dollars, with 3072 MB


@dataclass(frozen=True)
class Step:
    """A step of the run.

    Attributes:
        name: of the method of `Smoke` that takes it.
        minutes: that it takes, about.
        dollars: that it costs, about.
        proves: what holds if it succeeds.
    """

    name: str
    does: str
    minutes: int
    dollars: float
    proves: str


def _hours(machine: str, minutes: float) -> float:
    return PRICES[machine] * minutes / 60


STEPS = (
    Step(
        "create",
        "uploads sources and template, creates the stack, which builds the image",
        25,
        15 * BUILD_MINUTE + _hours(NOTEBOOK, 60),  # the notebook runs to the end
        "AWS takes the template and its roles; CodeBuild builds and pushes the image; the demo "
        "endpoint and the notebook instance come into service",
    ),
    Step(
        "demo",
        "asks the serverless demo endpoint, cold and then warm",
        2,
        60 * SERVERLESS_SECOND,
        "the image starts within the limits of a serverless endpoint, in 3072 MB, and reads a page "
        "as the library here does",
    ),
    Step(
        "train",
        "uploads labeled pages and trains two epochs",
        12,
        _hours(TRAINING, 10),
        "the job's role reads the bucket and the image; metrics arrive; model.tar.gz has a whole "
        "bundle and its history.json",
    ),
    Step(
        "deploy",
        "puts the model of the image behind an endpoint with a machine",
        8,
        _hours(ENDPOINT, 30),  # until the deletion
        "the serving role is enough for an isolated endpoint, which reads a page",
    ),
    Step(
        "update",
        "exchanges the model of that endpoint for the trained one, while it is asked",
        10,
        _hours(ENDPOINT, 10),  # the second machine
        "the new model comes up from the bucket, and no request fails in the exchange",
    ),
    Step(
        "batch",
        "reads two pages with a transform job",
        8,
        _hours(BATCH, 8),
        "the container's execution parameters are taken, and the prefix ends where it should",
    ),
    Step(
        "delete",
        "deletes endpoint, stack and buckets, and looks for what is left",
        10,
        0.0,
        "the stack can be deleted, and nothing that costs stays behind",
    ),
)


@dataclass(frozen=True)
class Result:
    """The outcome of a step: its findings, or why it failed."""

    step: Step
    seconds: float
    found: str = ""
    failure: str = ""

    @property
    def line(self) -> str:
        """Format it for a reader."""
        took = f"{self.seconds:.0f} s"
        if self.failure:
            return f"FAILED after {took}: {self.failure}"
        return f"proved in {took}: {self.step.proves} ({self.found})"


def reason(error: Exception) -> str:
    """Say why a step failed; errors of others than htrlib need their type to be understood."""
    return str(error) if isinstance(error, HtrError) else f"{type(error).__name__}: {error}"


def estimate(steps: Sequence[Step]) -> str:
    """Return the costs of the steps as a table."""
    rows = [f"{s.name:<8} {s.minutes:>4} min {s.dollars:>6.2f} USD  {s.does}" for s in steps]
    minutes, dollars = sum(s.minutes for s in steps), sum(s.dollars for s in steps)
    rows.append(f"{'in all':<8} {minutes:>4} min {dollars:>6.2f} USD")
    rows.append("Estimates from the list prices of us-east-1 as known in 2025, without tax.")
    return "\n".join(rows)


def write_report(path: Path, results: Sequence[Result], region: str) -> None:
    """Write the report of a run, with room for the reader's own notes."""
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    lines = [
        "# Smoke test on a real account",
        "",
        f"htrlib {__version__}, {region}, {when}.",
        "",
        "| step | took | result | what it proves |",
        "|---|---|---|---|",
    ]
    for result in results:
        said = result.failure or result.found
        outcome = f"{'**failed**' if result.failure else 'ok'}: {said}".replace("|", "\\|")
        row = (result.step.name, f"{result.seconds:.0f} s", outcome.replace("\n", " "))
        lines.append(f"| {' | '.join(row)} | {result.step.proves} |")
    lines += [
        "",
        "Not tried: labeling with Ground Truth, a VPC, a key of your own, GPUs, spot machines, "
        "queues, Studio.",
        "",
        "## What was found",
        "",
        "Where the account did something else than docs/sagemaker.md says. Add each to the table "
        "at that guide's end, with the date, as *tried*.",
        "",
    ]
    for result in results:
        lines += [f"### {result.step.name}", "", "- ", ""]
    lines += ["### The bill, a day later (Cost Explorer, tag `htrlib`)", "", "- ", ""]
    path.write_text("\n".join(lines), encoding="utf-8")

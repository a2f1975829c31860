"""Try everything on a real account, report what each step proves, and clean up.

    python smoke.py --dry-run     # the steps, their costs and their requests; sends none
    python smoke.py               # shows the costs, asks, and runs; about an hour

It creates a stack of its own, asks its demo endpoint, trains, deploys, exchanges the model under
load, reads pages in a batch, and deletes all of it, also after a step that failed. Your credentials
must be allowed to create the stack. The report, `smoke-report.md`, has room for what you find.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Callable, List, Optional

from smoke_report import STEPS, Result, Step, estimate, reason, write_report
from smoke_steps import Smoke

from htrlib.aws.dry_run import Request
from htrlib.aws.session import Aws
from htrlib.errors import HtrError

Tell = Callable[[str], object]


def main() -> Optional[str]:
    """Run; return the error, if there is one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--prefix",
        default="htr-smoke",
        help="the stack's name, and first part of all others; at most 20 characters "
        "(default: %(default)s)",
    )
    parser.add_argument("--region", help="AWS region (default: that of the environment)")
    parser.add_argument("--profile", help="profile of ~/.aws/config")
    parser.add_argument("--dry-run", action="store_true", help="show everything, send nothing")
    parser.add_argument("--yes", action="store_true", help="do not ask before spending money")
    parser.add_argument(
        "--keep", action="store_true", help="delete nothing; it goes on costing money"
    )
    parser.add_argument(
        "--report", type=Path, default=Path("smoke-report.md"), help="(default: %(default)s)"
    )
    options = parser.parse_args()
    try:
        aws = Aws(options.region, options.profile, _show if options.dry_run else None)
        smoke = Smoke(aws, options.prefix, options.profile, print)
        print(estimate(STEPS))
        if not options.dry_run and not options.yes and not _agreed():
            return "smoke.py: nothing was made"
        results = run(smoke, options.keep, print)
    except HtrError as error:
        return f"smoke.py: {error}"
    if not options.dry_run:
        write_report(options.report, results, aws.region)
        print(f"report: {options.report}")
    failed = [result.step.name for result in results if result.failure]
    return f"smoke.py: failed at {', '.join(failed)}" if failed else None


def _show(request: Request) -> None:
    print(f"  {request.service} {request.operation}")


def _agreed() -> bool:
    """Ask whether to spend the money."""
    if not sys.stdin.isatty():
        return False
    return input("Go on? [y/N] ").strip().lower() == "y"


def run(smoke: Smoke, keep: bool, tell: Tell) -> List[Result]:
    """Run the steps in turn. After a failure, only the deletion runs."""
    results: List[Result] = []
    *steps, deletion = STEPS
    for step in steps:
        results.append(_taken(step, smoke, tell))
        if results[-1].failure:
            break
    if not keep:
        results.append(_taken(deletion, smoke, tell))
    if (keep or results[-1].failure) and not smoke.dry:
        tell("What is left goes on costing money. To delete it, as soon as no endpoint is Creating")
        tell("or Updating (htr aws status):")
        for command in smoke.by_hand:
            tell(f"    {command}")
    return results


def _taken(step: Step, smoke: Smoke, tell: Tell) -> Result:
    tell(f"\n{step.name}: {step.does}")
    begun = time.monotonic()
    found, failure = "", ""
    try:
        found = getattr(smoke, step.name)()
    except Exception as error:  # whatever it is, the deletion must run
        failure = reason(error)
    except KeyboardInterrupt:
        failure = "interrupted"
    result = Result(step, time.monotonic() - begun, found, failure)
    dry = smoke.dry and not failure
    tell(f"{step.name}: {f'would prove: {step.proves}' if dry else result.line}")
    return result


if __name__ == "__main__":
    sys.exit(main())

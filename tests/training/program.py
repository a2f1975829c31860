"""A training that tests run in a separate process, to kill it or run several together.

`python -m tests.training.program DIRECTORY OPTIONS-AS-JSON [SIGNAL STEP]`; it sends itself that
signal when it is about to take that step.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from htrlib import Trainer, TrainerConfig
from htrlib.training.learner import Learner
from tests.training.conftest import TINY, make_lines


def signal_itself(number: int, at: int) -> None:
    take = Learner.step

    def step(self: Learner, batch: Any, step: int, *more: Any) -> Any:
        if step == at:
            os.kill(os.getpid(), number)
        return take(self, batch, step, *more)

    setattr(Learner, "step", step)  # noqa: B010 - nobody else may replace a method


def main() -> None:
    options = json.loads(sys.argv[2])
    if sys.argv[3:]:
        signal_itself(*map(int, sys.argv[3:]))
    trainer = Trainer(
        "line-recognition",
        config=TrainerConfig.from_dict(options),
        network=TINY,
        directory=sys.argv[1],
        device="cpu",
    )
    result = trainer.fit(make_lines(12), make_lines(3, seed=1))
    sys.stdout.write(f"ended: {result.reason}\n")


if __name__ == "__main__":
    main()

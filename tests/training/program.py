"""A training that tests run in a process of its own, to kill it or to join it with others.

`python -m tests.training.program DIRECTORY OPTIONS-AS-JSON`
"""

from __future__ import annotations

import json
import sys

from htrlib import Trainer, TrainerConfig
from tests.training.conftest import TINY, make_lines


def main() -> None:
    options = json.loads(sys.argv[2])
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

"""Former name of `htrlib.sagemaker.training_job`, for `python -m htrlib.training.sagemaker`."""

from __future__ import annotations

from htrlib.sagemaker.training_job import main, run_and_exit

__all__ = ["main"]

if __name__ == "__main__":
    run_and_exit()

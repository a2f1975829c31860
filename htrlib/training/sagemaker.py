"""`python -m htrlib.training.sagemaker`: the former name of `htrlib.sagemaker.training_job`."""

from __future__ import annotations

from htrlib.sagemaker.training_job import main, run_and_exit

__all__ = ["main"]

if __name__ == "__main__":
    run_and_exit()

"""Read the pictures and PDFs of a folder or bucket on a Ray cluster, one model a worker.

    python examples/cluster/transcribe.py s3://scans/1890/ s3://texts/1890/ --workers 16

Writes JSON Lines: `path`, and `result` (the JSON of docs/data-formats.md) or `error`.
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Any, Dict, Optional

import ray
from ray.data import ActorPoolStrategy

import htrlib
from htrlib.bundle import load_bundle
from htrlib.images.suffixes import IMAGE_SUFFIXES
from htrlib.reading.pipeline import Pipeline

RETRIES = 3


class Reader:
    """Reads files. Each worker makes one, so the model is loaded once."""

    def __init__(self, bundle: Optional[str]) -> None:
        self.pipeline = Pipeline(bundle=load_bundle(bundle))

    def __call__(self, row: Dict[str, Any]) -> Dict[str, str]:
        """Read one file; a file that cannot be read is a row too, not the end of the job."""
        read = {"path": row["path"], "result": "", "error": ""}
        try:
            result = self.pipeline.transcribe(row["bytes"])
        except htrlib.HtrError as error:
            return {**read, "error": str(error)}
        return {**read, "result": json.dumps(result.to_dict(), ensure_ascii=False)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", help="folder, or s3:// or gs:// prefix, with all below it")
    parser.add_argument("output", help="folder or prefix for JSON Lines")
    parser.add_argument("--workers", type=int, default=2, help="processes, a core each")
    parser.add_argument("--bundle", help="name or path, on every machine (default: the bundled)")
    parser.add_argument("--address", help="of a running cluster (default: this machine)")
    arguments = parser.parse_args()

    cores = None if arguments.address else max(arguments.workers + 1, os.cpu_count() or 1)
    ray.init(address=arguments.address, num_cpus=cores)
    files = ray.data.read_binary_files(
        arguments.source,
        include_paths=True,
        file_extensions=[suffix.lstrip(".") for suffix in IMAGE_SUFFIXES],
    )
    files.map(
        Reader,
        fn_constructor_args=(arguments.bundle,),
        compute=ActorPoolStrategy(size=arguments.workers),
        num_cpus=1,
        max_restarts=RETRIES,  # of a worker that dies; its files are read by another
        max_task_retries=RETRIES,
    ).write_json(arguments.output, force_ascii=False)


if __name__ == "__main__":
    main()

"""Make the bundle from fonts, texts and labeled pages: every step, each resumable.

    python examples/pretrain/pretrain.py --data ../shared/data --runs runs --bundle my-bundle

A step whose output is there is skipped, one that was cut goes on from its last checkpoint. With
the default times it takes about four hours of two cores; `--time 0.1` takes a tenth and gives a
bundle that shows the way and reads little.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import List, Sequence

HERE = Path(__file__).parent
MINUTES = {
    "recognizer": 160.0,
    "line-segmentation": 25.0,
    "paragraph": 10.0,
    "line-segmentation-ssd": 15.0,
}


def run(script: str, *arguments: object, processes: int = 1) -> None:
    """Run a script of this folder, and stop where it fails."""
    command: List[str] = [sys.executable]
    if processes > 1:
        command += ["-m", "torch.distributed.run", f"--nproc-per-node={processes}"]
    subprocess.run([*command, str(HERE / script), *map(str, arguments)], check=True)


def done(marker: Path) -> bool:
    """Whether a step ended; `finish` says so."""
    return marker.with_suffix(marker.suffix + ".done").exists()


def finish(marker: Path) -> None:
    marker.with_suffix(marker.suffix + ".done").touch()


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="fonts/, text/ and collections")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="what goes on later")
    parser.add_argument("--bundle", type=Path, required=True, help="the result")
    parser.add_argument("--pages", type=int, default=500, help="synthetic pages")
    parser.add_argument("--processes", type=int, default=2, help="one a core, for the recognizer")
    parser.add_argument("--time", type=float, default=1.0, help="factor on all training times")
    args = parser.parse_args(arguments or None)
    args.runs.mkdir(parents=True, exist_ok=True)
    source = ("--fonts", args.data / "fonts", "--texts", args.data / "text")
    lines, pages = args.runs / "lines", args.runs / "pages"
    charset, recognizer = args.runs / "charset", args.runs / "recognizer"
    model = args.runs / "english-french.lm"

    def step(marker: Path, script: str, *rest: object, processes: int = 1) -> None:
        if not done(marker):
            run(script, *rest, processes=processes)
            finish(marker)

    def minutes(name: str) -> tuple[str, float]:
        return "--minutes", args.time * MINUTES[name]

    step(pages, "render_pages.py", *source, "--count", args.pages, "--out", pages)

    step(charset, "assemble.py", charset, "--name", "charset")
    finder = charset
    for task in ("line-segmentation", "paragraph", "line-segmentation-ssd"):
        output = args.runs / task
        data = ("--data", args.data, "--synthetic", pages, "--init", finder, "--output", output)
        step(output, "train_finder.py", task, *data, *minutes(task))
        finder = output  # what came before it included
    step(lines, "cut_lines.py", "--data", args.data, "--bundle", finder, "--out", lines)
    transcripts = [args.data / name / "pages.json" for name in ("copiste", "testaments")]
    language = (args.data / "text", model, "--transcripts", *transcripts)
    step(model, "build_language_model.py", *language)
    step(
        recognizer,
        "train_recognizer.py",
        "--lines",
        lines,
        *source,
        *minutes("recognizer"),
        "--out",
        recognizer,
        processes=args.processes,
    )
    parts = ("--finder", finder, "--recognizer", recognizer / "last.pt", "--language-model", model)
    draft, decoding = args.runs / "bundle", args.runs / "decoding.json"
    run("assemble.py", draft, *parts)
    run("tune_decoding.py", "--data", args.data, "--bundle", draft, "--output", decoding)
    run("assemble.py", args.bundle, *parts, "--decoding", decoding)


if __name__ == "__main__":
    main()

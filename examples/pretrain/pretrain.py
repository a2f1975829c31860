"""Make a bundle from fonts, texts and labeled pages: every step, each resumable.

    python examples/pretrain/pretrain.py --data ../shared/data --runs runs --bundle my-bundle

Steps whose output exists are skipped, and interrupted ones resume from their last checkpoint.
`--time 0.1` takes a tenth of the time and gives a bundle for trying out the steps, which reads
poorly.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Sequence, Tuple

HERE = Path(__file__).parent
MINUTES = {
    "line-segmentation": 25.0,
    "paragraph": 10.0,
    "line-segmentation-ssd": 15.0,
    "recognizer": 160.0,
}
FINDERS = ("line-segmentation", "paragraph", "line-segmentation-ssd")


def run(script: str, *arguments: object) -> None:
    """Run a script of this folder, and stop if it fails."""
    subprocess.run([sys.executable, str(HERE / script), *map(str, arguments)], check=True)


def step(marker: Path, script: str, *arguments: object) -> None:
    """Run a script unless it was completed before."""
    done = marker.with_suffix(marker.suffix + ".done")
    if not done.exists():
        run(script, *arguments)
        done.touch()


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="fonts/, text/ and collections")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="what goes on later")
    parser.add_argument("--bundle", type=Path, required=True, help="the result")
    parser.add_argument("--pages", type=int, default=500, help="to render for what finds lines")
    parser.add_argument("--line-pages", type=int, default=1000, help="to render for what reads")
    parser.add_argument("--time", type=float, default=1.0, help="factor on all training times")
    args = parser.parse_args(arguments or None)
    args.runs.mkdir(parents=True, exist_ok=True)
    source = ("--data", args.data)
    pages, rendered = args.runs / "pages", args.runs / "line-pages"
    found, recognizer = args.runs / "found", args.runs / "recognizer"
    model = args.runs / "english-french.lm"

    def minutes(name: str) -> Tuple[str, float]:
        return "--minutes", args.time * MINUTES[name]

    step(pages, "render_pages.py", *source, "--count", args.pages, "--out", pages)
    numbers = ("--first", args.pages, "--count", args.line_pages)
    step(rendered, "render_pages.py", *source, *numbers, "--out", rendered)
    networks = args.runs / "charset"
    step(networks, "assemble.py", networks, "--name", "charset")
    for task in FINDERS:
        output = args.runs / task
        names = ("--synthetic", pages, "--init", networks, "--output", output)
        step(output, "train_finder.py", task, *source, *names, *minutes(task))
        networks = output  # what came before it included
    step(found, "find_lines.py", *source, "--bundle", networks, "--out", found)
    names = ("--found", found, "--rendered", rendered, "--init", networks, "--output", recognizer)
    step(recognizer, "train_recognizer.py", *source, *names, *minutes("recognizer"))
    transcripts = [args.data / name / "pages.json" for name in ("copiste", "testaments")]
    language = (model, "--books", args.data / "text", "--transcripts", *transcripts)
    step(model, "build_language_model.py", *language)
    parts = ("--networks", recognizer, "--language-models", model)
    draft, decoding = args.runs / "bundle", args.runs / "decoding.json"
    run("assemble.py", draft, *parts)
    step(decoding, "tune_decoding.py", *source, "--bundle", draft, "--output", decoding)
    run("assemble.py", args.bundle, *parts, "--decoding", decoding)


if __name__ == "__main__":
    main()

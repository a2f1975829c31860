"""Measure the time and error rate of the decoders on outputs of the bundle's recognizer.

    python benchmarks/decoding.py --data ../shared/data --split validation

The lines are those of CSAFE at their labeled positions. Each is recognized once and then decoded
by every decoder on one core, so only decoding is timed. If `flashlight-text` is installed, its beam
search decodes the same frames with the same language model.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from tqdm import tqdm

import htrlib
from htrlib import data
from htrlib.decoding.decoding_options import DecodingOptions, bundled_options
from htrlib.document.charset import Charset
from htrlib.document.results import LogProbs
from htrlib.language import NGramModel
from htrlib.language.files import load_model, save_model
from htrlib.metrics import ErrorRate
from htrlib.stages.decoding import read_line

Decoder = Callable[[LogProbs], str]
WIDTHS = (10, 25, 50)


@dataclass(frozen=True)
class Line:
    """The log-probabilities of a line, and its reference."""

    log_probs: LogProbs
    text: str


def recognized_lines(root: Path, split: str, bundle: Optional[str]) -> List[Line]:
    """Recognize the lines with a position in a split of CSAFE."""
    pages = data.load("pages_json", root / "csafe" / "transcripts.json", split=split).pages
    lines: List[Line] = []
    for page in tqdm(pages, desc="recognizing"):
        known = [(line.line, line.text) for line in page.lines if line.line and line.text]
        places = [place for place, _ in known]
        said = htrlib.recognize_lines(page.load_image(), places, bundle=bundle)
        lines += [Line(log_probs, text) for log_probs, (_, text) in zip(said, known)]
    return lines


def ours(options: DecodingOptions) -> Dict[str, Decoder]:
    """Return best path, and beam search of several widths with and without a model."""
    decoders: Dict[str, DecodingOptions] = {"best path": replace(options, method="greedy")}
    for model, name in ((None, "no model"), (options.language_model, "with model")):
        if model is not None or name == "no model":
            for width in WIDTHS:
                decoders[f"beam {width}, {name}"] = replace(
                    options, method="beam", beam_width=width, language_model=model
                )
    return {
        name: (lambda line, chosen=chosen: read_line(line, chosen).text)  # type: ignore[misc]
        for name, chosen in decoders.items()
    }


def flashlight(
    model: NGramModel, options: DecodingOptions, charset: Charset, folder: Path
) -> Optional[Decoder]:
    """Return the beam search of flashlight-text, or None if it is not installed."""
    try:
        from flashlight.lib.text import decoder as fl
        from flashlight.lib.text.decoder.kenlm import KenLM
        from flashlight.lib.text.dictionary import Dictionary
    except ImportError:
        return None
    arpa = folder / "model.arpa"
    save_model(model, arpa)
    tokens: Any = Dictionary()
    for symbol in charset.symbols:
        tokens.add_entry("<space>" if symbol == " " else symbol)
    tokens.add_entry("<blank>")
    settings = fl.LexiconFreeDecoderOptions(
        beam_size=25,
        beam_size_token=10,
        beam_threshold=25.0,
        lm_weight=options.lm_weight / np.log10(np.e),  # KenLM's scores are to base 10
        sil_score=0.0,
        log_add=True,
        criterion_type=fl.CriterionType.CTC,
    )
    search: Any = fl.LexiconFreeDecoder(
        settings, KenLM(str(arpa), tokens), -1, charset.blank_index, []
    )

    def decode(line: LogProbs) -> str:
        values = np.ascontiguousarray(line.values, dtype=np.float32)
        best = search.decode(values.ctypes.data, *values.shape)[0].tokens
        merged = [a for a, b in zip(best, [-1, *best]) if a != b]
        return charset.decode(t for t in merged if 0 <= t < charset.blank_index)

    return decode


def measure(decode: Decoder, lines: Sequence[Line]) -> Tuple[float, float, float, float]:
    """Return the mean and 95th percentile of milliseconds per line, CER and WER."""
    milliseconds: List[float] = []
    characters, words = ErrorRate(), ErrorRate()
    for line in lines:
        start = time.process_time()
        text = decode(line.log_probs)
        milliseconds.append((time.process_time() - start) * 1e3)
        characters.add(line.text, text)
        words.add(line.text.split(), text.split())
    return (
        float(np.mean(milliseconds)),
        float(np.percentile(milliseconds, 95)),
        characters.rate,
        words.rate,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--split", default="validation")
    parser.add_argument("--bundle")
    parser.add_argument("--language-model", type=Path, help="in place of the bundle's")
    args = parser.parse_args()
    options = bundled_options(args.bundle)
    if args.language_model:
        options = replace(options, language_model=load_model(args.language_model))
    lines = recognized_lines(args.data, args.split, args.bundle)
    frames = np.mean([len(line.log_probs.values) for line in lines])
    classes = np.mean([(line.log_probs.values > -6).sum(axis=1).mean() for line in lines])
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    print(
        f"{len(lines)} lines, {frames:.0f} frames each, {classes:.2f} classes per frame above -6\n"
    )
    print(f"{'':24s} {'ms per line':>10s} {'95 %':>8s} {'CER':>8s} {'WER':>8s}")
    decoders = ours(options)
    with tempfile.TemporaryDirectory() as folder:
        if options.language_model is not None:
            charset = lines[0].log_probs.charset
            peer = flashlight(options.language_model, options, charset, Path(folder))
            if peer is not None:
                decoders["flashlight-text 25"] = peer
        for name, decode in decoders.items():
            mean, most, cer, wer = measure(decode, lines)
            print(f"{name:24s} {mean:10.2f} {most:8.2f} {cer:8.4f} {wer:8.4f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

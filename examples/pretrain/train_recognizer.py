"""Train the line recognizer's twin on real and synthetic lines, by the clock, resumable.

    python train_recognizer.py --lines runs/lines --fonts FONTS --texts TEXTS --minutes 110 \
        --out runs/recognizer

Run it under `torchrun --nproc-per-node 2` to use two cores: one process a core is faster than two
threads of one process, and bears other work beside it. The same command goes on from the last
checkpoint; `--init` starts from the weights of a bundle, or of another run's `last.pt`, or from the
mean of several.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import torch
import torch.distributed as dist
from cut_lines import CutLine, load
from held_out import HELD_OUT_TEXTS, held_out
from line_source import LineSource, Mixture, as_recognized, collate
from texts import CHARACTERS, TextSource, read_words
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader
from twin import RecognizerConfig, TwinRecognizer, mean_state, state_from_bundle

from htrlib.bundle import load_bundle
from htrlib.charset import Charset
from htrlib.data.handwriting import load_fonts
from htrlib.metrics import ErrorRate

FLAT_SHARE = 0.35  # of the time at the peak rate, before it falls along a cosine
EXTRA_HEAD = 0.1  # weight of the second CTC head
ALIGNED = 1.6  # loss per label: below it, the network has found the alignment
EASY = Mixture(height=48, real_share=0.1, longest=4, columns=4500)
MIXTURES = (  # until that share of the time; low pictures first, they train 1.6 times as fast
    (0.52, Mixture(height=48, real_share=0.55, longest=10, columns=6000)),
    (1.01, Mixture(height=64, real_share=0.65, longest=10, columns=6500)),
)
WEIGHTS = {
    "csafe": 0.7,
    "csafe-found": 1.5,
    "copiste": 1.0,
    "copiste-found": 1.0,
    "testaments": 0.8,
    "testaments-found": 0.8,
}


@dataclass
class Progress:
    """What a resumed run must know."""

    seconds: float = 0.0
    step: int = 0
    lines: int = 0
    aligned: bool = False


def best_path(logits: Tensor, frames: Tensor, charset: Charset) -> List[str]:
    texts = []
    for row, count in zip(logits.argmax(-1), frames):
        labels = torch.unique_consecutive(row[:count]).tolist()
        texts.append(charset.decode(label for label in labels if label != charset.blank_index))
    return texts


def evaluate(model: TwinRecognizer, lines: List[CutLine], charset: Charset, height: int) -> float:
    """CER of the best path."""
    model.eval()
    samples = [(as_recognized(line, height), line.text) for line in lines]
    samples.sort(key=lambda sample: sample[0].shape[1])
    rate = ErrorRate()
    with torch.no_grad():
        for start in range(0, len(samples), 8):
            batch = samples[start : start + 8]
            width = -(-batch[-1][0].shape[1] // 128) * 128
            ink, frames, _, _ = collate([(picture, ()) for picture, _ in batch], width)
            logits, _ = model(as_input(ink))
            for found, (_, text) in zip(best_path(logits, frames, charset), batch):
                rate.add(text, found.strip())
    model.train()
    return rate.rate


def as_input(ink: Tensor) -> Tensor:
    return ink.float().div_(255.0).contiguous(memory_format=torch.channels_last)


class Training:
    """The model, its average, and how far they are."""

    def __init__(
        self,
        out: Path,
        charset: Charset,
        minutes: float,
        peak_rate: float,
        rank: int,
        bfloat16: bool,
    ) -> None:
        config = RecognizerConfig(len(charset) + 1)
        self.out, self.charset, self.minutes, self.rank = out, charset, minutes, rank
        self.peak_rate, self.bfloat16, self.mixtures = peak_rate, bfloat16, MIXTURES
        self.model = TwinRecognizer(config).to(memory_format=torch.channels_last)
        self.average = TwinRecognizer(config).to(memory_format=torch.channels_last)
        self.average.load_state_dict(self.model.state_dict())
        self.optimizer = torch.optim.AdamW(self.model.parameters(), peak_rate, weight_decay=1e-4)
        self.progress = Progress()

    @property
    def done(self) -> float:
        """Share of the time that is over."""
        return self.progress.seconds / (60 * self.minutes)

    def mixture(self) -> Mixture:
        if not self.progress.aligned:
            return EASY
        return next(mixture for until, mixture in self.mixtures if self.done < until)

    def step(self, batch: Tuple[Tensor, ...], clock: float) -> float:
        """One update; returns the loss per label."""
        ink, frames, labels, lengths = batch
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            heads = self.model(as_input(ink))
        losses = [
            functional.ctc_loss(
                functional.log_softmax(logits.float(), -1).transpose(0, 1),
                labels,
                frames,
                lengths,
                blank=self.charset.blank_index,
                zero_infinity=True,
            )
            for logits in heads
        ]
        self.optimizer.zero_grad()
        (losses[0] + EXTRA_HEAD * losses[1]).backward()
        self.progress.seconds += time.time() - clock
        self._share(float(losses[0].detach()))
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 4.0)
        self.optimizer.step()
        self._follow()
        self.progress.step += 1
        self.progress.lines += dist.get_world_size() * len(ink)
        return self._loss

    def _rate(self) -> float:
        fall = max(0.0, (self.done - FLAT_SHARE) / (1 - FLAT_SHARE))
        cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, fall)))
        return self.peak_rate * min(1.0, (self.progress.step + 1) / 200) * cosine

    def _share(self, loss: float) -> None:
        """Average gradients, clocks and losses over the processes, so that all decide alike."""
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        extra = torch.tensor([self.progress.seconds, loss])
        flat = torch.cat([*(gradient.reshape(-1) for gradient in gradients), extra])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()
        self.progress.seconds, self._loss = float(flat[-2]), float(flat[-1])

    def _follow(self) -> None:
        """Let the average follow the model; it is what is kept."""
        keep = min(0.999, (self.progress.step + 1) / (self.progress.step + 20))
        with torch.no_grad():
            for mean, value in zip(
                self.average.state_dict().values(), self.model.state_dict().values()
            ):
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - keep)
                else:
                    mean.copy_(value)

    def save(self) -> None:
        if self.rank:
            return
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": vars(self.progress),
        }
        torch.save(state, self.out / "last.tmp")
        (self.out / "last.tmp").replace(self.out / "last.pt")

    def resume(self) -> None:
        if (self.out / "last.pt").exists():
            saved = torch.load(self.out / "last.pt")
            self.model.load_state_dict(saved["model"])
            self.average.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.progress = Progress(**saved["progress"])

    def start_from(self, sources: Sequence[Path]) -> None:
        """Take over the mean of the weights of bundles, and of the averaged ones of other runs."""
        weights = mean_state([self._weights_of(source) for source in sources])
        self.model.load_state_dict(weights)
        self.average.load_state_dict(weights)
        self.progress.aligned = True
        self.mixtures = MIXTURES[-1:]

    def _weights_of(self, source: Path) -> Dict[str, Tensor]:
        if source.is_dir():
            bundle = load_bundle(source)
            return state_from_bundle(self.model, bundle.parameters("line-recognition"))
        average: Dict[str, Tensor] = torch.load(source)["average"]
        return average


def run(training: Training, source: Any, validation: Dict[str, List[CutLine]]) -> None:
    """Train until the time is over, in one stretch for each mixture."""
    last_save = last_score = time.time()
    while training.done < 1:
        mixture = training.mixture()
        seed = 2 * training.progress.step + 1 + training.rank
        loader = iter(
            DataLoader(source(mixture, seed), batch_size=None, num_workers=1, prefetch_factor=24)
        )
        losses: List[float] = []
        while training.done < 1 and training.mixture() is mixture:
            clock = time.time()
            losses.append(training.step(next(loader), clock))
            if training.progress.step % 50 == 0:
                mean = float(np.mean(losses))
                training.progress.aligned |= mean < ALIGNED
                losses = []
                report(
                    training,
                    step=training.progress.step,
                    lines=training.progress.lines,
                    minutes=training.progress.seconds / 60,
                    height=mixture.height,
                    loss=mean,
                )
            if time.time() - last_save > 240:
                training.save()
                last_save = time.time()
            if training.rank == 0 and time.time() - last_score > 600:
                report(training, **scores(training, validation, mixture.height))
                last_score = time.time()
    training.save()
    if training.rank == 0:
        report(training, **scores(training, validation, MIXTURES[-1][1].height))


def scores(
    training: Training, validation: Dict[str, List[CutLine]], height: int
) -> Dict[str, float]:
    return {
        f"validation_cer_{name}": evaluate(training.average, lines, training.charset, height)
        for name, lines in validation.items()
    }


def report(training: Training, **values: float) -> None:
    if training.rank == 0:
        print(json.dumps({name: round(value, 4) for name, value in values.items()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--init", type=Path, nargs="+")
    parser.add_argument("--peak-rate", type=float, default=1.2e-3, help="of learning")
    parser.add_argument(
        "--bfloat16", action="store_true", help="1.8 times as fast where the CPU has AVX512-BF16"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29511")
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    dist.init_process_group("gloo", rank=rank, world_size=world)
    torch.manual_seed(rank)
    args.out.mkdir(parents=True, exist_ok=True)

    charset = Charset(tuple(CHARACTERS))
    real = {
        name: [
            line
            for line in load(args.lines / f"{name}_train.npz")
            if not charset.unknown(line.text)
        ]
        for name in WEIGHTS
    }
    fonts = load_fonts(args.fonts, [c for c in CHARACTERS if c != " "])
    french = [
        word
        for name in ("copiste", "testaments")
        for line in real[name]
        if not line.consent
        for word in line.text.split()
    ]
    books = sorted(args.texts.glob("*.txt"))
    texts = TextSource(read_words([b for b in books if b.stem not in HELD_OUT_TEXTS]), french)
    other = TextSource(read_words([b for b in books if b.stem in HELD_OUT_TEXTS]), french)

    def source(mixture: Mixture, seed: int) -> LineSource:
        seen = [font for font in fonts if not held_out(font.path)]
        return LineSource(real, WEIGHTS, seen, texts, charset, mixture, seed)

    unseen = [font for font in fonts if held_out(font.path)]
    fresh = LineSource({}, {}, unseen, other, charset, MIXTURES[-1][1], 0)
    rng = np.random.default_rng(7)
    drawn = (fresh.synthetic(rng) for _ in range(60))
    validation = {
        "csafe": load(args.lines / "csafe_validation.npz"),
        "csafe-found": load(args.lines / "csafe-found_validation.npz"),
        "copiste": [x for x in load(args.lines / "copiste_validation.npz") if not x.consent][::3],
        "synthetic": [CutLine(ink | 1, text, False) for ink, text in drawn],
    }
    training = Training(args.out, charset, args.minutes, args.peak_rate, rank, args.bfloat16)
    if args.init:
        training.start_from(args.init)
    training.resume()
    run(training, source, validation)


if __name__ == "__main__":
    main()

"""One training of the twin: its weights, their average, the learning rate by the clock."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, List, Sequence, Tuple

import numpy as np
import torch
import torch.distributed as dist
from line_source import collate
from line_store import CutLine, as_recognized
from muon import Muon, split_for_muon
from precision import autocast
from texts import KIN
from torch import Tensor
from torch.nn import functional
from twin import TwinRecognizer, state_from_bundle

from htrlib.bundle import Bundle
from htrlib.document.charset import Charset
from htrlib.engines.network_shapes import RecognizerConfig

HEIGHT = 64  # of the network's input
EXTRA_HEAD = 0.1  # weight of the second CTC head
WARM_UP = 200  # steps
WEIGHT_DECAY = 1e-4  # of a step, in learning rates
FOLLOW_EVERY = 8  # steps from one update of the average to the next
KEEP = 0.999  # of the average, a step
RARE = 3.0  # how much lower than its kin's the bias of a new symbol starts
Batch = Tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Schedule:
    """The learning rate over the time of day.

    Attributes:
        end: when the training ends, in seconds since the epoch.
        peak: the highest rate.
        flat: share of the time at the peak, before it falls along a cosine to a hundredth.
    """

    end: float
    peak: float = 1e-3
    flat: float = 0.4

    def rate(self, done: float, step: int) -> float:
        """The rate when that share of the time is over."""
        fall = min(1.0, max(0.0, (done - self.flat) / (1 - self.flat)))
        cosine = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * fall))
        return self.peak * min(1.0, (step + 1) / WARM_UP) * cosine


@dataclass
class Progress:
    """What a resumed run must know; times in seconds since the epoch.

    Attributes:
        extra_head: weight of the second CTC head in the loss.
    """

    started: float
    extra_head: float = EXTRA_HEAD
    step: int = 0
    lines: int = 0
    scored: float = 0.0
    saved: float = 0.0


def as_input(ink: Tensor) -> Tensor:
    """(N, 1, H, W) uint8 -> float32 in [0, 1], in the layout that convolutions like."""
    return ink.float().div_(255.0).contiguous(memory_format=torch.channels_last)


def best_path(logits: Tensor, frames: Tensor, charset: Charset) -> List[str]:
    """The texts of (N, T, C) logits, of each the first `frames`."""
    texts = []
    for row, count in zip(logits.argmax(-1), frames):
        labels = torch.unique_consecutive(row[:count]).tolist()
        texts.append(charset.decode(label for label in labels if label != charset.blank_index))
    return texts


def read(model: TwinRecognizer, lines: Sequence[CutLine], charset: Charset) -> List[str]:
    """The best paths of lines, in their order."""
    model.eval()
    samples = [as_recognized(line, HEIGHT) for line in lines]
    order = sorted(range(len(samples)), key=lambda index: samples[index].shape[1])
    texts = [""] * len(samples)
    with torch.no_grad(), autocast():
        for start in range(0, len(order), 8):
            chosen = order[start : start + 8]
            width = -(-samples[chosen[-1]].shape[1] // 128) * 128
            ink, frames, _, _ = collate([(samples[index], ()) for index in chosen], width)
            logits, _ = model(as_input(ink))
            for index, text in zip(chosen, best_path(logits.float(), frames, charset)):
                texts[index] = text.strip()
    model.train()
    return texts


class Training:
    """The model, its average, and how far they are; one of several processes."""

    def __init__(
        self, out: Path, charset: Charset, schedule: Schedule, rank: int, config: RecognizerConfig
    ) -> None:
        self.config = config
        self.out, self.charset, self.schedule, self.rank = out, charset, schedule, rank
        self.model = TwinRecognizer(config).to(memory_format=torch.channels_last)
        self.average = TwinRecognizer(config).to(memory_format=torch.channels_last)
        self.average.load_state_dict(self.model.state_dict())
        for_muon, for_adam = split_for_muon(self.model)
        self.optimizers = {
            "muon": Muon(for_muon, schedule.peak, WEIGHT_DECAY),
            "adam": torch.optim.AdamW(for_adam, schedule.peak, weight_decay=WEIGHT_DECAY),
        }
        clock = torch.tensor([time.time()], dtype=torch.float64)
        dist.broadcast(clock, 0)  # or else the processes would differ on when time is over
        self._zero = self.now = float(clock)
        self.progress = Progress(started=self.now)

    @property
    def done(self) -> float:
        """Share of the time that is over, the same in all processes."""
        started = self.progress.started
        return (self.now - started) / max(1e-6, self.schedule.end - started)

    @property
    def rate(self) -> float:
        return self.schedule.rate(self.done, self.progress.step)

    def step(self, batch: Batch) -> float:
        """One update; returns the loss per label."""
        ink, frames, labels, lengths = batch
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = self.rate
        with autocast():
            heads = self.model(as_input(ink))
        weights = (1.0, self.progress.extra_head)
        losses = [
            functional.ctc_loss(
                functional.log_softmax(logits.float(), -1).transpose(0, 1),
                labels,
                frames,
                lengths,
                blank=self.charset.blank_index,
                zero_infinity=True,
            )
            for logits, weight in zip(heads, weights)
            if weight
        ]
        self.model.zero_grad()
        sum(weight * loss for weight, loss in zip(weights, losses)).backward()
        loss, lines = self._share(float(losses[0].detach()), len(ink))
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 4.0)
        for optimizer in self.optimizers.values():
            optimizer.step()
        self._follow()
        self.progress.step += 1
        self.progress.lines += lines
        return loss

    def _share(self, loss: float, count: int) -> Tuple[float, int]:
        """Average gradients, clocks and losses over the processes, so that all decide alike."""
        if dist.get_world_size() == 1:
            self.now = time.time()
            return loss, count
        gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
        extra = torch.tensor([time.time() - self._zero, loss, float(count)])
        flat = torch.cat([*(gradient.reshape(-1) for gradient in gradients), extra])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()
        self.now = self._zero + float(flat[-3])
        return float(flat[-2]), round(float(flat[-1]) * dist.get_world_size())

    def _follow(self) -> None:
        """Let the average follow the model; it is what is kept."""
        step = self.progress.step
        if step % FOLLOW_EVERY:
            return
        keep = min(KEEP**FOLLOW_EVERY, (step + FOLLOW_EVERY) / (step + 8 * FOLLOW_EVERY))
        with torch.no_grad():
            for mean, value in zip(
                self.average.state_dict().values(), self.model.state_dict().values()
            ):
                if mean.is_floating_point():
                    mean.lerp_(value, 1 - keep)
                else:
                    mean.copy_(value)

    def save(self) -> None:
        """Write `last.pt`, at once or not at all."""
        self.progress.saved = self.now
        if self.rank:
            return
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            **{name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "progress": vars(self.progress),
            "symbols": self.charset.symbols,
            "config": asdict(self.config),
        }
        torch.save(state, self.out / "last.tmp")
        (self.out / "last.tmp").replace(self.out / "last.pt")

    def resume(self) -> bool:
        """Go on from `last.pt`; whether there was one."""
        path = self.out / "last.pt"
        if not path.exists():
            return False
        saved = torch.load(path)
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(saved[name])
        self.progress = Progress(**saved["progress"])
        return True

    def start_from(self, bundle: Bundle) -> None:
        """Take over a bundle's weights; symbols that it lacks start as rare copies of their kin.

        The second head, which bundles lack, stays out of the loss: it would have to begin anew,
        though it helps a network to begin, and pull at layers that have learned.
        """
        parameters = grown(
            dict(bundle.parameters("line-recognition")), bundle.charset, self.charset
        )
        weights = state_from_bundle(self.model, parameters)
        self.model.load_state_dict(weights)
        self.average.load_state_dict(weights)
        self.progress.extra_head = 0.0


def grown(parameters: Any, old: Charset, new: Charset) -> Any:
    """A recognizer's parameters with rows of the head for the symbols that `new` adds.

    Args:
        parameters: Gluon name -> array.
        old, new: `new` begins with the symbols of `old`.
    Raises:
        ValueError: it does not.
    """
    known = len(old)
    if new.symbols[:known] != old.symbols:
        raise ValueError("a recognizer can only grow: the new charset must begin with the old one")
    rows = [old.symbols.index(KIN[symbol]) for symbol in new.symbols[known:]]
    for name, less in (("head.weight", 0.0), ("head.bias", RARE)):
        value = parameters[name]
        added = value[rows] - np.float32(less)
        parameters[name] = np.concatenate([value[:known], added, value[known:]])
    return parameters

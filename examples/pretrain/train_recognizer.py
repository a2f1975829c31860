"""Train the line recognizer's twin on real and synthetic lines, by the clock, resumable.

    python train_recognizer.py --lines LINES.pkl ... --fonts DIR --texts DIR --minutes 110 --out runs/
"""

from __future__ import annotations

import argparse
import json
import os
import math
import pickle
import time
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset
from twin import RecognizerConfig, TwinRecognizer
from texts import CHARACTERS, TextSource, folded, read_words

from htrlib.charset import Charset
from htrlib.data.augment import LineAugmentation
from htrlib.data.handwriting import draw_line, load_fonts
from htrlib.metrics import ErrorRate

HELD_OUT_FONTS = (
    "beth-ellen covered-by-your-grace give-you-glory homemade-apple kristi marck-script "
    "nothing-you-could-do reenie-beanie shadows-into-light waiting-for-the-sunrise"
).split()
HELD_OUT_TEXTS = ("alice", "katrine")
SOURCE_MARGIN = 0.30
Line = Tuple[np.ndarray, str]


def held_out_font(path: Path) -> bool:
    return any(path.name.startswith(name) for name in HELD_OUT_FONTS)


class Lines(IterableDataset):
    """Batches of (ink (N, 1, H, W), widths, labels, lengths), endless."""

    def __init__(self, real: Dict[str, List[Line]], weights: Dict[str, float], fonts: Any,
                 texts: TextSource, charset: Charset, height: int, real_share: float,
                 longest: int, columns: int, seed: int) -> None:
        self.real, self.weights = real, weights
        self.fonts, self.texts, self.charset = fonts, texts, charset
        self.height, self.real_share, self.longest = height, real_share, longest
        self.columns, self.seed = columns, seed
        self.augment = LineAugmentation()

    def sample(self, rng: np.random.Generator) -> Tuple[np.ndarray, Tuple[int, ...]]:
        while True:
            if rng.random() < self.real_share:
                names = list(self.real)
                p = np.array([self.weights[n] * len(self.real[n]) for n in names])
                name = names[rng.choice(len(names), p=p / p.sum())]
                ink, text = self.real[name][int(rng.integers(len(self.real[name])))]
                masked = rng.random() < 0.6
                ink = np.where(ink & 1, ink, 0) if masked else ink
            else:
                ink, text = self.synthetic(rng)
            picture = self.augment(np.ascontiguousarray(ink, dtype=np.uint8), self.height, SOURCE_MARGIN, rng)
            labels = self.charset.encode(text)
            frames = math.ceil(picture.shape[1] / 4)
            if frames >= len(labels) + sum(a == b for a, b in zip(labels, labels[1:])) and picture.shape[1] <= 2400:
                return picture, labels

    def synthetic(self, rng: np.random.Generator) -> Line:
        while True:
            font = self.fonts[int(rng.integers(len(self.fonts)))]
            text = self.texts.line(rng, self.longest)
            if font.covers(text):
                break
        drawn = draw_line(text, font, 60, rng)
        ink = np.zeros((96, drawn.ink.shape[1] + int(rng.integers(8, 40))), np.uint8)
        base = 18 + round(60 * font.ascent / (font.ascent + font.descent)) + int(rng.integers(-4, 5))
        left = int(rng.integers(2, 1 + ink.shape[1] - drawn.ink.shape[1]))
        paste(ink, drawn.ink, left, base - drawn.baseline)
        if rng.random() < 0.3:  # a neighbouring line's loops reach in
            other = draw_line(self.texts.line(rng, self.longest), font, 60, rng) if rng.random() < 0.0 else drawn
            shift = int(rng.integers(52, 80)) * (1 if rng.random() < 0.5 else -1)
            paste(ink, other.ink, left + int(rng.integers(-60, 60)), base - drawn.baseline + shift)
        if rng.random() < 0.15:
            row = base + int(rng.integers(-2, 5))
            ink[row : row + int(rng.integers(1, 3))] = np.maximum(ink[row : row + 1], int(rng.integers(40, 200)))
        return ink, drawn.text

    def __iter__(self) -> Iterator[Tuple[Tensor, Tensor, Tensor, Tensor]]:
        rng = np.random.default_rng(self.seed)
        waiting: Dict[int, List[Any]] = {}  # few shapes: each new one costs a second to plan
        while True:
            sample = self.sample(rng)
            width = -(-sample[0].shape[1] // 128) * 128
            bucket = waiting.setdefault(width, [])
            bucket.append(sample)
            if len(bucket) == min(48, max(1, self.columns // width)):
                yield collate(waiting.pop(width), width)


def paste(canvas: np.ndarray, ink: np.ndarray, left: int, top: int) -> None:
    h, w = canvas.shape
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(h, top + ink.shape[0]), min(w, left + ink.shape[1])
    if y1 > y0 and x1 > x0:
        np.maximum(canvas[y0:y1, x0:x1], ink[y0 - top:y1 - top, x0 - left:x1 - left], out=canvas[y0:y1, x0:x1])


def collate(batch: List[Any], width: int) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    ink = np.zeros((len(batch), 1, batch[0][0].shape[0], width), np.uint8)
    for i, (picture, _) in enumerate(batch):
        ink[i, 0, :, : picture.shape[1]] = picture
    labels = torch.tensor([l for s in batch for l in s[1]])
    return (torch.from_numpy(ink), torch.tensor([-(-s[0].shape[1] // 4) for s in batch]), labels,
            torch.tensor([len(s[1]) for s in batch]))


def best_path(logits: Tensor, frames: Tensor, charset: Charset) -> List[str]:
    out = []
    for row, n in zip(logits.argmax(-1), frames):
        ids = torch.unique_consecutive(row[:n]).tolist()
        out.append(charset.decode(i for i in ids if i != charset.blank_index))
    return out


def plain(ink: np.ndarray, height: int, margin: float = 0.08) -> np.ndarray:
    """A line as recognition cuts it: masked, with the margin that it keeps."""
    from PIL import Image
    line = ink.shape[0] / (1 + 2 * SOURCE_MARGIN)
    cut = round((SOURCE_MARGIN - margin) * line)
    ink = np.where(ink & 1, ink, 0).astype(np.uint8)[cut: ink.shape[0] - cut]
    return np.asarray(Image.fromarray(ink).resize((max(8, round(ink.shape[1] * height / ink.shape[0])), height), Image.Resampling.BILINEAR))


def evaluate(model: TwinRecognizer, lines: List[Line], charset: Charset, height: int) -> float:
    model.eval()
    samples = sorted(((plain(ink, height), text) for ink, text in lines), key=lambda s: s[0].shape[1])
    rate = ErrorRate()
    with torch.no_grad():
        for i in range(0, len(samples), 8):
            batch = samples[i:i + 8]
            ink, frames, _, _ = collate([(p, ()) for p, _ in batch], -(-batch[-1][0].shape[1] // 128) * 128)
            logits, _ = model(as_input(ink))
            for got, (_, text) in zip(best_path(logits, frames, charset), batch):
                rate.add(text, got.strip())
    model.train()
    return rate.rate


def as_input(ink: Tensor) -> Tensor:
    return ink.float().div_(255.0).contiguous(memory_format=torch.channels_last)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=Path, default=Path("/tmp/lines"))
    parser.add_argument("--fonts", type=Path, required=True)
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rank = int(os.environ.get("RANK", "0"))
    # One process a core: faster than two threads of one, and it bears other work beside it.
    dist.init_process_group("gloo")
    torch.manual_seed(rank)
    args.out.mkdir(parents=True, exist_ok=True)
    charset = Charset(tuple(CHARACTERS))
    real = {n: [(l[0], folded(l[1])) for l in pickle.loads((args.lines / f"{n}_train.pkl").read_bytes())]
            for n in ("csafe", "copiste", "testaments")}
    real = {n: [l for l in ls if not charset.unknown(l[1]) and l[1]] for n, ls in real.items()}
    validation = {n: [(l[0], folded(l[1])) for l in pickle.loads((args.lines / f"{n}_validation.pkl").read_bytes()) if len(l[2]) < 4 or not l[2][3]]
                  for n in ("csafe", "copiste")}
    validation["copiste"] = validation["copiste"][::3]
    fonts = load_fonts(args.fonts, [c for c in CHARACTERS if c != " "])
    english = read_words(sorted(p for p in args.texts.glob("*.txt") if p.stem not in HELD_OUT_TEXTS))
    french = [w for n in ("copiste", "testaments") for ink, t in real[n] for w in t.split()]
    texts = TextSource(english, french)
    held = Lines({}, {}, [f for f in fonts if held_out_font(f.path)], TextSource(read_words([args.texts / f"{n}.txt" for n in HELD_OUT_TEXTS]), french), charset, 64, 0, 8, 0, 7)
    rng = np.random.default_rng(7)
    validation["synthetic"] = [(i | 1, t) for i, t in (held.synthetic(rng) for _ in range(60))]
    fonts = [f for f in fonts if not held_out_font(f.path)]
    model = TwinRecognizer(RecognizerConfig(len(charset) + 1)).to(memory_format=torch.channels_last)
    average = TwinRecognizer(RecognizerConfig(len(charset) + 1)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=1e-4)
    state = {"elapsed": 0.0, "step": 0, "lines": 0}
    if (args.out / "last.pt").exists():
        saved = torch.load(args.out / "last.pt")
        model.load_state_dict(saved["model"]); average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"]); state = saved["state"]
    else:
        average.load_state_dict(model.state_dict())
    total = args.minutes * 60
    phases = [  # until fraction of time, height, real share, longest line, columns a batch
        (0.05, 48, 0.15, 3, 10000), (0.12, 48, 0.3, 7, 14000), (0.5, 48, 0.55, 10, 14000), (1.01, 64, 0.65, 10, 14000)]
    last_eval = last_save = time.time()
    while state["elapsed"] < total:
        fraction = state["elapsed"] / total
        until, height, share, longest, columns = next(p for p in phases if fraction < p[0])
        data = Lines(real, {"csafe": 1.5, "copiste": 1.0, "testaments": 0.8}, fonts, texts, charset, height, share, longest, columns, 2 * state["step"] + 1 + rank)
        loader = iter(DataLoader(data, batch_size=None, num_workers=1, prefetch_factor=24))
        running, count = 0.0, 0
        tick = time.time()
        while state["elapsed"] / total < until and state["elapsed"] < total:
            ink, frames, labels, lengths = next(loader)
            f = state["elapsed"] / total
            rate = 1.2e-3 * min(1.0, (state["step"] + 1) / 200) * (1.0 if f < 0.35 else 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (f - 0.35) / 0.65)))
            for group in optimizer.param_groups:
                group["lr"] = rate
            logits, extra = model(as_input(ink))
            loss = sum(w * functional.ctc_loss(functional.log_softmax(x, -1).transpose(0, 1), labels, frames, lengths, blank=charset.blank_index, zero_infinity=True)
                       for w, x in ((1.0, logits), (0.1, extra)))
            optimizer.zero_grad()
            loss.backward()
            now = time.time(); state["elapsed"] += now - tick; tick = now
            share_gradients(model, state)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 4.0)
            optimizer.step()
            decay = min(0.999, (state["step"] + 1) / (state["step"] + 20))
            with torch.no_grad():
                for a, b in zip(average.state_dict().values(), model.state_dict().values()):
                    a.copy_(b) if not a.is_floating_point() else a.lerp_(b, 1 - decay)
            state["step"] += 1; state["lines"] += 2 * len(ink); running += float(loss.detach()); count += 1
            now = time.time()
            if rank == 0 and state["step"] % 50 == 0:
                print(f"step {state['step']} lines {state['lines']} min {state['elapsed'] / 60:.1f} h {height} loss {running / count:.3f} lr {rate:.5f}", flush=True)
                running, count = 0.0, 0
            if rank == 0 and now - last_eval > 480:
                h = height
                scores = {n: round(evaluate(average, ls, charset, h), 4) for n, ls in validation.items()}
                print("eval", json.dumps(scores), flush=True)
                last_eval = time.time()
            if rank == 0 and now - last_save > 240:
                save(args.out, model, average, optimizer, state)
                last_save = time.time()
        del loader
    if rank:
        return
    save(args.out, model, average, optimizer, state)
    print("final", json.dumps({n: round(evaluate(average, ls, charset, 64), 4) for n, ls in validation.items()}), flush=True)


def share_gradients(model: TwinRecognizer, state: Dict[str, Any]) -> None:
    """Average the processes' gradients and clocks."""
    gradients = [p.grad for p in model.parameters()]
    flat = torch.cat([*(g.reshape(-1) for g in gradients), torch.tensor([state["elapsed"]])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    at = 0
    for g in gradients:
        g.copy_(flat[at : at + g.numel()].view_as(g))
        at += g.numel()
    state["elapsed"] = float(flat[-1])


def save(out: Path, model: Any, average: Any, optimizer: Any, state: Dict[str, Any]) -> None:
    torch.save({"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict(), "state": state}, out / "last.tmp")
    (out / "last.tmp").replace(out / "last.pt")


if __name__ == "__main__":
    main()

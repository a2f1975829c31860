from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from htrlib.training.batches.augmentation import LineAugmentation
from htrlib.training.batches.lines import LineBatches, fewest_padding
from htrlib.training.batches.picture_file import Pictures


@given(st.lists(st.integers(0, 9), min_size=2, max_size=7), st.integers(1, 4))
def test_the_widths_chosen_pad_the_least(counts, most):
    def padded(steps):
        return sum(
            count * min(step for step in steps if step >= width)
            for width, count in enumerate(counts)
            if width
        )

    last = len(counts) - 1
    chosen = fewest_padding([0, *counts[1:]], most)
    assert len(chosen) <= most
    assert chosen[-1] == last
    assert list(chosen) == sorted(set(chosen))
    import itertools

    every = (
        (*steps, last)
        for size in range(most)
        for steps in itertools.combinations(range(1, last), size)
    )
    counts = [0, *counts[1:]]
    assert padded(chosen) == min(padded(steps) for steps in every)


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    def make(widths, labels, **options):
        path = tmp_path_factory.mktemp("lines") / "pixels"
        rng = np.random.default_rng(0)
        path.write_bytes(rng.integers(0, 256, 48 * sum(widths), dtype=np.uint8).tobytes())
        pictures = Pictures(path, [(48, width) for width in widths], list(range(len(widths))))
        values = {
            "margin": 0.3,
            "height": 32,
            "frame_width": 4,
            "max_width": 1024,
            "columns": 512,
            "augmentation": LineAugmentation(),
            "seed": 1,
            **options,
        }
        return LineBatches(pictures, tuple(labels), **values)

    return make


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(40, 700), min_size=3, max_size=40), st.integers(0, 5), st.data())
def test_an_epoch_takes_every_line_once(make, widths, epoch, data):
    devices = data.draw(st.integers(1, 3))
    batches = make(widths, [(0, 1)] * len(widths), devices=devices)
    lines = range(len(widths))
    plans = batches.plan(epoch, lines, batches.widths(lines))
    taken = Counter(line for plan in plans for line, _ in plan.rows)
    assert set(taken) == set(lines)
    surplus = sum(taken.values()) - len(widths)
    assert surplus < batches.rows_of(min(plan.width for plan in plans))
    for plan in plans:
        assert len(plan.rows) >= min(devices, len(widths))
        shares = [plan.share(rank, devices).rows for rank in range(devices)]
        assert sorted(row for rows in shares for row in rows) == sorted(plan.rows)


def test_a_batch_holds_what_its_plan_says(make):
    batches = make([200, 300, 90, 400], [(0, 1, 2), (3,), (1, 1), (2, 0)])
    lines = range(4)
    for plan in batches.plan(3, lines, batches.widths(lines)):
        batch = batches.make(plan)
        assert batch["ink"].shape == (len(plan.rows), 1, 32, plan.width)
        for row, (line, attempt) in enumerate(plan.rows):
            width = batches.picture(line, 3, attempt).shape[1]
            assert width <= plan.width
            assert not batch["ink"][row, 0, :, width:].any()
            assert batch["frames"][row] == -(-width // 4) >= batches.frames_needed(line)
            labels = batch["labels"][row]
            assert tuple(labels[labels >= 0].astype(int)) == batches.labels[line]
            assert batch["lengths"][row] == len(batches.labels[line])


def test_a_line_that_just_fits_is_never_made_too_narrow_for_its_text(make):
    batches = make([60], [tuple(range(14))])
    assert batches.plain_width(0) // 4 == 14
    for epoch in range(30):
        (plan,) = batches.plan(epoch, [0], [64, 128])
        assert batches.make(plan)["frames"][0] >= 14

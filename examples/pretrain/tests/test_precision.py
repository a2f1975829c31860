"""The precision in which a CPU trains fastest: `precision.py`."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture
def precision(script):
    module = script("precision")
    module.fastest.cache_clear()
    yield module
    module.fastest.cache_clear()


def say(monkeypatch, supported):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: supported)


@pytest.mark.parametrize(("supported", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_cpu_computes_in_the_type_that_it_is_fast_in(precision, monkeypatch, supported, dtype):
    say(monkeypatch, supported)
    with precision.autocast():
        assert torch.nn.Linear(4, 4)(torch.ones(2, 4)).dtype == dtype


def test_muon_computes_in_float32_where_that_is_faster(precision, script, monkeypatch):
    say(monkeypatch, False)
    torch.manual_seed(1)
    matrices = torch.randn(2, 8, 8)
    exact = script("muon").orthogonalized(matrices)
    say(monkeypatch, True)
    precision.fastest.cache_clear()
    rough = script("muon").orthogonalized(matrices)
    assert not torch.equal(exact, rough)
    torch.testing.assert_close(exact, rough, atol=0.1, rtol=0)

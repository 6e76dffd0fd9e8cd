"""A network that torch.compile computes: plain torch's numbers, a limited number of compilations, and no trace."""

import shutil

import pytest
import torch

from igo.painting.engines import choosing, compiling, part
from tests.builders.networks import Network, Pipeline, both, picture

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, choosing.COMPILERS)),
    reason="there is no C++ compiler, which torch.compile needs on a CPU",
)


@pytest.mark.slow
def test_it_computes_what_torch_does_a_few_times_and_goes_without_a_trace(monkeypatch):
    monkeypatch.setattr(compiling, "COMPILATIONS", 3)
    network, ledger = Network().eval(), part.Ledger()
    before, strides, pipeline = set(vars(network)), network.first.weight.stride(), Pipeline(network)
    choosing.put_in(pipeline, "compile", ledger)
    assert torch.allclose(*both(network), atol=1e-6)
    assert torch.allclose(*both(network), atol=1e-6)
    with torch.no_grad():
        network.first.bias += 1
    assert torch.allclose(*both(network), atol=1e-6)
    assert torch.allclose(*both(network, *picture(7)), atol=1e-6)
    assert ledger.since() == {"unet": {"": 4}}
    assert torch.equal(*both(network, *picture(8)))
    assert ledger.since()["unet"] == {"": 4, "it has been compiled 3 times, for other sizes": 1}
    part.take_out(pipeline)
    assert set(vars(network)) == before
    assert network.first.weight.stride() == strides


def test_what_cannot_be_compiled_is_left_to_torch(monkeypatch):
    def broken(*given, **options):
        raise RuntimeError("no such backend")

    monkeypatch.setattr(torch, "compile", lambda function, **options: broken)
    network, ledger = Network().eval(), part.Ledger()
    choosing.put_in(Pipeline(network), "compile", ledger)
    assert torch.equal(*both(network))
    assert torch.equal(*both(network))
    assert ledger.since() == {"unet": {"torch.compile can't compile it (RuntimeError)": 2}}

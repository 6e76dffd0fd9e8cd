"""A network that OpenVINO computes: it follows its weights, refuses what it can't do, and goes without a trace."""

import pickle
from copy import deepcopy

import pytest
import torch
from torch import nn

from igo.painting.engines import cache, choosing, part
from tests.builders.networks import Network, Pipeline, both, picture

openvino = pytest.importorskip("igo.painting.engines.openvino")
pytest.importorskip("openvino", reason="OpenVINO is not installed: pip install 'igo[openvino]'")


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """A cache of this test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return cache.folder()


@pytest.fixture
def network():
    return Network().eval()


@pytest.fixture
def ledger(network):
    made = part.Ledger()
    choosing.put_in(Pipeline(network), "openvino", made)
    return made


@pytest.mark.slow
def test_all_sizes_and_kinds_of_call(network, ledger):
    for given in (picture(), picture(7, 4), picture(9, 5, 2), picture(6, 4, 3)):
        for options in ({}, {"return_dict": False, "extra": {"one": torch.ones(1)}}):
            assert torch.allclose(*both(network, *given, **options), atol=1e-6)
    with torch.inference_mode():
        found = network(*picture())
    assert found[1][0] is None
    assert torch.allclose(found[1][1], found[0].mean(), atol=1e-6)
    assert ledger.since() == {"unet": {"": 9}}
    models = [place for place in cache.folder().iterdir() if (place / openvino.FILE).exists()]
    assert len(models) == 4, "two ways, of two kinds of call"


@pytest.mark.slow
def test_weights_and_settings_are_followed(network, ledger):
    def in_place(weight):
        weight.data += 0.5  # which autograd doesn't see

    def replaced(weight):
        network.inner[1].weight = nn.Parameter(weight - 0.25, requires_grad=False)

    def scaled(_):
        network.strength = 3.0

    for change in (lambda weight: None, in_place, replaced, scaled):
        change(network.inner[1].weight)
        assert torch.allclose(*both(network), atol=1e-6)
    assert ledger.since() == {"unet": {"": 4}}


@pytest.mark.slow
def test_one_state_too_many_is_left_to_torch(network, ledger, monkeypatch):
    monkeypatch.setattr(part, "STATES", 2)
    for strength in (1.0, 2.0, 3.0, 1.0):
        network.strength = strength
        assert torch.allclose(*both(network), atol=1e-6)
    assert ledger.since()["unet"] == {"": 3, "its weights or adapters' scales are at more than 2 states": 1}


def test_what_it_cannot_do_is_left_to_torch(network, ledger):
    network(*picture())[0].mean().backward()
    assert network.first.weight.grad is not None
    for given, options in (((picture()[0], 0.5), {}), (picture(), {"extra": {"one": 2}})):
        found, expected = both(network, *given, **options)
        assert torch.equal(found, expected)
    network.double()
    found, _ = both(network, picture()[0].double(), picture()[1])
    assert found.dtype == torch.float64
    network.float()
    network.inner[0].register_forward_hook(lambda module, inputs, output: output + 1)
    assert torch.equal(*both(network))
    assert ledger.since() == {
        "unet": {
            "'extra' has a int": 1,
            "'inner.0' in it is hooked or replaced": 1,
            "'scale' has a float": 1,
            "gradients are asked for": 1,
            "it is in float64, and OpenVINO is given float32": 1,
        }
    }
    with pytest.raises(TypeError, match="picture"):
        network()


def test_it_goes_without_a_trace_and_copies_are_their_own(network):
    before, plain = set(vars(network)), both(network)[0]
    pipeline, ledger = Pipeline(network), part.Ledger()
    choosing.put_in(pipeline, "openvino", ledger)
    both(network)
    copied = deepcopy(network)
    with torch.no_grad():
        copied.first.bias += 1
    assert torch.allclose(*both(copied), atol=1e-6)
    assert torch.allclose(*both(pickle.loads(pickle.dumps(network))), atol=1e-6)
    assert torch.allclose(both(network)[0], plain, atol=1e-6)
    choosing.put_in(pipeline, "openvino", ledger)
    assert ledger.left == {"unet": "a step before has replaced its forward"}
    part.take_out(pipeline)
    assert set(vars(network)) == before
    assert torch.equal(both(network)[0], plain)


@pytest.mark.parametrize("first", [pytest.param("engine", marks=pytest.mark.slow), "others"])
def test_networks_by_which_one_is_computed_are_computed(network, first):
    other, (given, scale), ledger = Network().eval(), picture(), part.Ledger()
    expected = network(given, scale)[0], other(given, scale)[0]
    steps = [lambda: choosing.put_in(Pipeline(network), "openvino", ledger)]
    steps.insert(first == "engine", lambda: part.divide(network, {"outer": other}))
    for step in steps:
        step()
        vars(network).setdefault("forward", lambda *given: other(*given))  # as who divides a network does
    assert isinstance(vars(other)["forward"], openvino.OpenVINOPart)
    with torch.no_grad():
        found = network(given, scale)[0], other(given, scale)[0]
    assert torch.allclose(found[0], expected[first == "others"], atol=1e-6)
    assert torch.allclose(found[1], expected[1], atol=1e-6)
    assert set(ledger.since()) == ({"unet.outer"} if first == "others" else {"unet", "unet.outer"})
    assert not ledger.left


def conversions(monkeypatch):
    """Counted from here on."""
    made, convert = [], openvino.OpenVINOPart._convert
    monkeypatch.setattr(openvino.OpenVINOPart, "_convert", lambda self, call: made.append(1) or convert(self, call))
    return made


@pytest.mark.slow
def test_a_conversion_is_kept_and_a_broken_one_made_anew(network, kept, monkeypatch):
    made = conversions(monkeypatch)

    def answer():
        pipeline, ledger = Pipeline(network), part.Ledger()
        choosing.put_in(pipeline, "openvino", ledger)
        found = both(network)[0]
        part.take_out(pipeline)
        assert ledger.since() == {"unet": {"": 1}}
        return found

    first = answer()
    assert torch.equal(answer(), first)
    assert len(made) == 1
    for number, name in enumerate(("model.bin", "about.json"), 2):
        (place,) = kept.iterdir()
        (place / name).write_bytes((place / name).read_bytes()[:-7])
        assert torch.equal(answer(), first)
        assert len(made) == number
    (place,) = kept.iterdir()
    cache.clear()
    assert torch.equal(answer(), first)
    assert [one.name for one in kept.iterdir()] == [place.name]


def test_a_cache_that_cannot_be_written_is_none(network, ledger, kept):
    kept.parent.parent.mkdir(exist_ok=True)
    kept.parent.write_text("a file where the folder would be")
    for given in (picture(), picture(), picture(8)):
        assert torch.allclose(*both(network, *given), atol=1e-6)
    assert ledger.since() == {"unet": {"": 3}}


def test_a_conversion_that_computes_something_else_is_not_used(network, ledger, monkeypatch):
    compiled = openvino._compiled

    def wrong(*given):
        run = compiled(*given)
        return lambda tensors: [one + 1 if isinstance(one, torch.Tensor) else one for one in run(tensors)]

    monkeypatch.setattr(openvino, "_compiled", wrong)
    assert torch.equal(*both(network))
    made = conversions(monkeypatch)
    assert torch.equal(*both(network))
    assert not made
    assert ledger.since() == {"unet": {"OpenVINO computes it otherwise than torch": 2}}

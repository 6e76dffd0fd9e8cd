"""RRDBNet: upstream's names, how far it sees, strips, and files."""

import pytest
import torch

from igo.errors import CheckpointError
from igo.networks.files import load_srvgg, network_of, read_state
from igo.networks.rrdb import RRDBNet


def network(scale=4, blocks=1):
    torch.manual_seed(0)
    return RRDBNet(scale, features=8, blocks=blocks, growth=4).eval()


def test_weights_have_the_official_names_and_shapes():
    state = RRDBNet().state_dict()
    assert len(state) == 2 * (23 * 15 + 6)
    assert sum(value.numel() for value in state.values()) == 16_697_987
    assert list(state)[:3] == ["conv_first.weight", "conv_first.bias", "body.0.rdb1.conv1.weight"]
    assert state["body.22.rdb3.conv5.weight"].shape == (64, 192, 3, 3)
    assert list(state)[-10::2] == [f"conv_{name}.weight" for name in ("body", "up1", "up2", "hr", "last")]
    assert RRDBNet(2, blocks=1).state_dict()["conv_first.weight"].shape == (64, 12, 3, 3)


@pytest.mark.parametrize("scale", [1, 2, 4])
@torch.no_grad()
def test_pictures_grow_by_the_scale(scale):
    assert network(scale)(torch.rand(1, 3, 8, 12)).shape == (1, 3, 8 * scale, 12 * scale)


@pytest.mark.parametrize("scale", [2, 4])
@torch.no_grad()
def test_a_pixel_is_seen_no_further_than_the_radius(scale):
    made = network(scale).double()
    small = torch.rand(1, 3, 120, 8, dtype=torch.double)
    other = small.clone()
    other[0, :, 60] += 1
    changed = (made(small) != made(other)).any(1)[0].any(1).nonzero().flatten() // scale
    assert made.radius == (4 // scale) * 19
    assert 60 - made.radius <= changed.min() < 60 - made.radius // 2
    assert 60 + made.radius // 2 < changed.max() <= 60 + made.radius


@pytest.mark.parametrize(("scale", "rows"), [(4, 1), (4, 5), (4, 64), (2, 3)])
@torch.no_grad()
def test_strips_are_the_whole(scale, rows):
    made, small = network(scale), torch.rand(1, 3, 22, 14)
    assert torch.allclose(torch.cat(list(made.strips(small, rows)), 2), made(small), atol=1e-6)


def test_files_tell_the_shape(tmp_path):
    made = network(2, blocks=2)
    torch.save({"params": {}, "params_ema": made.state_dict()}, tmp_path / "some.pth")
    again = network_of(read_state(tmp_path / "some.pth"), "some.pth")
    assert (type(again), again.scale, len(again.body)) == (RRDBNet, 2, 2)
    assert torch.equal(again.conv_last.weight, made.conv_last.weight)
    with pytest.raises(CheckpointError, match=r"some\.pth does not hold a SRVGGNetCompact"):
        load_srvgg(tmp_path / "some.pth")


def test_pickles_that_could_run_code_and_other_suffixes_are_refused(tmp_path):
    torch.save({"params": {"a": print}}, tmp_path / "code.pth")
    with pytest.raises(
        CheckpointError, match=r"code\.pth is refused, since it could run code: beside weights it names .*\.print"
    ):
        read_state(tmp_path / "code.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="no table of weights by name"):
        read_state(tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match=r"expected a file that ends in \.safetensors or \.pth"):
        read_state(tmp_path / "scripted.pt")

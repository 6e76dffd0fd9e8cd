"""The kernel in OpenAI's Triton, by Triton's interpreter on the CPU: what torch gives, for all that a UNet asks."""

import os
import subprocess
import sys

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from igo.networks.quiet import quietly
from igo.painting.engines import compiling, part
from tests.builders import tiny

pytest.importorskip("triton", reason="Triton is not installed: pip install triton")
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
pytestmark = pytest.mark.slow
interpreted = pytest.mark.skipif(not INTERPRETED, reason="another process tries it, by Triton's interpreter")

MINI = [(48, 16), (96, 16), (144, 16), (192, 16), (240, 16), (288, 16)]
SD15 = [(320, 32), (640, 32), (960, 32), (1280, 32), (1920, 32), (2560, 32), (128, 32), (256, 32), (512, 32)]
"""Channels and groups: of the UNet, and of the VAE."""
SINGLE, HALF = {"rtol": 3e-6, "atol": 3e-6}, {"rtol": 1e-3, "atol": 1e-3}
"""A few times the rounding of what is written."""


def kernels():
    """The module, which is imported where Triton is interpreted."""
    from igo.painting.engines import group_norm_silu

    return group_norm_silu


@pytest.mark.skipif(INTERPRETED, reason="this is the process that it starts")
def test_by_the_interpreter():
    """Triton reads what it is told of it when it is imported, which torch has done in this process."""
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-m", "slow", __file__]
    done = subprocess.run(command, env=os.environ | {"TRITON_INTERPRET": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@interpreted
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=["fp32", "fp16"])
@pytest.mark.parametrize(("channels", "groups"), MINI + SD15)
def test_it_gives_what_torch_does(channels, groups, dtype):
    rng = torch.Generator().manual_seed(channels)
    weight, bias = (torch.randn(channels, generator=rng).to(dtype) for _ in range(2))
    for batch, layout in ((1, torch.contiguous_format), (1 + (channels == 48), torch.channels_last)):
        given = (3 * torch.randn(batch, channels, 3, 5, generator=rng) + 1).to(dtype).to(memory_format=layout)
        found = kernels().group_norm_silu(given, groups, weight, bias, 1e-5)
        expected = F.silu(F.group_norm(given.double(), groups, weight.double(), bias.double(), 1e-5))
        assert found.dtype == dtype
        assert found.stride() == given.stride()
        torch.testing.assert_close(found.double(), expected, **(HALF if dtype == torch.float16 else SINGLE))


@interpreted
def test_groups_larger_than_a_program_takes_and_far_from_zero():
    given, one = torch.randn(1, 6, 53, 61, generator=torch.Generator().manual_seed(1)) + 300, torch.ones(6)
    assert given[0, :3].numel() > 2 * kernels().BLOCK
    found = kernels().group_norm_silu(given[:, :, ::2], 2, one, one, 1e-5)
    expected = F.silu(F.group_norm(given[:, :, ::2].double(), 2, one.double(), one.double(), 1e-5))
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-4)


@interpreted
def test_a_unet_that_is_compiled_whole_gives_the_same(monkeypatch):
    unet, seen, settings, ledger = tiny.make_unet().eval(), [], [], part.Ledger()
    call = torch.randn(2, 4, 8, 6), torch.tensor(500), torch.randn(2, 7, 32)
    compile_it = torch.compile

    def quicker(given, norm):
        assert given.is_meta
        seen.append(tuple(given.shape))
        return len(seen) % 2 == 1

    def by_shapes_alone(function, **others):
        settings.append(others)
        return compile_it(function, backend="aot_eager", fullgraph=True)

    monkeypatch.setattr(kernels(), "is_quicker", quicker)
    monkeypatch.setattr(compiling, "_is_on_cuda", lambda network: True)
    monkeypatch.setattr(torch, "compile", by_shapes_alone)
    with quietly(), torch.no_grad():
        expected = unet(*call, return_dict=False)[0]
        run = compiling.CompiledPart("unet", unet, ledger)._whole(lambda: unet(*call))
        for _ in range(2):
            torch.testing.assert_close(run(*call, return_dict=False)[0], expected, rtol=0, atol=2e-6)
        assert torch.equal(unet(*call, return_dict=False)[0], expected)
    assert set(seen) >= {(2, 8, 8, 6), (2, 16, 4, 3)}
    assert ledger.kernels == {"unet": (len(seen) + 1) // 2}
    assert settings == [{"dynamic": False, "options": {"triton.cudagraphs": True}}]


@interpreted
def test_what_is_quicker_is_timed_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    times = [0.1, 0.2, 0.3, 0.2]
    monkeypatch.setattr(kernels(), "_seconds", lambda compute: times.pop(0))
    norm, small, large = torch.nn.GroupNorm(2, 4), torch.empty(1, 4, 2, 2), torch.empty(1, 4, 4, 2)
    for _ in range(2):
        with quietly():
            assert kernels().is_quicker(small, norm)
            assert not kernels().is_quicker(large, norm)
    assert not times

"""The optional backends, where they are installed: equality with the package realesrgan, and ncnn's official models."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image

import igo
from igo.errors import CheckpointError
from igo.networks.files import network_of
from igo.networks.rrdb import RRDBNet
from igo.networks.srvgg import SRVGGNetCompact
from igo_plugins import Upscaling
from igo_plugins.realesrgan import models
from igo_plugins.realesrgan.backends import files_of
from igo_plugins.realesrgan.package_backend import PackageEnlarger, import_realesrgan
from igo_plugins.realesrgan.tiles import enlarge
from igo_plugins.realesrgan.torch_backend import TorchEnlarger, load_state

CPU = torch.device("cpu")
package = pytest.mark.skipif(find_spec("realesrgan") is None, reason="the package realesrgan is not installed")
wheel = pytest.mark.skipif(
    find_spec("ncnn") is None or models._wheel() is None, reason="igo[realesrgan] is not installed"
)
SHAPES = {
    "srvgg x4": lambda: SRVGGNetCompact(4, 64, 16),
    "srvgg x2": lambda: SRVGGNetCompact(2, 64, 16),
    "rrdb x4": lambda: RRDBNet(4, 64, 2, 32),
    "rrdb x2": lambda: RRDBNet(2, 64, 1, 32),
}


@pytest.fixture
def picture():
    return np.random.default_rng(5).integers(0, 256, (42, 56, 3), np.uint8)


def network(shape):
    torch.manual_seed(1)
    made = SHAPES[shape]()
    if isinstance(made, SRVGGNetCompact):
        torch.nn.init.normal_(made.body[-1].weight, std=0.02)
    return made


def upstream(state, scale, picture, **options):
    """What ``RealESRGANer`` makes of a picture by itself."""
    like = TorchEnlarger(network_of(state, "weights"), CPU, torch.float32)
    upsampler = PackageEnlarger(state, like, CPU).upsampler
    for name, value in options.items():
        setattr(upsampler, name, value)
    return upsampler.enhance(np.ascontiguousarray(picture[:, :, ::-1]))[0][:, :, ::-1]


@package
@pytest.mark.parametrize("shape", SHAPES)
def test_untiled_pictures_are_the_packages_own_to_the_byte(shape, picture, tmp_path):
    made = network(shape)
    torch.save({"params_ema": made.state_dict()}, tmp_path / "own.pth")
    settings = {"model": str(tmp_path / "own.pth"), "tile": 0, "pre_pad": 0}
    theirs = upstream(made.state_dict(), made.scale, picture)
    for backend in ("torch", "realesrgan"):
        chain = igo.Chain(Upscaling(made.scale, backend=backend, **settings), runtime=igo.Runtime("cpu"))
        assert np.array_equal(np.asarray(chain.run(image=picture, seed=0).image), theirs)
    quicker = igo.Chain(Upscaling(made.scale, **settings | {"tile": None}), runtime=igo.Runtime("cpu"))
    assert np.abs(np.asarray(quicker.run(image=picture, seed=0).image).astype(int) - theirs).max() <= 1


@package
def test_tiles_have_no_seams_where_the_packages_have(picture):
    state = network("srvgg x4").state_dict()
    whole = upstream(state, 4, picture).astype(int)
    theirs = upstream(state, 4, picture, tile_size=24)
    ours = enlarge(TorchEnlarger(network("srvgg x4"), CPU, torch.float32), picture, tile=24)
    assert np.abs(ours - whole).max() <= 1 < np.abs(theirs - whole).max()


@pytest.mark.skipif(find_spec("realesrgan") is not None, reason="the package realesrgan is installed")
def test_without_the_package_its_backend_is_one_line():
    with pytest.raises(CheckpointError, match=r"^backend='realesrgan' needs the package realesrgan \(ModuleNotFound"):
        import_realesrgan()


@pytest.mark.skipif(find_spec("ncnn") is not None, reason="ncnn is installed")
def test_without_ncnn_its_backend_is_one_line(tmp_path, photo):
    (tmp_path / "some.param").write_text("7767517\n")
    (tmp_path / "some.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"the package ncnn is not installed; pip install 'igo\[realesrgan\]'"):
        igo.Chain(Upscaling(4, model=str(tmp_path / "some.param"), backend="ncnn")).run(image=photo)


def plain_esrgan():
    """The weights of a small network in ESRGAN's old layout, which IGO itself doesn't know."""
    torch.manual_seed(0)
    made = RRDBNet(4, 64, 1, 32).state_dict()
    names = {"conv_first": "model.0", "conv_body": "model.1.sub.1", "conv_up1": "model.3", "conv_up2": "model.6"}
    names |= {"conv_hr": "model.8", "conv_last": "model.10"}
    old = {}
    for name, value in made.items():
        layer, _, kind = name.rpartition(".")
        if layer.startswith("body.0."):
            block, number = layer.removeprefix("body.0.rdb").split(".conv")
            old[f"model.1.sub.0.RDB{block}.conv{number}.0.{kind}"] = value
        else:
            old[f"{names[layer]}.{kind}"] = value
    return old, made


@pytest.mark.skipif(find_spec("spandrel") is None, reason="spandrel is not installed")
def test_other_layouts_are_read_by_spandrel(picture, tmp_path):
    old, made = plain_esrgan()
    for name, state in (("old", old), ("new", made)):
        torch.save(state, tmp_path / f"{name}.pth")
    images = [
        igo.Chain(Upscaling(4, model=str(tmp_path / f"{name}.pth")), runtime=igo.Runtime("cpu"))
        .run(image=picture, seed=0)
        .image
        for name in ("old", "new")
    ]
    assert np.abs(np.asarray(images[0]).astype(int) - np.asarray(images[1])).max() <= 1


def test_weights_of_no_known_network_are_one_line(photo, tmp_path):
    torch.save({"encoder.weight": torch.zeros(2)}, tmp_path / "some.pth")
    with pytest.raises(CheckpointError, match=r"some\.pth holds neither an RRDBNet nor an SRVGGNetCompact, (and|nor)"):
        igo.Chain(Upscaling(4, model=str(tmp_path / "some.pth"))).run(image=photo)
    torch.save(RRDBNet(1, 8, 1, 4).state_dict(), tmp_path / "same.pth")
    with pytest.raises(CheckpointError, match=r"same\.pth holds a network that doesn't enlarge"):
        igo.Chain(Upscaling(4, model=str(tmp_path / "same.pth"))).run(image=photo)


@wheel
def test_torch_reads_the_wheels_weights_as_ncnn_does():
    """On a smooth picture with an edge: one level of difference at most, and no value wrapped around."""
    down, across = np.mgrid[0:36, 0:44]
    picture = np.stack([down * 7, across * 5, 255 * (down + across > 40)], 2).clip(0, 255).astype(np.uint8)
    chains = [
        igo.Chain(Upscaling(4, model="realesr-animevideov3", backend=backend), runtime=igo.Runtime("cpu"))
        for backend in ("torch", "ncnn")
    ]
    by_torch, by_ncnn = (np.asarray(chain.run(image=picture, seed=0).image).astype(int) for chain in chains)
    assert np.abs(by_torch - by_ncnn).max() <= 1
    smaller = Image.fromarray(by_ncnn.astype(np.uint8)).resize((44, 36), Image.Resampling.BOX)
    assert np.abs(np.asarray(smaller).astype(int) - picture).mean() < 12


@wheel
@pytest.mark.parametrize("name", [name for name, each in models.OFFICIAL.items() if each.wheel])
def test_the_wheel_holds_the_official_architectures(name):
    files = files_of(name, 4, "no folder", "torch")
    assert models.digest_of(files[0]) == models.OFFICIAL[name].wheel_sha256
    made = network_of(load_state(files, name, 0.5), name)
    assert made.scale == 4
    assert isinstance(made, SRVGGNetCompact if "anime" in name and "6B" not in name else RRDBNet)


@wheel
@pytest.mark.parametrize(("scale", "size"), [(2, (20, 14)), (3, (30, 21))])
def test_ncnn_takes_the_network_of_the_scale(scale, size, monkeypatch):
    chain = igo.Chain(Upscaling(scale, model="realesr-animevideov3", backend="ncnn"))
    assert chain.run(image=Image.new("RGB", (10, 7), (200, 10, 90)), seed=0).image.size == size

"""Upscaling as a step and as a command: sizes, transparency, layers, colours, tiles, errors."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import igo
from igo import cli, embedded
from igo.errors import CheckpointError, ImageError, SettingsError
from igo.images import read_image
from igo.networks.rrdb import RRDBNet
from igo.networks.srvgg import SRVGGNetCompact
from igo.testing import PaintedBase
from igo.training.tasks.upscaler import export_srvgg
from igo_plugins import Upscaling
from igo_plugins.realesrgan import models, pictures
from igo_plugins.realesrgan.tiles import enlarge
from igo_plugins.realesrgan.torch_backend import TorchEnlarger


def random_srvgg(scale, convolutions=2):
    torch.manual_seed(scale)
    network = SRVGGNetCompact(scale, features=8, convolutions=convolutions)
    torch.nn.init.normal_(network.body[-1].weight, std=0.05)
    return network


@pytest.fixture(autouse=True)
def tiny_networks(tmp_path_factory, monkeypatch):
    """`mini` with networks of two convolutions, and no official files anywhere."""
    folder = tmp_path_factory.mktemp("upscaler")
    for scale in (2, 4):
        export_srvgg(random_srvgg(scale), folder / f"x{scale}.safetensors")
    monkeypatch.setattr(embedded, "path", lambda part: folder)
    monkeypatch.setattr(models, "FOLDER", str(folder / "cache"))
    monkeypatch.setattr(models, "_wheel", lambda: None)
    return folder


def run(image, *steps, **options):
    return igo.Chain(*steps, runtime=igo.Runtime("cpu")).run(image=image, seed=1, **options)


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, (148, 212)),
        ({"scale": 2}, (74, 106)),
        ({"scale": 3}, (111, 159)),
        ({"scale": 1.5}, (56, 80)),
        ({"scale": 9}, (333, 477)),
        ({"to": "370x530"}, (370, 530)),
        ({"to": "1000 x 300"}, (209, 300)),
        ({"to": "37x53"}, (37, 53)),
    ],
)
def test_any_size_can_be_asked_for(photo, settings, size):
    assert run(photo, Upscaling(**settings)).image.size == size


def test_pictures_of_a_base_grow_one_by_one_and_the_record_says_how(tiny_networks):
    chain = igo.Chain(PaintedBase(), Upscaling(2))
    look = chain.run("a coat", seed=3, num_images=2)
    assert [frame.image.size for frame in look] == [(128, 192)] * 2
    assert look.images[0] != look.images[1]
    assert look.models["mini"].startswith("sha256:")
    report = dict(look[0].history[-1].report)
    assert report == {"model": "mini", "identity": look.models["mini"], "backend": "torch", "scale": 2.0}
    assert 'use = "upscaling"\nscale = 2' in chain.to_toml()


@pytest.mark.parametrize(
    ("scale", "readable", "passes"),
    [(2, 10**9, 1), (4, 10**9, 1), (6, 10**9, 1), (7, 10**9, 2), (16, 10**9, 2), (10, 3839, 1), (10, 3840, 2)],
)
def test_the_network_runs_again_only_while_much_is_missing(scale, readable, passes, photo, monkeypatch):
    told = []

    class Listener:
        @igo.hookimpl
        def observe(self, event):
            told.append(event.kind)

    small = photo.crop((0, 0, 5, 3))
    monkeypatch.setattr("igo.images.MAX_PIXELS", readable)
    assert run(small, Upscaling(scale), observers=[Listener()]).image.size == (round(5 * scale), round(3 * scale))
    assert told.count("progress") == passes


def test_strength_blends_with_a_plain_enlargement(photo):
    plain = photo.resize((148, 212), Image.Resampling.LANCZOS)
    sharp = run(photo, Upscaling(4)).image
    assert run(photo, Upscaling(4, strength=0.0)).image == plain
    assert run(photo, Upscaling(4, strength=0.3)).image == Image.blend(plain, sharp, 0.3)
    assert sharp != plain


def test_colors_of_plain_areas_can_be_held():
    """A network that darkens: with the lock plain areas keep their colour, and edges stay as sharp."""
    source = np.full((64, 96, 3), 100, np.uint8)
    source[:, 48:] = (200, 60, 90)
    shifted = np.clip(source.repeat(2, 0).repeat(2, 1).astype(int) - 9, 0, 255).astype(np.uint8)
    before = shifted.copy()
    pictures.keep_color(shifted, source)
    assert np.abs(shifted.astype(int) - source.repeat(2, 0).repeat(2, 1)).max() <= 1
    assert abs(np.diff(shifted.astype(int), axis=1)).max() == abs(np.diff(before.astype(int), axis=1)).max()


def test_keep_color_is_a_setting(photo):
    def shift(image):
        small = np.asarray(image.resize(photo.size, Image.Resampling.BOX), float)
        return np.abs((small - np.asarray(photo, float)).mean((0, 1))).mean()

    assert shift(run(photo, Upscaling(4, keep_color=True)).image) < 0.5 * shift(run(photo, Upscaling(4)).image)


def gray_picture(apart=0, alpha=False):
    """Edges, noise and a ramp; channels are at most ``apart`` levels from each other."""
    random = np.random.default_rng(3)
    levels = np.linspace(0, 200, 40).astype(int)[None] + random.integers(0, 9, (30, 40))
    levels[10:20, 10:30] = 255
    picture = np.clip(levels[..., None] + random.integers(0, apart + 1, (30, 40, 3)), 0, 255).astype(np.uint8)
    image = Image.fromarray(picture)
    if alpha:
        image.putalpha(Image.fromarray(random.integers(0, 256, (30, 40), np.uint8)))
    return image


def rrdb(scale):
    torch.manual_seed(0)
    network = RRDBNet(scale, features=8, blocks=1, growth=4)
    torch.nn.init.normal_(network.conv_last.weight, std=3)
    return network


MODES = [{}, {"keep_color": True}, {"strength": 0.4}, {"tile": 32}, {"tile": 0, "pre_pad": 0}, {"scale": 7}]
MODES += [{"scale": 1.5}, {"to": "90x70", "keep_color": True, "strength": 0.7}]


@pytest.mark.parametrize("settings", MODES, ids=str)
@pytest.mark.parametrize("kind", ["srvgg x2", "srvgg x4", "rrdb x2", "rrdb x4"])
def test_gray_stays_gray(kind, settings, tmp_path):
    name, scale = kind.split(" x")
    network = random_srvgg(int(scale)) if name == "srvgg" else rrdb(int(scale))
    torch.save(network.state_dict(), tmp_path / "own.pth")
    step = Upscaling(model=str(tmp_path / "own.pth"), **settings)
    for alpha in (False, True):
        made = np.asarray(run(gray_picture(alpha=alpha), step).image)
        assert (made == made[..., :1]).all()
        assert made.std() > 0.2
    colored = np.asarray(run(gray_picture(apart=40), step).image).astype(int)
    assert (colored.max(2) - colored.min(2)).max() > 40


@pytest.mark.parametrize("apart", [1, 5, 16])
def test_what_is_nearly_gray_gets_no_more_color_than_it_has(apart):
    image = gray_picture(apart)
    for step in (Upscaling(2), Upscaling(4, keep_color=True)):
        made = np.asarray(run(image, step).image).astype(int)
        assert (made.max(2) - made.min(2)).max() <= 2 * apart + 2


def test_held_color_stays_between_that_of_its_neighbors_and_brightness_is_the_networks():
    source = np.full((6, 6, 3), 100, np.uint8)
    source[:, 3:] = (104, 100, 96)
    enlarged = np.full((12, 12, 3), (90, 60, 30), np.uint8)
    pictures.hold_gray(enlarged, source)
    assert (enlarged[:, :4] == 66).all()
    assert (enlarged[:, 8:] == (69, 65, 61)).all()
    assert pictures.is_nearly_gray(source)
    source[5, 5, 2] = 83
    assert not pictures.is_nearly_gray(source)


def cut_out():
    """A red disc with alpha, on black that nobody sees."""
    alpha = Image.new("L", (40, 40))
    alpha.putdata([255 if (x - 20) ** 2 + (y - 20) ** 2 < 150 else 0 for y in range(40) for x in range(40)])
    picture = Image.composite(Image.new("RGB", (40, 40), (220, 30, 30)), Image.new("RGB", (40, 40)), alpha)
    picture.putalpha(alpha)
    return picture


def test_transparency_is_kept_and_hidden_colors_dont_leak():
    frame = run(cut_out(), Upscaling(4))[0]
    alpha = np.asarray(frame.layers["alpha"])
    assert alpha.shape == (160, 160)
    assert (alpha[80, 80], alpha[0, 0]) == (255, 0)
    plain = run(Image.new("RGB", (40, 40), (220, 30, 30)), Upscaling(4)).image
    assert frame.image == plain, "black under the transparent part must not make a fringe"
    whole = cut_out()
    whole.putalpha(255)
    assert np.asarray(run(whole, Upscaling(4))[0].layers["alpha"]).min() == 255


def test_layers_grow_with_the_picture(photo):
    class Marks:
        @igo.hookimpl
        def postprocess(self, frame: igo.Frame) -> igo.Frame:
            parts = Image.new("L", frame.image.size, 3)
            parts.paste(7, (0, 0, 10, 10))
            return frame.with_layer("parse", parts).with_layer("mask", parts)

    layers = run(photo, Marks(), Upscaling(2))[0].layers
    assert {layer.size for layer in layers.values()} == {(74, 106)}
    assert set(np.unique(layers["parse"])) == {3, 7}, "numbers of parts are not mixed"
    assert set(np.unique(layers["mask"])) > {3, 7}


@pytest.mark.parametrize("pre_pad", [0, 10])
def test_tiles_of_srvgg_are_exact(pre_pad):
    enlarger = TorchEnlarger(random_srvgg(4, convolutions=6), torch.device("cpu"), torch.float32)
    picture = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    whole = enlarge(enlarger, picture, tile=0, margin=pre_pad).astype(int)
    assert enlarger.context == 8
    assert np.abs(enlarge(enlarger, picture, tile=32, margin=pre_pad) - whole).max() <= 1


@pytest.mark.parametrize("scale", [2, 4])
def test_tiles_of_rrdb_are_exact_where_the_radius_is_small(scale):
    torch.manual_seed(0)
    network = RRDBNet(scale, features=8, blocks=1, growth=4)
    enlarger = TorchEnlarger(network, torch.device("cpu"), torch.float32)
    picture = np.random.default_rng(0).integers(0, 256, (101, 67, 3), np.uint8)
    whole = enlarge(enlarger, picture, tile=0, margin=3).astype(int)
    assert whole.shape == (101 * scale, 67 * scale, 3)
    assert np.abs(enlarge(enlarger, picture, tile=32, margin=3) - whole).max() <= 1


def test_half_precision_is_not_used_on_cpus(photo):
    assert run(photo, Upscaling(2)).image == (
        igo.Chain(Upscaling(2), runtime=igo.Runtime("cpu", "float16")).run(image=photo, seed=1).image
    )


def test_progress_is_told_tile_by_tile(photo):
    told = []

    class Listener:
        @igo.hookimpl
        def observe(self, event):
            if event.kind == "progress":
                told.append((event.step, event.done, event.total))

    run(photo, Upscaling(2, tile=32), observers=[Listener()])
    assert told == [("upscaling", done, 4) for done in range(1, 5)]


def test_a_file_of_weights_is_a_model(photo, tmp_path):
    torch.manual_seed(0)
    torch.save({"params_ema": RRDBNet(2, 8, 1, 4).state_dict()}, tmp_path / "own.pth")
    look = run(photo, Upscaling(2, model=str(tmp_path / "own.pth")))
    assert look.image.size == (74, 106)
    assert igo.Chain(Upscaling(2, model=str(tmp_path / "own.pth"))).run(image=photo, seed=9).image == look.image


def test_what_can_not_be_run_is_found_before_anything_is_painted(tmp_path):
    class Base:
        @igo.hookimpl
        def generate(self, request: igo.Request) -> list[igo.Frame]:
            raise AssertionError("painted")

    folder = tmp_path / "official"
    folder.mkdir()
    (folder / "RealESRGAN_x4plus.pth").write_bytes(b"something else")
    torch.save({"encoder.weight": torch.zeros(2)}, tmp_path / "other.pth")
    torch.save(RRDBNet(1, 8, 1, 4).state_dict(), tmp_path / "same.pth")
    for settings, told in (
        ({"model": "RealESRGAN_x4plus"}, r"RealESRGAN_x4plus\.pth is not in"),
        ({"model": "RealESRGAN_x4plus", "weights": str(folder)}, "is not the official file"),
        ({"model": str(tmp_path / "other.pth")}, "holds neither an RRDBNet nor an SRVGGNetCompact"),
        ({"model": str(tmp_path / "same.pth"), "to": "900x900"}, "holds a network that doesn't enlarge"),
    ):
        chain = igo.Chain(Base(), Upscaling(**settings))
        for ask in (chain.check, lambda chain=chain: chain.run("a coat")):
            with pytest.raises(CheckpointError, match=rf"step 'upscaling' \(check\): .*{told}"):
                ask()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 1}, "scale is 1; expected a number above 1 and up to 16"),
        ({"scale": float("nan")}, "scale is nan"),
        ({"scale": 2, "to": "2x2"}, "scale and to are both given"),
        ({"to": "large"}, "to is 'large'; expected width and height in pixels"),
        ({"model": "esrgan"}, "there is no upscaling model 'esrgan'"),
        ({"model": "old.pt"}, "there is no upscaling model 'old.pt'"),
        ({"strength": 1.1}, "strength is 1.1; expected a number from 0 to 1"),
        ({"denoise_strength": 0.5}, "denoise_strength is for realesr-general-x4v3 alone, not for mini"),
        ({"tile": 8}, "tile is 8; expected at least 32 pixels, or 0"),
        ({"pre_pad": -1}, "pre_pad is -1"),
        ({"backend": "tensorrt"}, "backend is 'tensorrt'"),
    ],
)
def test_settings_that_cant_be_meant_are_one_line(settings, message):
    with pytest.raises(SettingsError) as error:
        Upscaling(**settings)
    assert message in str(error.value)


def test_sizes_that_cant_be_meant_are_one_line(photo):
    for to, message in (("36x100", "the picture is 37x53: expected at least its size"), ("2000x2000", "37.7 times")):
        with pytest.raises(SettingsError, match=message):
            run(photo, Upscaling(to=to))
    with pytest.raises(SettingsError, match="pixels are more than IGO reads again"):
        run(Image.new("RGB", (6000, 5000)), Upscaling(4))


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_memory_that_runs_out_is_one_line(photo, monkeypatch, error):
    def fail(*_arguments, **_options):
        raise error

    monkeypatch.setattr(pictures, "resized", fail)
    with pytest.raises(ImageError, match="the memory here doesn't hold 148x212 pixels while they are made; ask for"):
        run(photo, Upscaling(4))
    monkeypatch.setattr("igo_plugins.realesrgan.backends.load", fail)
    with pytest.raises(CheckpointError, match="mini doesn't fit the memory here; use a smaller model"):
        run(photo, Upscaling(4))


def test_values_that_are_no_numbers_are_one_line(photo, tmp_path):
    state = {name: value * 1e30 for name, value in random_srvgg(2).state_dict().items()}
    torch.save(state, tmp_path / "own.pth")
    with pytest.raises(CheckpointError, match="the network makes values that are no numbers; use float32"):
        run(photo, Upscaling(2, model=str(tmp_path / "own.pth")))


@pytest.fixture
def command(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = cli.run_command(["upscale", *map(str, arguments)])
        return code, *capsys.readouterr()

    return call


def test_the_command_names_the_result_after_the_picture(command, photo):
    cut_out().save("look.png")
    assert command("look.png", 4, "-q")[:2] == (0, "look-x4.png\n")
    assert command("look.png", "-q")[:2] == (0, "look-x4-take-2.png\n")
    assert command("look.png", "--to", "100x100", "--keep-color", "-o", "new.png", "-q")[:2] == (0, "new.png\n")
    larger = read_image("look-x4.png")
    assert larger.image.size == larger.alpha.size == (160, 160)
    assert larger.image == read_image("look-x4-take-2.png").image
    assert cli.run_command(["replay", "look-x4.png", "--image", "look.png", "-q"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument"),
        (["none.png"], "none.png"),
        (["photo.png", "one"], "'one' is not a valid float"),
        (["photo.png", "0.5"], "SCALE is 0.5"),
        (["photo.png", "4", "-o", "photo.png"], "--output would write over the input"),
        (["photo.png", "4", "-m", "RealESRGAN_x2plus"], "RealESRGAN_x2plus.pth is not in"),
        (["photo.png", "4", "--backend", "ncnn"], "mini is not published for ncnn"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(command, photo, arguments, message):
    photo.save("photo.png")
    code, output, errors = command(*arguments)
    assert (code, output) == (2, "")
    assert message in errors
    assert errors.startswith("igo: ")
    assert errors.count("\n") == 1
    assert [path.name for path in Path().iterdir()] == ["photo.png"]

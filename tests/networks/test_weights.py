"""Weights from strangers: no code is run, nothing is taken for what a file claims, and what a file is, is said."""

import os
import resource
import struct
from zipfile import ZIP_DEFLATED

import pytest
import torch
from safetensors.torch import save_file

from igo.errors import CheckpointError
from igo.networks import files, weights
from igo.networks.srvgg import SRVGGNetCompact
from tests.builders.pickles import Call, pickled, tensor, write_archive


@pytest.mark.parametrize("legacy", [True, False])
def test_what_torch_and_safetensors_write_is_read(tmp_path, legacy):
    shared = torch.arange(6.0)
    state = {"params": {"a": shared.view(2, 3), "b": shared}, "iter": 10**12, "c": torch.ones(2, dtype=torch.int64)}
    state["params"]["d"] = torch.nn.Parameter(torch.zeros(2, 4, 3, 3, dtype=torch.bfloat16))
    torch.save(state, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
    found = weights.read(tmp_path / "a.pth")
    assert torch.equal(found["params"]["a"], state["params"]["a"])
    assert found["iter"] == 10**12
    told = weights.described(tmp_path / "a.pth")
    assert {name: (tuple(value.shape), value.dtype) for name, value in told.items()} == {
        "params.a": ((2, 3), torch.float32),
        "params.b": ((6,), torch.float32),
        "params.d": ((2, 4, 3, 3), torch.bfloat16),
        "c": ((2,), torch.int64),
    }
    assert all(value.is_meta for value in told.values())
    save_file({"a": shared}, tmp_path / "A.SAFETENSORS")
    assert weights.described(tmp_path / "A.SAFETENSORS")["a"].shape == (6,)


HELD = {
    r"(posix|nt)\.system": Call(os.system, "true"),
    r"(builtins|__builtin__)\.eval": Call(eval, "1"),
    r"(builtins|__builtin__)\.bytearray": Call(bytearray, 10**11),
    r"torch\.FloatTensor": Call(torch.FloatTensor, 10**10),
    r"torch\.storage\.UntypedStorage": Call(torch.UntypedStorage, 10**11),
}


@pytest.mark.parametrize("name", HELD)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickles_that_name_more_than_weights_are_refused_before_they_are_loaded(tmp_path, name, protocol, monkeypatch):
    monkeypatch.setattr(torch, "load", None)
    path = write_archive(tmp_path / "a.pth", pickled({"a": HELD[name]}, protocol))
    with pytest.raises(CheckpointError, match=f"it could run code: beside weights it names {name}"):
        weights.read(path)


CLAIMS = {
    "no strides": {"shape": (10**12,), "strides": (0,)},
    "size": {"shape": (10**9,)},
    "strides": {"shape": (2,), "strides": (10**10,)},
    "offset": {"offset": 10**10},
    "storage": {"count": 10**9, "shape": (10**9,)},
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_tensors_take_no_more_than_their_file(tmp_path, claim):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match=r"a\.pth claims more weights than its \d+ bytes hold, in a;"):
        weights.read(write_archive(tmp_path / "a.pth", {"a": tensor(**CLAIMS[claim])}))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_many_names_for_one_storage_are_counted(tmp_path):
    many = {str(number): tensor(1000, (1000,)) for number in range(100)}
    with pytest.raises(CheckpointError, match="claims more weights"):
        weights.read(write_archive(tmp_path / "a.pth", many, [bytes(4000)]))


def test_packed_archives_are_refused(tmp_path):
    held, zeros = {"a": tensor(10**7, (10**7,))}, bytes(4 * 10**7)
    path = write_archive(tmp_path / "a.pth", held, [zeros], ZIP_DEFLATED)
    assert path.stat().st_size < 100_000
    with pytest.raises(CheckpointError, match="is a packed archive"):
        weights.read(path)


def test_tables_that_hold_themselves_end(tmp_path):
    ring, pyramid = {}, [1]
    ring["again"] = ring
    for _ in range(60):
        pyramid = [pyramid, pyramid]
    write_archive(tmp_path / "a.pth", {"ring": ring, "pyramid": pyramid, "a": tensor()})
    assert list(weights.described(tmp_path / "a.pth")) == ["a"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty; download it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 2\n", "it is a Git LFS pointer"),
        (b"\n<!doctype html><html>", "it is an HTML or XML page"),
        (b"Entry not found", "it is a hub's answer"),
        (b"hello there", "it is no file that torch.save wrote; expected .pth weights|damaged"),
        (b"\x80\x02}q\x00.", "it is cut off or damaged"),
        (b"PK\x03\x04 cut off", "it is cut off or damaged"),
        (struct.pack("<Q", 10**15) + b"{}", "it is no file that torch.save wrote|cut off or damaged"),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_no_weights_is_named(tmp_path, content, told, suffix):
    (tmp_path / f"a{suffix}").write_bytes(content)
    if suffix == ".safetensors" and content.startswith((b"PK", b"\x80")):
        told = "it is a pickle by its content, not safetensors"
    with pytest.raises(CheckpointError, match=told) as caught:
        weights.read(tmp_path / f"a{suffix}")
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)


def test_weights_may_hold_the_bytes_of_a_page(tmp_path):
    empty = tmp_path / "a.safetensors"
    save_file({"a": torch.ones(1)}, empty, {"said": ""})
    length = struct.unpack("<Q", empty.read_bytes()[:8])[0]
    save_file({"a": torch.ones(1)}, empty, {"said": "-" * (0x3C20 - length)})  # whose length begins with " <"
    assert empty.read_bytes().startswith(b" <")
    assert weights.read(empty)["a"].item() == 1
    for place in range(250, 265):  # one of these lies where an archive's name would
        path = write_archive(tmp_path / "b.pth", {"a": tensor(1, (1,))} | {"x" * place: "<ustar"})
        assert weights.read(path)["a"].shape == (1,)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.pth")
    (tmp_path / "folder.pth").mkdir()
    (tmp_path / "loop.pth").symlink_to(tmp_path / "loop.pth")
    (tmp_path / "zero.pth").symlink_to("/dev/zero")
    told = {"pipe": "a named pipe", "folder": "a folder", "loop": "symbolic links", "zero": "a device", "no": "No such"}
    for name, reason in told.items():
        with pytest.raises(CheckpointError, match=rf"can't read the weights .*{name}\.pth: .*{reason}"):
            weights.read(tmp_path / f"{name}.pth")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), r"not finite, such as body\.0\.bias"),
        (float("-inf"), r"not finite, such as body\.0\.bias"),
        (torch.int32, r"holds body\.0\.bias, which is int32; expected floats of 16 to 64 bits"),
        (torch.bool, "which is bool"),
        (torch.complex64, "which is complex64"),
        (torch.float8_e4m3fn, "which is float8_e4m3fn"),
    ],
)
def test_a_networks_weights_are_finite_floats(tmp_path, value, told):
    state = SRVGGNetCompact(2, 8, 1).state_dict()
    if isinstance(value, float):
        state["body.0.bias"][3] = value
    else:
        state["body.0.bias"] = state["body.0.bias"].to(value)
    for path in (tmp_path / "a.pth", tmp_path / "a.safetensors"):
        torch.save(state, path) if path.suffix == ".pth" else save_file(state, path)
        with pytest.raises(CheckpointError, match=told if "float8" not in told else "float8|could run code"):
            files.read_state(path)


def test_names_that_claim_layers_make_none():
    state = SRVGGNetCompact(2, 8, 1).state_dict()
    for name in ("body.1000000.weight", "body.-1.weight", "body.x.weight", "body."):
        with pytest.raises(CheckpointError, match="holds neither an RRDBNet nor an SRVGGNetCompact"):
            files.network_of({**state, name: torch.zeros(3)}, "a.pth")


def test_a_network_is_its_own_copy_and_can_be_trained():
    state = {name: value.half() for name, value in SRVGGNetCompact(2, 8, 1).state_dict().items()}
    made = files.network_of(state, "a.pth")
    assert all(value.requires_grad and value.dtype == torch.float32 for value in made.parameters())
    assert all(torch.equal(value.half(), state[name]) for name, value in made.state_dict().items())

"""Weight files that strangers might offer, made from a whole one: by hand, and by chance from a seed.

``hostile(state, folder, canary)`` gives names and what makes each file; the whole file's suffix decides the format. The
code that pickles would run writes the file ``canary``.
"""

import io
import json
import os
import pickle
import random
import runpy
import struct
import subprocess
import tarfile
import warnings
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import torch
from safetensors.torch import save

from tests.builders.pickles import Call, pickled, tensor, write_archive

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 67040989\n"
PAGE = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
STRANGE_NAME = "body.0\n\x1b[31m\x1b]0;owned\x07.weight"


def of_any_kind(state):
    """By name, how to make a file at a path that is no whole file of weights, whatever its format."""
    made = {
        "empty": lambda path, _: path.write_bytes(b""),
        "page": lambda path, _: path.write_bytes(PAGE),
        "pointer": lambda path, _: path.write_bytes(POINTER),
        "text": lambda path, _: path.write_text("\x1b[31mhello\x1b[0m"),
        "zeros": lambda path, _: path.write_bytes(bytes(5000)),
        "noise": lambda path, _: path.write_bytes(random.Random(1).randbytes(5000)),
        "folder": lambda path, _: path.mkdir(),
        "pipe": lambda path, _: os.mkfifo(path),
        "loop": lambda path, _: path.symlink_to(path),
        "dangling": lambda path, _: path.symlink_to(path.with_name("nowhere")),
        "endless": lambda path, _: path.symlink_to("/dev/zero"),
        "nothing": lambda path, _: path.symlink_to("/dev/null"),
        "tar": lambda path, _: tarfile.open(path, "w").close(),
    }
    for name, change in changes(state).items():
        made[f"state {name}"] = lambda path, _, change=change: write(path, change(dict(state)))
    return made


def changes(state):
    """By name, what may be wrong with the weights themselves."""
    first, *_, last = (name for name, value in state.items() if value.is_floating_point() and value.ndim)

    def set_(name, value):
        return lambda state: {**state, name: value(state[name])}

    def filled(number):
        return lambda value: value.clone().index_fill_(0, torch.tensor([0]), number)

    made = {
        "nan": set_(last, filled(float("nan"))),
        "infinite": set_(first, filled(float("inf"))),
        "integers": lambda state: {name: value.to(torch.int32) for name, value in state.items()},
        "booleans": lambda state: {name: value.to(torch.bool) for name, value in state.items()},
        "complex": set_(first, lambda value: value.to(torch.complex64)),
        "float8": set_(first, lambda value: value.to(torch.float8_e5m2)),
        "bytes": set_(first, lambda value: value.to(torch.uint8)),
        "missing": lambda state: {name: value for name, value in state.items() if name != last},
        "few": lambda state: {first: state[first]},
        "none": lambda _: {},
        "layer": lambda state: {**state, "body.1000000.weight": torch.zeros(3)},
        "layers": lambda state: {
            **state,
            **{f"body.{number}.rdb1.conv1.weight": torch.zeros(1) for number in range(99)},
        },
        "negative layer": lambda state: {**state, "body.-7.weight": torch.zeros(3)},
        "strange name": lambda state: {**state, STRANGE_NAME: torch.zeros(3)},
        "no name": lambda state: {**state, "": torch.zeros(3)},
        "long name": lambda state: {**state, "a" * 100_000: torch.zeros(3)},
        "no axis": set_(first, lambda _: torch.tensor(1.0)),
        "no numbers": set_(first, lambda value: value[:0]),
        "one axis more": set_(first, lambda value: value[None]),
        "half": set_(first, lambda value: value[: max(len(value) // 2, 1)]),
        "huge values": lambda state: {name: value * 1e30 for name, value in state.items()},
        "nested": lambda state: {f"params.{name}": value for name, value in state.items()},
    }
    return made


def in_safetensors(state):
    """By name, what may be wrong with a file of safetensors, as bytes."""
    whole = save(state, {"format": "pt"})
    length = struct.unpack("<Q", whole[:8])[0]
    header, data = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    first = next(name for name in header if name != "__metadata__")

    def with_header(header, data=data):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    def entry(**claims):
        return with_header({**header, first: {**header[first], **claims}})

    start, end = header[first]["data_offsets"]
    text = json.dumps(header)
    files = {
        "cut in its length": whole[:5],
        "cut in its header": whole[: 8 + length // 2],
        "cut in its weights": whole[:-10],
        "longer": whole + b"more",
        "header of exabytes": struct.pack("<Q", 2**62) + whole[8:],
        "header of megabytes": struct.pack("<Q", 99_000_000) + whole[8:],
        "negative header": struct.pack("<q", -1) + whole[8:],
        "no header": struct.pack("<Q", 0),
        "header of a list": with_header(b"[1, 2]"),
        "deep header": with_header(b'{"a":' * 5000 + b"1" + b"}" * 5000),
        "header of noise": with_header(random.Random(2).randbytes(200)),
        "offsets before the start": entry(data_offsets=[-4, end - start - 4]),
        "offsets beyond the end": entry(data_offsets=[start, end + 10**12]),
        "offsets turned round": entry(data_offsets=[end, start]),
        "offsets that overlap": entry(data_offsets=[0, end - start]),
        "offsets of text": entry(data_offsets=["0", "4"]),
        "shape of terabytes": entry(shape=[10**12]),
        "negative shape": entry(shape=[-1]),
        "shape of many axes": entry(shape=[1] * 5000),
        "overflowing shape": entry(shape=[2**33, 2**33]),
        "other type": entry(dtype="I64"),
        "no such type": entry(dtype="F13"),
        "type of half bytes": entry(dtype="F4"),
        "a name twice": with_header(f'{text[:-1]}, "{first}": {json.dumps(header[first])}}}'.encode()),
        "no weights": with_header({}, b""),
        "metadata of megabytes": with_header({**header, "__metadata__": {"a": "x" * 5_000_000}}),
        "metadata that steers": with_header({**header, "__metadata__": {"\x1b[2J\n": "\x1b[31m"}}),
        "a pickle": pickled({"a": Call(eval, "1")}),
    }
    return {name: lambda path, _, content=content: path.write_bytes(content) for name, content in files.items()}


def in_pickles(state):
    """By name, what may be wrong with a pickle of torch's."""

    def code(canary):
        told = f"open({str(canary)!r}, 'w')"
        return {
            "os.system": Call(os.system, f"touch '{canary}'"),
            "eval": Call(eval, told),
            "exec": Call(exec, told),
            "open": Call(open, str(canary), "w"),
            "popen": Call(subprocess.Popen, ["touch", str(canary)]),
            "check_output": Call(subprocess.check_output, ["touch", str(canary)]),
            "runpy": Call(runpy.run_path, f"{canary}.py"),
            "torch.load": Call(torch.load, f"{canary}.pkl"),
            "pickle.loads": Call(pickle.loads, pickle.dumps(Call(os.system, f"touch '{canary}'"))),
            "getattr": Call(getattr, "", "upper"),
        }

    def archived(name, protocol):
        return lambda path, canary: write_archive(path, pickled({**state, "a": code(canary)[name]}, protocol))

    def bare(name, protocol):
        return lambda path, canary: path.write_bytes(pickled(code(canary)[name], protocol))

    def claiming(held, **options):
        return lambda path, _: write_archive(path, held, **options)

    def changed(change):
        def make(path, canary):
            torch.save(state, path)
            path.write_bytes(change(bytearray(path.read_bytes())))

        return make

    def scripted(path, _):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # strangers' files are old
            torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(str(path))

    def legacy(path, canary):
        held = {**state, "a": code(canary)["eval"]}
        stream = io.BytesIO()
        torch.save({"a": 1}, stream, _use_new_zipfile_serialization=False)
        parts = stream.getvalue()
        path.write_bytes(parts[: parts.index(b"}") - 2] + pickled(held))

    names = list(code(Path()))
    files = {f"{name}, protocol {protocol}": archived(name, protocol) for name in names for protocol in (0, 2, 4)}
    files |= {f"bare {name}, protocol {protocol}": bare(name, protocol) for name in names[:4] for protocol in (0, 2, 4)}
    ring = {}
    ring["again"] = ring
    deep = []
    for _ in range(300):
        deep = [deep]
    files |= {
        "no strides": claiming({**state, "a": tensor(shape=(10**12,), strides=(0,))}),
        "size": claiming({"a": tensor(shape=(10**9,))}),
        "strides": claiming({"a": tensor(shape=(2,), strides=(10**11,))}),
        "negative strides": claiming({"a": tensor(shape=(2,), strides=(-1,))}),
        "negative offset": claiming({"a": tensor(offset=-(10**6))}),
        "storage of terabytes": claiming({"a": tensor(10**12, (10**12,))}),
        "negative storage": claiming({"a": tensor(-1)}),
        "no such storage": claiming({"a": tensor(key="7")}),
        "storage elsewhere": claiming({"a": tensor(key="../../version")}),
        "array of terabytes": claiming({"a": Call(bytearray, 10**12)}),
        "tensor of terabytes": claiming({"a": Call(torch.FloatTensor, 10**11)}),
        "packed": claiming({"a": tensor(10**7, (10**7,))}, storages=[bytes(4 * 10**7)], compression=ZIP_DEFLATED),
        "ring": claiming({**state, "a": ring}),
        "deep": claiming({**state, "a": deep}),
        "text": claiming("state"),
        "number": claiming(10**300),
        "names of numbers": claiming({1: tensor(), 2: tensor()}),
        "scripted": scripted,
        "legacy": legacy,
        "cut": changed(lambda data: data[: len(data) // 2]),
        "cut at its end": changed(lambda data: data[:-30]),
        "without a table": lambda path, _: ZipFile(path, "w").close(),
        "large memo": lambda path, _: write_archive(path, b"\x80\x02}r\xff\xff\xff\x7f."),
        "long text": lambda path, _: write_archive(path, b"\x80\x02X\xff\xff\xff\x7fabc."),
        "stops at once": lambda path, _: write_archive(path, b"\x80\x02."),
    }
    return files


def hostile(state, suffix, seed=0, mutants=20):
    """By name, how to make each hostile file of a format: ``make(path, canary)``."""
    made = of_any_kind(state) | (in_safetensors(state) if suffix == ".safetensors" else in_pickles(state))
    for number in range(mutants):
        made[f"mutant {seed + number}"] = lambda path, _, number=number: _mutate(path, state, seed + number)
    return made


def write(path, state):
    state = {name: value.contiguous() for name, value in state.items()}
    if path.suffix == ".safetensors":
        path.write_bytes(save(state, {"format": "pt"}))
    else:
        torch.save(state, path)


def _mutate(path, state, seed):
    """A whole file with some bytes set, dropped or repeated, most often where its structure is."""
    chance = random.Random(seed)
    write(path, state)
    data = bytearray(path.read_bytes())
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(min(len(data), chance.choice([64, 4000, len(data)])))
        if path.suffix != ".safetensors" and chance.random() < 0.5:
            place = len(data) - 1 - place
        kind = chance.randrange(3)
        if kind == 0:
            data[place] = chance.randrange(256)
        elif kind == 1:
            del data[place : place + chance.randint(1, 16)]
        else:
            data[place:place] = data[place : place + chance.randint(1, 16)]
    path.write_bytes(data)

"""Weights from files that nobody vouches for: read without running any code from them, and held against the size of
the file before memory is taken for them.

``torch.load`` with ``weights_only`` runs no code either, but builds whatever small files claim: tensors of terabytes
out of one number, arrays of any length, archives that unpack to a thousand times their size.
"""

from __future__ import annotations

import math
import pickletools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar
from zipfile import ZIP_STORED, ZipFile

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from igo.errors import CheckpointError
from igo.files import check_regular, reason

Network = TypeVar("Network", bound=nn.Module)
SAFETENSORS = ".safetensors"
PICKLES = (".pth", ".pt", ".bin", ".ckpt")
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_SHARED = 2
"""How many times the bytes of a file its tensors may have together: those that are tied share theirs."""
_PLAIN = {
    "collections OrderedDict",
    "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_tensor_v2",
    *(
        f"torch {kind}Storage"
        for kind in ("BFloat16", "Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long")
    ),
    *(f"torch {kind}Storage" for kind in ("ComplexDouble", "ComplexFloat", "Short")),
}
"""What a pickle of weights names, module and name: nothing that could take memory by being called."""
_PICKLE = b"\x80"
_ARCHIVE = b"PK\x03\x04"
_STRANGERS = (
    (0, b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with 'git lfs pull'"),
    (0, b"<", "an HTML or XML page; download the file itself"),
    (0, b"Entry not found", "a hub's answer; download the file itself"),
    (0, b"\x1f\x8b", "a gzip archive; unpack it"),
    (257, b"ustar", "a tar archive; unpack it"),
    (0, b"GGUF", "a GGUF file; convert it to .safetensors"),
)
"""What is mistaken for weights: by the bytes at a place, after white space."""


def described(path: Path) -> dict[str, Tensor]:
    """The tensors in a file by name, on the meta device: types and shapes of all, values of none.

    The file is ``.safetensors`` or a pickle of torch's; tables in tables have dots between their names. Raises
    ``CheckpointError`` for a pickle that holds anything but plain weights, for tensors that claim more than the file
    has, and for a file that is damaged, missing or something else.
    """
    return dict(flat(_read(path, "meta")))


def read(path: Path) -> Any:
    """What is in a file, with every tensor on the CPU, in the precision of the file. Raises as ``described`` does."""
    if path.suffix.lower() != SAFETENSORS:
        _read(path, "meta")
    return _read(path, "cpu")


def check_finite(weights: Mapping[str, Tensor], source: object) -> None:
    """Raise ``CheckpointError``, which names the ``source``, for the first weight that is NaN or infinite.

    Those that have no values, on the meta device, are passed over.
    """
    for name, value in weights.items():
        if value.dtype in FLOATS and value.numel() and not value.is_meta:
            low, high = (float(end) for end in value.detach().aminmax())  # many times faster than isfinite
            if not (math.isfinite(low) and math.isfinite(high)):
                raise CheckpointError(
                    f"{source} holds weights that are not finite, such as {shown(name)}; download or export it again"
                )


def filled(network: Network, state: Mapping[str, Tensor]) -> Network:
    """``network``, made on the meta device, with copies of the weights in fp32. Raises ``RuntimeError`` if they are
    another network's."""
    found = {name: value.detach().to(torch.float32, copy=True).contiguous() for name, value in state.items()}
    network.load_state_dict(found, assign=True)
    return network


def shown(text: object) -> str:
    """Text from a file, on one line and without what would steer a terminal."""
    line = " ".join(str(text).split())
    return "".join(character if character.isprintable() else "�" for character in line)[:200]


def _read(path: Path, device: str) -> Any:
    try:
        size = check_regular(path).st_size
        with path.open("rb") as file:
            head = file.read(512)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"can't read the weights {path}: {reason(error)}; expected a file of weights") from None
    if not size:
        raise CheckpointError(f"can't read the weights {path}: it is empty; download it again")
    for place, mark, kind in () if _known(head) else _STRANGERS:
        if head[place:].lstrip().startswith(mark):
            raise CheckpointError(f"can't read the weights {path}: it is {kind}")
    try:
        if path.suffix.lower() == SAFETENSORS:
            return {name: value.to(device) for name, value in load_file(path).items()}
        _check_pickles(path, head, size)
        found = torch.load(path, device, weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # the readers raise whatever a damaged file leads them to
        raise CheckpointError(f"can't read the weights {path}: {_reason(error, path, head)}") from error
    total = 0
    for name, value in flat(found):
        total += value.numel() * value.element_size()
        if total > _SHARED * size or _end(value) > size:
            raise CheckpointError(
                f"{path} claims more weights than its {size} bytes hold, in {shown(name)}; download or export it again"
            )
    return found


def _check_pickles(path: Path, head: bytes, size: int) -> None:
    """Raise ``CheckpointError`` for pickles that name more than weights, and for archives that unpack to more than they
    are."""
    if not head.startswith(_ARCHIVE):
        with path.open("rb") as file:
            for _ in range(5):  # number, version, system, tables, and the names of what follows
                _check_pickle(file, path)
        return
    with ZipFile(path) as archive:
        entries = archive.infolist()
        if any(each.compress_type != ZIP_STORED for each in entries) or sum(e.file_size for e in entries) > size:
            raise CheckpointError(f"{path} is a packed archive; expected weights as torch.save writes them")
        for entry in entries:
            if entry.filename.endswith(".pkl"):
                with archive.open(entry) as file:
                    _check_pickle(file, path)


def _check_pickle(file: IO[bytes], path: Path) -> None:
    words: list[str] = []
    for operation, argument, _ in pickletools.genops(file):
        if operation.name in ("GLOBAL", "INST", "STACK_GLOBAL"):
            name = " ".join(words[-2:]) if argument is None else str(argument)
            if name not in _PLAIN:
                raise CheckpointError(
                    f"{path} is refused, since it could run code: beside weights it names "
                    f"{shown(name.replace(' ', '.'))}; save its state_dict as .safetensors"
                )
        elif isinstance(argument, str):
            words.append(argument)


def flat(found: Any) -> Iterator[tuple[str, Tensor]]:
    """All tensors in tables and lists, with their names; in what is held twice or by itself, once."""
    waiting, seen = [("", found)], set()
    while waiting:
        name, held = waiting.pop()
        if isinstance(held, Tensor):
            yield name, held
        elif isinstance(held, Mapping | list | tuple) and id(held) not in seen:
            seen.add(id(held))
            items = list(held.items() if isinstance(held, Mapping) else enumerate(held))
            waiting += [(f"{name}.{key}" if name else str(key), value) for key, value in reversed(items)]


def _end(value: Tensor) -> int:
    """How many bytes of its storage a tensor reaches over."""
    if not value.numel():
        return 0
    last = sum((count - 1) * step for count, step in zip(value.shape, value.stride(), strict=True))
    return int(value.storage_offset() + last + 1) * value.element_size()


def _known(head: bytes) -> bool:
    """Whether a file begins as weights do. What follows may be any bytes, those of a page or an archive among them; so
    may safetensors' first eight, which say how long its description is."""
    return head.startswith((_ARCHIVE, _PICKLE)) or head[8:9] == b"{"


def _reason(error: Exception, path: Path, head: bytes) -> str:
    """What a reader's error comes to. torch's own advice, to load the file without protection, is not passed on."""
    expected = path.suffix.lower()
    if expected == SAFETENSORS and head.startswith((_ARCHIVE, _PICKLE)):
        return "it is a pickle by its content, not safetensors; call it .pth"
    if expected != SAFETENSORS and not head.startswith((_ARCHIVE, _PICKLE)):
        return f"it is no file that torch.save wrote; expected {expected} weights"
    told = shown(error) if expected == SAFETENSORS else type(error).__name__
    return f"it is cut off or damaged ({told}); download it again"

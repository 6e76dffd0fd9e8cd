"""Networks from files that nobody vouches for: read without running any code from them, told apart by their weights."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from igo.errors import CheckpointError
from igo.networks.rrdb import RRDBNet
from igo.networks.srvgg import SRVGGNetCompact
from igo.networks.weights import FLOATS, check_finite, read, shown

Network = SRVGGNetCompact | RRDBNet
READABLE = (".safetensors", ".pth")


def read_state(path: Path) -> dict[str, Tensor]:
    """The weights in a ``.safetensors`` or ``.pth`` file by name, on the CPU, in the precision of the file.

    Of an official file's two sets of weights the averaged one is taken. Raises ``CheckpointError`` for another suffix,
    for a pickle that holds anything but weights, for weights that are no finite floats, and for a file that is damaged
    or missing.
    """
    if path.suffix.lower() not in READABLE:
        raise CheckpointError(f"{path} is not read: expected a file that ends in {' or '.join(READABLE)}")
    state = read(path)
    if isinstance(state, dict):
        state = state.get("params_ema") or state.get("params") or state
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    ):
        raise CheckpointError(f"{path} holds no table of weights by name; expected a network's state_dict")
    check_floats(state, path)
    return state


def check_floats(state: Mapping[str, Tensor], source: object) -> None:
    """Raise ``CheckpointError``, which names the ``source``, for weights that aren't floats of 16 to 64 bits, hold no
    number, or are not finite."""
    for name, value in state.items():
        if value.dtype not in FLOATS or not value.numel():
            kind = str(value.dtype).removeprefix("torch.") if value.numel() else "empty"
            raise CheckpointError(f"{source} holds {shown(name)}, which is {kind}; expected floats of 16 to 64 bits")
    check_finite(state, source)


def network_of(state: Mapping[str, Tensor], source: object) -> Network:
    """The network that these weights belong to, in fp32. Raises ``CheckpointError``, which names the ``source``."""
    for kind in (RRDBNet, SRVGGNetCompact):
        try:
            return kind.of(state)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
            continue
    raise CheckpointError(f"{source} holds neither an RRDBNet nor an SRVGGNetCompact of RGB pictures with PReLU")


def load_srvgg(path: Path) -> SRVGGNetCompact:
    """The SRVGGNetCompact in a file. Raises ``CheckpointError`` for any other network, too."""
    network = network_of(read_state(path), path)
    if not isinstance(network, SRVGGNetCompact):
        raise CheckpointError(f"{path} does not hold a SRVGGNetCompact of RGB pictures with PReLU")
    return network

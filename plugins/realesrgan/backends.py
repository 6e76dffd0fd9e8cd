"""The three backends behind one small interface: files in, something that enlarges a piece of a picture out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from igo.errors import CheckpointError
from igo_plugins.realesrgan import models

if TYPE_CHECKING:
    import igo
    from igo.licensing import License
    from igo_plugins.realesrgan.tiles import Enlarger
LARGEST = 16
"""How many times larger a picture can be made."""


@dataclass(frozen=True)
class Loaded:
    """A model on its device, and exactly which weights are in it."""

    name: str
    identity: str
    enlarger: Enlarger
    license: License


def files_of(model: str, scale: float, folder: str | None, backend: str) -> tuple[Path, ...]:
    """The files of a model as the backend wants them. Raises ``CheckpointError`` if they aren't here."""
    files: tuple[Path, ...]
    files = (models.locate_ncnn(model, scale, folder),) if backend == "ncnn" else models.locate(model, scale, folder)
    return files


def load(
    files: tuple[Path, ...],
    model: str,
    denoise_strength: float,
    backend: str,
    runtime: igo.Runtime,
    channels_last: bool = True,
) -> Loaded:
    """Check and read the files, and put the network on the runtime's device (ncnn: on the CPU).

    ``channels_last``: see ``TorchEnlarger``. Raises ``CheckpointError`` for files that aren't what their names say, and
    for a backend that isn't installed; ``LicenseError`` for those that the runtime doesn't permit.
    """
    license = [runtime.permit(model, models.license_of(model, path)) for path in files][0]  # noqa: A001, RUF015
    identity = "+".join(f"sha256:{models.digest_of(path)}" for path in files)
    if backend == "ncnn":
        from igo_plugins.realesrgan.ncnn_backend import NcnnEnlarger

        enlarger: Enlarger = NcnnEnlarger(files[0])
    else:
        enlarger = _by_torch(files, model, denoise_strength, backend, runtime, channels_last)
    if not 2 <= enlarger.scale <= LARGEST:
        told = "doesn't enlarge" if enlarger.scale < 2 else f"enlarges {enlarger.scale} times"
        raise CheckpointError(f"{files[0]} holds a network that {told}; expected one of ×2 to ×{LARGEST}")
    return Loaded(model, identity, enlarger, license)


def _by_torch(
    files: tuple[Path, ...],
    model: str,
    denoise_strength: float,
    backend: str,
    runtime: igo.Runtime,
    channels_last: bool,
) -> Enlarger:
    """Our own networks; those of the package; of other architectures what spandrel makes of them."""
    from igo.networks.files import network_of
    from igo_plugins.realesrgan.torch_backend import TorchEnlarger, load_state

    state = load_state(files, model, denoise_strength)
    try:
        network = network_of(state, files[0])
    except CheckpointError:
        if backend != "torch":
            raise
        from igo_plugins.realesrgan.spandrel_backend import SpandrelEnlarger

        return SpandrelEnlarger(state, files[0], runtime.device)
    enlarger = TorchEnlarger(network, runtime.device, runtime.dtype, channels_last=channels_last)
    if backend == "realesrgan":
        from igo_plugins.realesrgan.package_backend import PackageEnlarger

        return PackageEnlarger(state, enlarger, runtime.device)
    return enlarger

"""What suits the device that trains: precision, and how large a batch may be."""

from typing import Literal, get_args

import torch
from accelerate import PartialState
from accelerate.utils import parse_flag_from_env

from igo.errors import SettingsError

Precision = Literal["auto", "no", "fp16", "bf16"]
BYTES_PER_SCALE = 2 << 30
"""Device memory for each multiple of the batches that suit two CPU cores."""
LARGEST_SCALE = 32


def precision(wanted: Precision = "auto") -> Literal["no", "fp16", "bf16"]:
    """``"bf16"`` on GPUs that have it, ``"fp16"`` on others, else ``"no"`` (32 bit), unless told otherwise. Raises
    ``SettingsError``.

    Not on CPUs: with AVX-512's bf16 instructions a UNet trains 1.15 times faster and a CLIPSeg not at all, and without
    them everything is many times slower.
    """
    if wanted not in get_args(Precision):
        raise SettingsError(f"precision is '{wanted}'; choose auto, no (32 bit), fp16 or bf16")
    if wanted != "auto":
        return wanted
    if not torch.cuda.is_available():
        return "no"
    return "bf16" if torch.cuda.is_bf16_supported() else "fp16"


def processes() -> PartialState:
    """This process among those that ``accelerate launch`` or ``torchrun`` started, and its device.

    On CPUs accelerate finds the others only if told that there are no GPUs to look for (``accelerate launch --cpu``),
    and it is the first call that counts.
    """
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))


def batch_scale() -> int:
    """By how much to multiply the batches that suit two CPU cores: by what the first GPU's memory holds, at most 32."""
    if not torch.cuda.is_available():
        return 1
    memory = int(torch.cuda.get_device_properties(0).total_memory)
    return max(1, min(LARGEST_SCALE, memory // BYTES_PER_SCALE))

"""What a plugin shares with everything else in its process: random number generators and torch's switches."""

from __future__ import annotations

import hashlib
import random
import sys
from typing import Any

import numpy as np

RANDOM = ("random", "numpy.random", "torch's random numbers", "torch's random numbers on CUDA")


def global_state() -> dict[str, object]:
    """Everything by name, comparable with ``==``. Of torch nothing, as long as nobody has imported it."""
    numbers = np.random.get_state(legacy=False)
    state: dict[str, object] = {
        "random": random.getstate(),
        "numpy.random": (_digest(numbers["state"]["key"]), numbers["state"]["pos"], numbers["has_gauss"]),
    }
    torch = sys.modules.get("torch")
    if torch is None:
        return state
    state["torch's random numbers"] = _digest(torch.get_rng_state().numpy())
    if torch.cuda.is_initialized():
        state["torch's random numbers on CUDA"] = [_digest(one.numpy()) for one in torch.cuda.get_rng_state_all()]
    return state | {
        "torch's grad mode": torch.is_grad_enabled(),
        "torch's inference mode": torch.is_inference_mode_enabled(),
        "torch's default dtype": torch.get_default_dtype(),
        "torch's default device": torch.get_default_device(),
        "torch's number of threads": torch.get_num_threads(),
        "torch.use_deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "torch's matmul precision": torch.get_float32_matmul_precision(),
        "torch.backends.cudnn.deterministic": torch.backends.cudnn.deterministic,
        "torch.backends.cudnn.benchmark": torch.backends.cudnn.benchmark,
    }


def _digest(array: Any) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()

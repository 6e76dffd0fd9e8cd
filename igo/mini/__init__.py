"""`mini`: the small model that IGO carries, in the layout of a Stable Diffusion 1.5 checkpoint.

This module is light: it finds weights and imports nothing heavy. The parts that draw, train and export are its
submodules, imported by whoever needs them.
"""

from pathlib import Path
from typing import Any

from igo.errors import CheckpointError

WEIGHTS = Path(__file__).parent / "weights"
NATIVE_SIZE = (128, 192)
"""Width and height of the pictures that `mini` was trained on."""
DEFAULTS: dict[str, Any] = {"width": 128, "height": 192, "num_inference_steps": 20, "guidance_scale": 3.0}
"""What `mini` paints best with."""


def path(part: str) -> Path:
    """The folder of embedded weights named ``part``, such as ``"base"``.

    Raises ``CheckpointError`` if this installation does not carry it.
    """
    folder = WEIGHTS / part
    if not part or not folder.is_dir() or WEIGHTS.resolve() not in folder.resolve().parents:
        there = ", ".join(sorted(p.name for p in WEIGHTS.glob("*") if p.is_dir())) or "none"
        raise CheckpointError(
            f"mini has no embedded weights '{part}' (there: {there}); reinstall igo, or make them with `igo mini train`"
        )
    return folder

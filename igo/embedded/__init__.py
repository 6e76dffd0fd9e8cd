"""The weights that IGO carries: where they lie, and what they paint best with.

On the ground floor, so that painting, training and plugins find `mini` without knowing how it was made (``igo.mini``).
"""

from pathlib import Path
from typing import Any

from igo.errors import CheckpointError

WEIGHTS = Path(__file__).parent / "weights"
CLIP_MERGES = Path(__file__).parent / "clip" / "merges.txt.gz"
"""CLIP's vocabulary, for checkpoints in one file; from OpenAI, under the license beside it."""
LICENSE = "Apache-2.0"
"""Of the weights that IGO's own training made, which are all but CLIP's vocabulary."""
CARD = f"""---
license: {LICENSE.lower()}
---

A model of IGO's `mini`, trained from scratch by code in IGO's repository on pictures that are drawn by code.
"""
"""The card of each part (see ``igo.licensing``)."""
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

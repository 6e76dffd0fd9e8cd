"""What no checkpoint can paint, known before one is loaded."""

from __future__ import annotations

from igo.errors import SettingsError
from igo.values import Request

MAX_STEPS = 1000
"""The published checkpoints are trained in so many, and schedulers have no more between two pictures."""
MAX_IMAGES = 10_000
MAX_PIXELS = 4096 * 4096
"""Of a picture that is painted from text: all of it is before the model at once. One that starts from a picture is
painted at the checkpoint's own size."""
MAX_SIDE = 16384


def check_request(request: Request) -> None:
    """Raise ``SettingsError`` for what can't be meant."""
    steps = request.num_inference_steps or 0
    if steps > MAX_STEPS:
        raise SettingsError(f"num_inference_steps is {steps}; expected at most {MAX_STEPS}, the steps of training")
    if request.num_images > MAX_IMAGES:
        raise SettingsError(f"num_images is {request.num_images}; expected at most {MAX_IMAGES:,} in one run")
    if request.image is None:
        if request.strength is not None:
            raise SettingsError(f"strength is {request.strength:g}, and there is no picture to change; give image=")
        if request.width and request.height:
            check_area(request.width, request.height)
        for name in ("width", "height"):
            if (getattr(request, name) or 0) > MAX_SIDE:
                raise SettingsError(f"{name} is {getattr(request, name)}; expected at most {MAX_SIDE} in one piece")


def check_area(width: int, height: int) -> None:
    """Raise ``SettingsError`` for more pixels than can be painted from text at once."""
    if width * height > MAX_PIXELS:
        raise SettingsError(
            f"{width}x{height} is more than can be painted in one piece; expected at most {MAX_PIXELS:,} pixels "
            "(4096x4096): paint it smaller, and enlarge it with Upscaling"
        )

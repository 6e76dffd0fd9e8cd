"""IGO (Image Generative Operator): chains of plugins around text-to-image, for what people in pictures wear.

Names are imported on first use, so that ``import igo`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from igo.chains.chain import Chain as Chain
    from igo.chains.config import load_chain as load_chain
    from igo.chains.gathering import together as together
    from igo.chains.progress import ProgressBar as ProgressBar
    from igo.chains.replaying import replay as replay
    from igo.chains.speed import speed as speed
    from igo.errors import IGOError as IGOError
    from igo.hookspecs import hookimpl as hookimpl
    from igo.painting.text_to_image import TextToImage as TextToImage
    from igo.records.look import Look as Look
    from igo.runtime import Runtime as Runtime
    from igo.values import Entry as Entry
    from igo.values import Event as Event
    from igo.values import Frame as Frame
    from igo.values import Request as Request

_HOMES = {
    "Chain": "chains.chain",
    "Entry": "values",
    "Event": "values",
    "Frame": "values",
    "IGOError": "errors",
    "Look": "records.look",
    "ProgressBar": "chains.progress",
    "Request": "values",
    "Runtime": "runtime",
    "TextToImage": "painting.text_to_image",
    "hookimpl": "hookspecs",
    "load_chain": "chains.config",
    "replay": "chains.replaying",
    "speed": "chains.speed",
    "together": "chains.gathering",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("igo")
    if name not in _HOMES:
        raise AttributeError(f"module 'igo' has no attribute {name!r}")
    value = getattr(import_module(f"igo.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__]

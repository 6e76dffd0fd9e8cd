"""IGO's bundled plugins, written against the interface that everybody gets."""

from igo_plugins.acceleration import Acceleration
from igo_plugins.adapter import Adapter
from igo_plugins.caching import Caching
from igo_plugins.captioning import Captioning
from igo_plugins.controlnet import ControlNet
from igo_plugins.depth import Depth
from igo_plugins.edges import Edges
from igo_plugins.embedding import Embedding
from igo_plugins.few_steps import FewSteps
from igo_plugins.human_parsing import HumanParsing
from igo_plugins.outpainting import Outpainting
from igo_plugins.pose import Pose
from igo_plugins.reference import Reference
from igo_plugins.remote import Remote
from igo_plugins.text_mask import TextMask
from igo_plugins.tiny_decoder import TinyDecoder
from igo_plugins.try_on import TryOn
from igo_plugins.upscaling import Upscaling
from igo_plugins.virtual_styling import VirtualStyling

__all__ = [
    "Acceleration",
    "Adapter",
    "Caching",
    "Captioning",
    "ControlNet",
    "Depth",
    "Edges",
    "Embedding",
    "FewSteps",
    "HumanParsing",
    "Outpainting",
    "Pose",
    "Reference",
    "Remote",
    "TextMask",
    "TinyDecoder",
    "TryOn",
    "Upscaling",
    "VirtualStyling",
]

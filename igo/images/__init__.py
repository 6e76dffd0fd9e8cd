"""Pictures in and out: everything people have becomes 8-bit sRGB with straight alpha, or is refused in one line.

Files and arrays are read with `read_image`, written whole or not at all with `write_image`; text travels in the file
and comes back with `read_text`. `pad_reflect` and `unpad` fit a picture to a model's grid and back, byte for byte.
"""

from igo.errors import ImageError
from igo.images.geometry import Box, fit_size, pad_reflect, placed, resized, unpad
from igo.images.kinds import READABLE
from igo.images.limits import MAX_PIXELS
from igo.images.masks import Mask, read_mask
from igo.images.photographs import is_photograph
from igo.images.reading import ImageSource, Picture, digest, read_image, read_text
from igo.images.transparency import kept_hidden, on_white, visible_part
from igo.images.writing import WRITABLE, Written, format_of, write_image

__all__ = [
    "MAX_PIXELS",
    "READABLE",
    "WRITABLE",
    "Box",
    "ImageError",
    "ImageSource",
    "Mask",
    "Picture",
    "Written",
    "digest",
    "fit_size",
    "format_of",
    "is_photograph",
    "kept_hidden",
    "on_white",
    "pad_reflect",
    "placed",
    "read_image",
    "read_mask",
    "read_text",
    "resized",
    "unpad",
    "visible_part",
    "write_image",
]
